"""What a word can be, and its other forms, by the inflection tables of `lemminflect`; no tagger, no model.

A word alone does not say which of its readings is meant. What stands here says which are possible; whoever asks decides
by what stands around the word, and leaves the text alone where that does not tell.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import lemminflect

from ensemble.text import MAX_TEXT_CHARS
from miners.rewrites.english import WORD, narration

_ADVERB = re.compile(r"never|always|also|only|just|still|soon|then|even|simply|once|again")

_ADVERBIAL = (frozenset({"ADV"}), frozenset({"ADV", "ADJ"}))

_LEMMAS = {
    "fell": "fall", "lay": "lie", "saw": "see", "found": "find", "felt": "feel", "left": "leave", "bore": "bear",
    "rose": "rise", "shot": "shoot", "wound": "wind", "ground": "grind", "bound": "bind", "lit": "light", "bit": "bite",
    "spat": "spit", "swore": "swear", "wore": "wear", "lied": "lie", "hung": "hang", "sank": "sink", "span": "spin",
}  # fmt: skip
"""Lemmas of past forms that are also the base form of another verb; the commoner one in stories."""

_SPOKEN = re.compile(r"[\"\u201d] ")
"""Direct speech that ends right here."""


class Token(NamedTuple):
    """A word of the narration.

    Attributes:
        start, end: its place in the text.
        word: as it stands there.
        low: in small letters, with a straight apostrophe.
        joined: whether nothing but one space stands between it and the word before.
        opens: whether a sentence begins with it.
        tells: whether it stands right behind direct speech, small, as "said" does.
    """

    start: int
    end: int
    word: str
    low: str
    joined: bool
    opens: bool
    tells: bool = False


class Past(NamedTuple):
    """The readings of a past form.

    Attributes:
        lemma: the verb.
        participle: whether it may also be a participle, as all regular ones may.
        base: whether it is the base form as well, as "cut" is.
    """

    lemma: str
    participle: bool
    base: bool


def tokens(text: str) -> list[Token]:
    """The words outside direct speech, in order."""
    found: list[Token] = []
    for first, last in narration(text[:MAX_TEXT_CHARS]):
        for match in WORD.finditer(text, first, last):
            before = text[found[-1].end : match.start()] if found else "."
            tells = (
                _SPOKEN.fullmatch(text, max(0, match.start() - 2), match.start()) is not None
                and match.group()[0].islower()
            )
            opens = not tells and (not found or re.search(r"[.!?\u2026]", before) is not None)
            low = match.group().lower().replace("\u2019", "'")
            found.append(Token(match.start(), match.end(), match.group(), low, before == " ", opens, tells))
    return found


@lru_cache(maxsize=20_000)
def past(word: str) -> Past | None:
    """The readings of a word, in small letters, as the past form of a verb; None where it is none."""
    lemmas = (_LEMMAS[word],) if word in _LEMMAS else lemminflect.getAllLemmas(word, "VERB").get("VERB", ())
    for lemma in lemmas:
        if word in lemminflect.getInflection(lemma, "VBD"):
            return Past(lemma, word in lemminflect.getInflection(lemma, "VBN"), word == lemma)
    return None


@lru_cache(maxsize=20_000)
def present(lemma: str, *, plural: bool) -> str | None:
    """The present form for a singular or plural third person; None for a verb without one."""
    if plural:
        return lemma
    forms = lemminflect.getInflection(lemma, "VBZ")
    return forms[0] if forms else None


@lru_cache(maxsize=20_000)
def kinds(word: str) -> frozenset[str]:
    """What a word, in small letters, may be: of "NOUN", "VERB", "ADJ", "ADV"; empty for names and unknown words."""
    return frozenset(lemminflect.getAllLemmas(word))


@lru_cache(maxsize=20_000)
def is_adverb(word: str) -> bool:
    """Whether a word, in small letters, may stand between a subject and its verb: "never", "slowly", not "family"."""
    return _ADVERB.fullmatch(word) is not None or (
        word.endswith("ly") and kinds(word) <= {"ADV", "ADJ"} and bool(kinds(word))
    )


@lru_cache(maxsize=20_000)
def is_plural(noun: str) -> bool:
    """Whether a noun, in small letters, is a plural form."""
    return noun not in lemminflect.getAllLemmas(noun, "NOUN").get("NOUN", (noun,))


@lru_cache(maxsize=20_000)
def is_present(word: str) -> bool:
    """Whether a word, in small letters, may be a present form for "he" or "she"."""
    if word in {"is", "has", "does"}:
        return True
    lemmas = lemminflect.getAllLemmas(word, "VERB").get("VERB", ())
    return any(word != lemma and word in lemminflect.getInflection(lemma, "VBZ") for lemma in lemmas)
