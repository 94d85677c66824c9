"""Change of viewpoint: a story about him or her, told by "I" or to "you".

Only stories about one such person are taken, and only in the past tense, where English verbs are the same for all
persons but for "was". The context is told from the same viewpoint, the person's name in it included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.english import like, plain_speech
from miners.rewrites.operator import Effect
from miners.rewrites.people import Name, names_in
from miners.rewrites.verbs import Token, is_adverb, is_present, kinds, past, tokens

HIM = frozenset({"he", "him", "his", "himself", "he'd", "he'll"})
HER = frozenset({"she", "her", "hers", "herself", "she'd", "she'll"})

FORMS = {
    "I": {"subject": "I", "object": "me", "of": "my", "alone": "mine", "self": "myself"},
    "you": {"subject": "you", "object": "you", "of": "your", "alone": "yours", "self": "yourself"},
}
"""The new person by what it is in its clause; "of" is a possessive before its noun, "alone" one without."""

_SUBJECTS = frozenset({"he", "she", "he'd", "she'd", "he'll", "she'll"})
_ROLES = {"he": "subject", "she": "subject", "him": "object", "hers": "alone", "himself": "self", "herself": "self"}
_OTHERS = re.compile(r"(?:i|me|my|mine|myself|we|us|our|ours|you|your|yours|yourself|he's|she's|\w+'(?:m|re|ve))")
_SENSED = re.compile(r"(?:saw|see|let|made|make|watched|heard|felt|had|have|helped|kept|left|found|bade|set|sent)")
_NO_NOUN = re.compile(
    r"(?:a|an|the|to|in|on|at|by|with|from|for|and|as|that|off|up|down|out|into|over|under|through|about|by|against|"
    r"when|while|until|before|after|if|but|or|so|too|there|here|again|once|twice|away|along|what|where|how|it|was|were|"
    r"he|she|they|this|these|those|who|which|than|like|\w+wards)"
)
_REPORTED = re.compile(r"(?:that|whether|if|how|why|who)")
_UNSURE = re.compile(r"(?:back|still|right|straight|better|home|alone|whole|past|round|all|both|one)")


class Viewpoint:
    """Makes "he" or "she" of a story "I" or "you"."""

    name = "viewpoint"
    effect: Effect = "keeps"
    style = "retold"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The story from another viewpoint; None where it has not exactly one such person, or cannot be told apart."""
        if not (plain_speech(parent.text) and plain_speech(parent.context)):
            return None
        story, before = tokens(parent.text), tokens(parent.context)
        names = names_in(before)
        if names is None or names_in(story) != () or not _one_person(story, before):
            return None
        person = str(rng.choice(["I", "you"]))
        text = _told(parent.text, story, (), person)
        context = _told(parent.context, before, names, person)
        if text is None or context is None or text == parent.text:
            return None
        return Text(text, context), {"person": person}


def _one_person(story: Sequence[Token], before: Sequence[Token]) -> bool:
    """Whether one "he", or one "she", acts in the story, and no other person is a pronoun."""
    both = [*before, *story]
    men, women = any(token.low in HIM for token in both), any(token.low in HER for token in both)
    acts = any(token.low in _SUBJECTS for token in story)
    return acts and men != women and not any(_OTHERS.fullmatch(token.low) for token in both)


def _told(text: str, words: Sequence[Token], names: Sequence[Name], person: str) -> str | None:
    """The text with pronouns and names put into the person; None where one cannot be told."""
    forms = FORMS[person]
    opening = {token.start for token in words if token.opens}
    changes = {name.start: (name.end, _cased(forms[name.role], opens=name.start in opening)) for name in names}
    subjects = {name.end for name in names if name.role == "subject"}
    if not _all_act(words, names) or any(text[name.start - 1 : name.start] == "-" for name in names):
        return None
    acting = acted = False
    for place, token in enumerate(words):
        if token.opens:
            acting = acted = False
        role = _role(words, place)
        if role is not None and "-" in text[max(0, token.start - 1) : token.start] + text[token.end : token.end + 1]:
            return None
        if role == "unsure" or (role is None and person == "you" and _loose_was(words, place, subjects)):
            return None
        if role is None:
            changes |= _be(words, place, subjects, person)
            continue
        acting, acted = acting or role == "subject", acted or role == "object"
        if acting and acted:
            return None
        rest = token.word[token.low.index("'") :].replace("'s", "") if "'" in token.low else ""
        changes[token.start] = (token.end, _cased(forms[role], opens=token.word[0].isupper()) + rest)
    return _changed(text, changes)


