"""The little English that rewriting by rule needs: quotes, capitals, and where a text may stand inside a sentence.

Everything here errs to "cannot tell": an operator that is unsure leaves a text alone, since a rewrite that reads wrong
is worth less than none.
"""

from __future__ import annotations

import re

QUOTED = re.compile('"[^"]*"|\u201c[^\u201d]*\u201d')
"""Direct speech between double quotes, straight or curly."""

WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
"""A word, with its apostrophes."""

SINGLE_QUOTED = re.compile(r"(?<![\w'])'(?=\w)")
"""Where direct speech between single quotes may begin."""

OPENER = re.compile(
    r"(?:a|an|the|this|that|these|those|my|our|his|her|its|their|your|he|she|it|we|they|you|there|here|"
    r"some|someone|something|somebody|any|anyone|every|everyone|each|both|half|all|none|no|nobody|nothing|never|not|"
    r"one|two|three|four|five|six|ten|once|only|just|still|now|then|later|soon|so|and|but|"
    r"above|across|after|along|around|as|at|before|behind|below|beneath|beside|between|by|down|during|for|from|if|in|"
    r"inside|into|on|onto|out|outside|over|past|since|through|to|toward|towards|under|until|up|upon|with|within|"
    r"without|what|when|where|which|while|who)",
    re.IGNORECASE,
)
"""Words that are never names, so that a sentence which begins with one may begin with a small letter instead."""


def like(found: str, replacement: str) -> str:
    """The replacement, capitalised where what it replaces is."""
    return replacement[:1].upper() + replacement[1:] if found[:1].isupper() else replacement


def small_start(text: str) -> str | None:
    """The text to stand inside a sentence; None where its first word may be a name or opens direct speech."""
    first = WORD.match(text)
    if first is None:
        return None
    word = first.group()
    if word == "I" or word.startswith(("I'", "I\u2019")):
        return text
    return text[0].lower() + text[1:] if OPENER.fullmatch(word) else None


def quotable(text: str) -> str | None:
    """The text as it stands between double quotes, its own made single; None with both kinds or half a pair."""
    if text.count('"') % 2 or (QUOTED.search(text) and SINGLE_QUOTED.search(text)):
        return None
    if text.count("\u201c") != text.count("\u201d"):
        return None
    return text.replace('"', "'").replace("\u201c", "\u2018").replace("\u201d", "\u2019")


def narration(text: str) -> list[tuple[int, int]]:
    """Spans (start, end) of what stands outside direct speech, in order."""
    spans, start = [], 0
    for match in QUOTED.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return [(first, last) for first, last in spans if first < last]


def plain_speech(text: str) -> bool:
    """Whether direct speech can be told from the rest: whole pairs of double quotes, no single ones."""
    return text.count('"') % 2 == 0 and not SINGLE_QUOTED.search(text)
