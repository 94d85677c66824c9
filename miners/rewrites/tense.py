"""Change of tense: a story in the past tense told in the present, "he slips and breaks a wrist".

What happens is the same, and it happens. Each verb must be told from participles and nouns that look alike, and its
subject's number must be known; where one verb of a text cannot be told, the text is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.english import like, plain_speech
from miners.rewrites.operator import Effect
from miners.rewrites.verbs import Token, is_adverb, is_plural, kinds, past, present, tokens

_SINGULAR, _PLURAL = ("is", "has", "does"), ("are", "have", "do")
_AUXILIARIES = {
    "was": 0, "were": 0, "wasn't": 0, "weren't": 0, "had": 1, "hadn't": 1, "did": 2, "didn't": 2,
}  # fmt: skip
"""Past forms whose present depends on the subject, by place in the two triples above."""

_MODALS = {
    "could": "can", "would": "will", "couldn't": "can't", "wouldn't": "won't", "might": "may", "must": "must",
    "should": "should", "mustn't": "mustn't", "shouldn't": "shouldn't",
}  # fmt: skip
"""Past forms of modal verbs and their present ones."""

_HE = frozenset(
    {
        "he", "she", "it", "this", "that", "who", "which", "nobody", "somebody", "everybody", "someone", "everyone",
        "one", "nothing", "something", "everything", "neither", "each", "what",
    }
)  # fmt: skip
_RELATIVE = frozenset({"who", "which", "that"})
_NUMBERS = re.compile(
    r"two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|twenty|thirty|forty|"
    r"fifty|hundred|dozen|both|several|many|few|some|most|all|others"
)
_THEY = frozenset({"they", "these", "those", "both", "people", "police", "men", "women", "children"})
_HELPERS = re.compile(
    r"(?:have|has|had|having|be|been|being|is|are|was|were|get|got|gets|not|to|did|didn't|wasn't|weren't|hadn't|could|"
    r"would|might|must|should|will|can|may|shall|couldn't|wouldn't|let|make|made|help|helped|saw|heard|felt|watched|'d)"
)
_BEFORE_NOUN = re.compile(
    r"(?:a|an|the|his|her|its|their|my|your|our|no|every|of|in|on|at|by|with|from|for|into|under|like|than|as|very)"
)
_ARTICLE = re.compile(r"(?:a|an|the|his|her|its|their)")
_EITHER = re.compile(
    r"(?:that|this|these|those|some|any|each|both|half|all|another|other|more|most|over|through|about|out|off|up|down|"
    r"so|too|what)"
)
"""What may stand before a noun or a verb."""

_JOINS = re.compile(r"(?:and|but|or|then)")
_OBJECT = re.compile(
    r"(?:a|an|the|his|her|its|their|him|it|them|himself|herself|itself|themselves|this|that|these|those|some|no|one|two|"
    r"three|four|every|each|both|all|nothing|something|everything|everyone)"
)
"""What begins an object, so that the word before it is no participle."""

_CLAUSE = re.compile(r"(?:after|when|before|while|as|that|where|because|than|whom|whose|if|how|why|what|and|but|or|so)")
"""Where a clause begins, and with it the search for a subject ends."""

_GIVE_UP = re.compile(
    r"(?:i|me|my|we|us|our|you|your|if|unless|wish|wished|used|better|suppose|supposed|ago|yesterday|ought|lest|i'd|"
    r"\w+'(?:d|ve|re|m|ll)|he's|she's|it's|that's|there's|till|until|since|last|once|need|dare)"
)


class _Unsure(Exception):  # noqa: N818 (never leaves this file)
    """A verb or its subject cannot be told."""


class Tense:
    """Tells in the present tense what is told in the past."""

    name = "tense"
    effect: Effect = "keeps"
    style = "retold"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:  # noqa: ARG002 (nothing to draw)
        """The text in the present tense, direct speech as it was; None where a verb cannot be told.

        The context follows where its verbs can be told, and else stays: stories change into the present.
        """
        text = _in_present(parent.text)
        if text is None or text == parent.text:
            return None
        context = _in_present(parent.context)
        return Text(text, parent.context if context is None else context), {"context": context is not None}


def _in_present(text: str) -> str | None:
    """The text in the present tense; None where a verb cannot be told."""
    words = tokens(text)
    if not plain_speech(text) or any(_GIVE_UP.fullmatch(token.low) for token in words):
        return None
    try:
        return _changed(text, words, _changes(words)).replace("can not", "cannot")
    except _Unsure:
        return None


def _changed(text: str, words: Sequence[Token], changes: dict[int, str]) -> str:
    parts, at = [], 0
    for place, new in sorted(changes.items()):
        token = words[place]
        parts += [text[at : token.start], like(token.word, new)]
        at = token.end
    return "".join([*parts, text[at:]])


def _changes(words: Sequence[Token]) -> dict[int, str]:
    """The present form by the place of each past one.

    Raises:
        _Unsure: one cannot be told.
    """
    changes: dict[int, str] = {}
    plural: bool | None = None
    simple = False
    for place, token in enumerate(words):
        if token.opens:
            plural, simple = None, False
        if token.low in _MODALS:
            changes[place], simple = _MODALS[token.low], False
            continue
        known = token.low in _AUXILIARIES
        if not known and past(token.low) is None:
            continue
        before = _before(words, place)
        if not known and not _is_past(words, place, before, simple=simple):
            continue
        plural = _number(words, place, before, plural)
        changes[place] = _present(token.low, plural=plural)
        simple = not known
    return changes


def _before(words: Sequence[Token], place: int) -> Token | None:
    """The word before, adverbs apart, with nothing between; None at a comma or a sentence's start."""
    while place > 0 and words[place].joined and not words[place].opens:
        place -= 1
        if not is_adverb(words[place].low):
            return words[place]
    return None


