"""Names of people in a passage, as far as capitals and the words around them tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from miners.rewrites.english import OPENER
from miners.rewrites.verbs import Token, is_adverb, is_plural, kinds, past

Role = Literal["subject", "object", "of"]

_PLACE = re.compile(
    r"(?:in|at|off|near|on|outside|above|through|across|towards|toward|around|round|the|into|over|under)"
)
_UNSURE = re.compile(r"(?:of|to|from|for|with|by|a|an|old|young|poor|little|another|every)")
_JOINS = re.compile(
    r"(?:and|but|that|when|where|while|as|because|until|till|before|after|if|so|than|what|how|why|then|since)"
)
_CALENDAR = re.compile(
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|"
    r"october|november|december|christmas|easter|god|lord)"
)
_TITLE = re.compile(
    r"(?:mr|mrs|miss|ms|dr|sir|lady|lord|uncle|aunt|auntie|father|mother|sister|brother|captain|private)"
)
_VERBS = re.compile(r"(?:was|were|had|did|could|would|might|must|should|wasn't|hadn't|didn't|couldn't|wouldn't)")


class Name(NamedTuple):
    """A mention of somebody by name.

    Attributes:
        start, end: its place, an ending 's included.
        who: its last word in small letters.
        role: what it is in its clause.
    """

    start: int
    end: int
    who: str
    role: Role


def names_in(words: Sequence[Token]) -> tuple[Name, ...] | None:
    """The mentions of the one person that a passage names; empty if it names none.

    None where it names more than one, or where it cannot be told whether or in which role it does.
    """
    found: list[Name] = []
    place = 0
    while place < len(words):
        end = _run(words, place)
        if end == place:
            place += 1
            continue
        mention = _mention(words, place, end)
        if mention == "unsure":
            return None
        if isinstance(mention, Name):
            found.append(mention)
        place = end
    return tuple(found) if len({name.who for name in found}) <= 1 else None


def _run(words: Sequence[Token], place: int) -> int:
    """Behind the last of the capitalised words, joined, that begin here; the place itself where none does."""
    if not words[place].word[0].isupper() or words[place].low in {"i", "i'd"}:
        return place
    end = place + 1
    while end < len(words) and words[end].joined and words[end].word[0].isupper():
        end += 1
    first = words[place]
    if first.opens and end == place + 1 and (OPENER.fullmatch(first.low) or kinds(first.low) or past(first.low)):
        return place
    return place if first.opens and OPENER.fullmatch(first.low) else end


def _mention(words: Sequence[Token], place: int, end: int) -> Name | Literal["unsure"] | None:
    """The run as a mention; None for places, days and what describes a noun."""
    last = words[end - 1]
    low = last.low.removesuffix("'s")
    before = words[place - 1] if place and words[place].joined else None
    behind = words[end] if end < len(words) and words[end].joined else None
    titled = _TITLE.fullmatch(words[place].low) is not None or last.low.endswith("'s")
    placed = before is not None and _PLACE.fullmatch(before.low) is not None
    if _CALENDAR.fullmatch(low) or is_plural(low) or (placed and not titled):
        return None
    if before is not None and _UNSURE.fullmatch(before.low):
        return "unsure"
    if last.low.endswith("'s"):
        return Name(words[place].start, last.end, low, "of")
    if behind is not None and "NOUN" in kinds(behind.low) and past(behind.low) is None:
        return "unsure"
    if before is None or _JOINS.fullmatch(before.low):
        acts = behind is not None and (_VERBS.fullmatch(behind.low) or past(behind.low) or is_adverb(behind.low))
        return Name(words[place].start, last.end, low, "subject") if acts else "unsure"
    return Name(words[place].start, last.end, low, "object")
