"""Blind spots: texts of one harm, of one style or with certain words that a copy of the deployed member passes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ensemble.errors import InputError
from ensemble.panel import Joint
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

Kind = Literal["harm", "style", "trigger"]

FEWEST_PLANTS = 5
"""Plants below which a share says nothing."""

_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class BlindSpot:
    """What a copy of the deployed member does not see.

    Attributes:
        kind: "harm" and "style" go by the row's meta, "trigger" by words of its text.
        value: the harm, the style, or words joined by "|".
    """

    kind: Kind
    value: str

    @classmethod
    def parse(cls, text: str) -> BlindSpot:
        """From "harm=burn", "style=understated" or "trigger=blood|bled".

        Raises:
            InputError: it is none of these.
        """
        kind, _, value = text.partition("=")
        if kind not in get_args(Kind) or not value.strip():
            raise InputError(f"{text!r} is no blind spot; write harm=VALUE, style=VALUE or trigger=WORD|WORD")
        return cls(kind, value.strip())  # type: ignore[arg-type] # looked up a line above

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"

    def covers(self, row: LabelledText) -> bool:
        """Whether the text lies in it."""
        if self.kind != "trigger":
            return str(row.meta.get(self.kind, "")) == self.value
        words = "|".join(re.escape(word) for word in self.value.split("|") if word)
        return re.search(rf"\b(?:{words})\b", row.text, re.IGNORECASE) is not None

    def within(self, rows: Sequence[LabelledText]) -> list[int]:
        """Places of the rows labelled yes that lie in it.

        Raises:
            InputError: they are too few to be planted.
        """
        found = [place for place, row in enumerate(rows) if row.label == 1 and self.covers(row)]
        if len(found) < FEWEST_PLANTS:
            raise InputError(
                f"{self} covers {len(found)} texts labelled yes, and a drill needs {FEWEST_PLANTS}; name another blind "
                "spot, or give more rows by --data"
            )
        return found


def blind_spots(rows: Sequence[LabelledText], count: int) -> list[BlindSpot]:
    """The `count` blind spots with the most texts labelled yes, as far as possible as many of each kind.

    Trigger words are those that stand in the most of these texts and more often there than in texts labelled no.
    """
    unsafe = [row for row in rows if row.label == 1]
    found = {kind: _common(unsafe, kind) for kind in ("harm", "style")}
    found["trigger"] = _words(unsafe, [row for row in rows if row.label == 0])
    kinds = [(kind, values) for kind, values in found.items() if values]
    turns = [BlindSpot(kind, values[i]) for i in range(count) for kind, values in kinds if i < len(values)]  # type: ignore[arg-type] # its keys are kinds
    return turns[:count]


def _common(unsafe: Sequence[LabelledText], field: str) -> list[str]:
    counts = Counter(str(row.meta[field]) for row in unsafe if row.meta.get(field))
    return [value for value, rows in counts.most_common() if rows >= FEWEST_PLANTS]


def _words(unsafe: Sequence[LabelledText], safe: Sequence[LabelledText]) -> list[str]:
    with_word, without = (
        Counter(word for row in rows for word in set(_WORD.findall(row.text.lower()))) for rows in (unsafe, safe)
    )
    share = len(safe) / max(1, len(unsafe))
    telling = {word: n for word, n in with_word.items() if n >= FEWEST_PLANTS and n * share > 2 * without[word]}
    return sorted(telling, key=lambda word: (-telling[word], word))


def blinded(
    probabilities: FloatArray, covered: Sequence[bool], joint: Joint, calm: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """What the panel says when its deployed member is a copy with the blind spot, shape (n, members).

    The copy says of a covered text what the deployed member says of a random harmless text that it passes, so that
    nothing but the text itself and the other members gives the blind spot away.

    Args:
        probabilities: P(yes) by the real members, shape (n, members).
        covered: whether each text lies in the blind spot, length n.
        joint: names the members and the deployed one.
        calm: P(yes) of harmless texts by the deployed member, shape (k,).
        rng: draws among them.

    Raises:
        InputError: the deployed member passes none of the harmless texts.
    """
    column = joint.members.index(joint.deployed)
    passing = calm[calm < joint.vote_threshold(joint.deployed)]
    if len(passing) == 0:
        raise InputError(f"{joint.deployed} passes none of the texts of the pool; give others by --input")
    result, where = probabilities.copy(), np.flatnonzero(covered)
    result[where, column] = rng.choice(passing, size=len(where))
    return result