def _is_past(words: Sequence[Token], place: int, before: Token | None, *, simple: bool) -> bool:
    """Whether a word is the verb of its clause; False for participles, adjectives and nouns.

    Args:
        words: of the narration.
        place: of the word.
        before: the word before, adverbs apart.
        simple: whether the verb before it in the sentence was a simple past form, which "and" goes on from.

    Raises:
        _Unsure: it may be either.
    """
    token, reading = words[place], past(words[place].low)
    ambiguous = reading is not None and (reading.participle or reading.base)
    other = bool(kinds(token.low) & {"NOUN", "ADJ", "ADV"}) and not token.low.endswith("ed")
    loose = ambiguous or other
    if token.tells:
        found: bool | None = True
    elif before is None:
        found = (False if loose else None) if token.opens else (True if simple and not loose else None)
    elif _JOINS.fullmatch(before.low):
        found = True if simple and (not other or _has_object(words, place)) else None
    elif _HELPERS.fullmatch(before.low) or _BEFORE_NOUN.fullmatch(before.low):
        found = False if loose else None
    elif before.low in _HE | _THEY and not _EITHER.fullmatch(before.low):
        found = None if before.low == "it" and ambiguous and _is_object(words, words.index(before)) else True
    else:
        found = _behind_noun(words, place, before, ambiguous=ambiguous, other=other)
    return _unsure() if found is None else found


def _is_object(words: Sequence[Token], place: int) -> bool:
    """Whether a pronoun may be the object of the word before it: "holding it shut"."""
    before = words[place - 1] if place and words[place].joined and not words[place].opens else None
    return before is not None and ("VERB" in kinds(before.low) or _BEFORE_NOUN.fullmatch(before.low) is not None)


def _behind_noun(words: Sequence[Token], place: int, before: Token, *, ambiguous: bool, other: bool) -> bool | None:
    """Whether a word behind a noun is its verb; None where it may be a participle, or the noun is none."""
    if other or _EITHER.fullmatch(before.low) or (kinds(before.low) and "NOUN" not in kinds(before.low)):
        return None
    if not ambiguous:
        return True
    absolute = any(
        token.low == "with" for token in words[max(0, place - 6) : place]
    )  # "with its lamp turned the other way"
    return True if not absolute and _has_object(words, place) else None