def _cased(form: str, *, opens: bool) -> str:
    return form[0].upper() + form[1:] if opens else form


def _all_act(words: Sequence[Token], names: Sequence[Name]) -> bool:
    """Whether each sentence that mentions the person has them as its subject first, or begins with what is theirs.

    Otherwise the mention may be of somebody else, whom a noun names: "the mechanic lay on his back", "one said that he
    was cold", "and called the next, who had lost his hat".
    """
    acting = {name.start for name in names if name.role == "subject"}
    mentioned = {name.start for name in names} - acting
    acts = other = False
    before = ""
    for token in words:
        if token.opens:
            acts = other = False
        if token.low in _SUBJECTS or token.start in acting:
            if not acts and _REPORTED.fullmatch(before):
                return False
            acts, other = True, False
        elif token.low in {"who", "whose", "whom"}:
            other = True
        elif (token.low in (HIM | HER) or token.start in mentioned) and (other or not acts):
            if not token.opens:
                return False
            other = True
        before = token.low
    return True


def _role(words: Sequence[Token], place: int) -> str | None:
    """What a pronoun is in its clause; None for other words, "unsure" where it cannot be told."""
    low = words[place].low
    following = words[place + 1] if place + 1 < len(words) and words[place + 1].joined else None
    if low in {"he'd", "she'd", "he'll", "she'll"}:
        return "subject"
    if low in {"he", "she"} and following is not None and is_present(following.low) and past(following.low) is None:
        return "unsure"
    if low == "his":
        return "of" if following is not None and not _NO_NOUN.fullmatch(following.low) else "alone"
    if low == "her":
        return _her(words, place, following)
    return _ROLES.get(low)


def _her(words: Sequence[Token], place: int, following: Token | None) -> str:
    if following is None or _NO_NOUN.fullmatch(following.low):
        return "object"
    readings = kinds(following.low)
    sensed = place > 0 and _SENSED.fullmatch(words[place - 1].low) is not None
    if _UNSURE.fullmatch(following.low) or (sensed and "VERB" in readings) or not readings:
        return "unsure"
    return "of" if readings & {"NOUN", "ADJ"} else "unsure"


def _beside_subject(words: Sequence[Token], place: int, subjects: set[int]) -> bool:
    """Whether the subject that changes stands right before a verb, an adverb between perhaps, or right behind it."""
    back = place - 1
    while back >= 0 and words[back + 1].joined and is_adverb(words[back].low):
        back -= 1
    before = back >= 0 and words[back + 1].joined and (words[back].low in {"he", "she"} or words[back].end in subjects)
    behind = place + 1 < len(words) and words[place + 1].joined and words[place + 1].low in {"he", "she"}
    return before or behind


def _loose_was(words: Sequence[Token], place: int, subjects: set[int]) -> bool:
    """A "was" behind "and" whose subject may be the one that changes: "he fell and was carried"."""
    if words[place].low not in {"was", "wasn't"} or _beside_subject(words, place, subjects):
        return False
    return place > 0 and words[place - 1].low in {"and", "but", "or", "then", "who"}


def _be(words: Sequence[Token], place: int, subjects: set[int], person: str) -> dict[int, tuple[int, str]]:
    """The change of "was" where its subject becomes "you"."""
    token = words[place]
    if person != "you" or token.low not in {"was", "wasn't"} or not _beside_subject(words, place, subjects):
        return {}
    return {token.start: (token.end, like(token.word, "were" if token.low == "was" else "weren't"))}


def _changed(text: str, changes: dict[int, tuple[int, str]]) -> str:
    parts, at = [], 0
    for start, (end, new) in sorted(changes.items()):
        if start < at:
            continue
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])
