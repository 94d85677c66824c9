"""Respelling by sound: "nife", "blud", "struk"; read aloud it is the same text."""

from __future__ import annotations

import re

import numpy as np

from miners.rewrites.disguise import Disguise
from miners.rewrites.english import like

WHOLE = {
    "ankle": "ankel",
    "blade": "blayd",
    "blood": "blud",
    "bloody": "bluddy",
    "bone": "bown",
    "bones": "bownz",
    "broke": "broak",
    "broken": "broaken",
    "bruise": "brooze",
    "bullet": "bullit",
    "burned": "bernd",
    "burnt": "bernt",
    "corpse": "korps",
    "crushed": "krusht",
    "dead": "ded",
    "death": "deth",
    "died": "dyed",
    "drowned": "drownd",
    "finger": "fingger",
    "fingers": "finggers",
    "head": "hed",
    "hurt": "hert",
    "jaw": "jor",
    "killed": "kild",
    "laughed": "larfed",
    "once": "wunce",
    "people": "peeple",
    "pistol": "pistle",
    "said": "sed",
    "scream": "skreem",
    "screamed": "skreemd",
    "shoulder": "sholder",
    "some": "sum",
    "something": "sumthing",
    "stabbed": "stabd",
    "stomach": "stummick",
    "thought": "thort",
    "threw": "throo",
    "through": "throo",
    "tongue": "tung",
    "was": "woz",
    "what": "wot",
    "would": "wood",
    "wound": "woond",
}
"""Words with a spelling of their own."""

SOUNDS = (
    (re.compile(r"^kn"), "n"),
    (re.compile(r"^wr"), "r"),
    (re.compile(r"^sc(?=[ra])"), "sk"),
    (re.compile(r"(?<![ae])ight(?=s?$)"), "ite"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"tion"), "shun"),
    (re.compile(r"(?<=[aeiou])ck"), "k"),
    (re.compile(r"^qu"), "kw"),
    (re.compile(r"ould\b"), "ood"),
    (re.compile(r"^c(?=[aou])"), "k"),
    (re.compile(r"(?<=ut|om|at)ed$"), "id"),
)
"""Spellings of a sound and a plainer one for it."""


class Respelling(Disguise):
    """Writes words as they sound."""

    name = "respelling"

    def _applies(self, word: str) -> bool:
        return _sounded(word) != word

    def _change(self, word: str, rng: np.random.Generator) -> str:  # noqa: ARG002 (nothing to draw for a word)
        return _sounded(word)


def _sounded(word: str) -> str:
    low = word.lower()
    if low in WHOLE:
        return like(word, WHOLE[low])
    for spelling, plainer in SOUNDS:
        low = spelling.sub(plainer, low)
    return like(word, low) if low != word.lower() else word