def _has_object(words: Sequence[Token], place: int) -> bool:
    """Whether what follows a word can only be its object."""
    following = words[place + 1] if place + 1 < len(words) and words[place + 1].joined else None
    return following is not None and _OBJECT.fullmatch(following.low) is not None


def _unsure() -> bool:
    raise _Unsure


def _number(words: Sequence[Token], place: int, before: Token | None, last: bool | None) -> bool:
    """Whether the subject of a verb is plural; `last` says it of the sentence's last subject, None before any.

    Raises:
        _Unsure: it cannot be told.
    """
    low = words[place].low
    if low in {"was", "wasn't", "were", "weren't"}:
        return low.startswith("were")
    if words[place].tells:
        return _told_number(words, place)
    if before is None or _JOINS.fullmatch(before.low):
        return _unsure() if last is None else last
    if before.low in _THEY or before.low in _HE - _RELATIVE:
        return before.low in _THEY
    if before.low == "there":
        raise _Unsure
    return _noun_number(words, words.index(before) if before.low in _RELATIVE else place)


def _told_number(words: Sequence[Token], place: int) -> bool:
    """Whether the subject behind a verb that follows direct speech is plural: "said the two clerks".

    Raises:
        _Unsure: it cannot be told.
    """
    behind: list[Token] = []
    for token in words[place + 1 : place + 4]:
        if not token.joined:
            break
        behind.append(token)
    lows = [token.low for token in behind]
    if not behind or "and" in lows:
        raise _Unsure
    if lows[0] in _HE or (behind[0].word[0].isupper() and not kinds(lows[0])):
        return False
    if lows[0] in _THEY or _NUMBERS.fullmatch(lows[0]):
        return True
    if lows[0] not in {"the", "a", "an", "his", "her", "my", "their", "old", "uncle", "aunt"} or len(lows) < 2:
        raise _Unsure
    return any(_NUMBERS.fullmatch(low) for low in lows) or is_plural(lows[1])


def _noun_number(words: Sequence[Token], place: int) -> bool:
    """Whether the noun phrase right before a place is plural; its head is the noun before the first preposition.

    Raises:
        _Unsure: no noun there, or several joined by "and".
    """
    phrase: list[Token] = []
    while place > 0 and words[place].joined and not words[place].opens and len(phrase) < 6:
        place -= 1
        if _CLAUSE.fullmatch(words[place].low) and words[place].low not in {"and", "or"}:
            break
        if past(words[place].low) is not None and "NOUN" not in kinds(words[place].low):
            break
        phrase.insert(0, words[place])
    lows = [token.low for token in phrase]
    cuts = [
        i
        for i, low in enumerate(lows)
        if re.fullmatch(r"of|in|on|at|by|with|from|for|under|behind|beside|between", low)
    ]
    head = phrase[: cuts[0]] if cuts else phrase
    starts = [i for i, token in enumerate(head) if _ARTICLE.fullmatch(token.low)]
    head = head[starts[-1] :] if starts else head
    lows = [token.low for token in head] if "and" not in lows and "or" not in lows else lows
    if not head or "and" in lows or "or" in lows:
        raise _Unsure
    noun = head[-1].low.removesuffix("'s")
    if noun in _THEY or any(_NUMBERS.fullmatch(low) for low in lows):
        return True
    if is_adverb(noun) or (kinds(noun) and "NOUN" not in kinds(noun)):
        raise _Unsure
    return is_plural(noun)


def _present(low: str, *, plural: bool) -> str:
    """The present form of a past one.

    Raises:
        _Unsure: the verb has none.
    """
    if low in _AUXILIARIES:
        form = (_PLURAL if plural else _SINGULAR)[_AUXILIARIES[low]]
        return f"{form}n't" if low.endswith("n't") else form
    reading = past(low)
    found = None if reading is None else present(reading.lemma, plural=plural)
    if found is None:
        raise _Unsure
    return found
