"""The model, an answer at a time.

Each answer moves the belief about its text, and what is known of everybody who answered that text follows by the
difference (incremental expectation maximisation, Neal and Hinton 1998). Beliefs about other texts lag behind what has
become of their raters; so a few of them are brought up to date with every answer, in turn, which costs microseconds and
leads to where all answers at once would lead.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np

from ensemble.errors import InputError
from ensemble.labels.belief import Belief
from ensemble.labels.raters import RaterQuality, quality
from ensemble.labels.settings import AMBIGUOUS, NO, UNSURE, YES, LabelSettings

ANSWERS = {"no": NO, "yes": YES, "unsure": UNSURE}
"""Answers by the words that raters use."""

_REFRESHED = 32
"""Texts brought up to date with every answer."""

_Three = tuple[float, float, float]


class _Rater:
    """Expected answers by class, flat (no: no, yes, unsure; yes: no, yes, unsure), and their logarithms when asked."""

    __slots__ = ("counts", "logs", "votes")

    def __init__(self, prior: list[float]) -> None:
        self.counts, self.votes = list(prior), 0
        self.logs: list[float] | None = None

    def log(self) -> list[float]:
        """Log P(answer | class), flat as `counts`."""
        if self.logs is None:
            c = self.counts
            no, yes = math.log(c[0] + c[1] + c[2]), math.log(c[3] + c[4] + c[5])
            self.logs = [math.log(c[i]) - (no if i < 3 else yes) for i in range(6)]
        return self.logs

    def add(self, answer: int, no: float, yes: float) -> None:
        """Moves what the rater said of a text by a change of its class."""
        self.counts[answer] += no
        self.counts[3 + answer] += yes
        self.logs = None


class AnswerModel:
    """Beliefs about texts and raters, kept up with every answer. Not thread-safe."""

    def __init__(self, settings: LabelSettings | None = None) -> None:
        """Knows nobody and nothing yet."""
        self.settings = settings or LabelSettings()
        self._prior = self.settings.rater_prior().ravel().tolist()
        self._ambiguous = [math.log(p) for p in self.settings.ambiguous_answers().tolist()]
        self._classes: list[float] = self.settings.class_prior().tolist()
        self._raters: dict[str, _Rater] = {}
        self._votes: dict[str, dict[str, int]] = {}
        self._beliefs: dict[str, _Three] = {}
        self._truth: dict[str, int] = {}
        self._turn: deque[str] = deque()

    def gold(self, item: str, label: str) -> None:
        """The truth of a text is known, "yes" or "no"; from now on its answers measure raters alone.

        Raises:
            InputError: another truth was given before.
        """
        truth = ANSWERS.get(label)
        if truth not in (NO, YES):
            raise InputError(f"is {label!r}; the truth of a text is yes or no", field="label")
        if self._truth.setdefault(item, truth) != truth:
            raise InputError(f"text {item} was said to be the opposite before", field="label")
        if item in self._votes:
            self._update(item)

    def forget(self, item: str) -> bool:
        """Takes back all that a text's answers and its truth, if known, taught; whether there were answers.

        Takes time in the number of texts, which is meant for the few whose answers turn out to say nothing.
        """
        self._truth.pop(item, None)
        if item not in self._votes:
            return False
        no, yes, _ = belief = self._beliefs.pop(item)
        for rater, answer in self._votes.pop(item).items():
            known = self._raters[rater]
            known.add(answer, -no, -yes)
            known.votes -= 1
        for kind in (NO, YES, AMBIGUOUS):
            self._classes[kind] -= belief[kind]
        self._turn.remove(item)
        return True

    def answer(self, item: str, rater: str, answer: str) -> Belief:
        """One more answer, or another one of a rater who has answered the text before; what all say of it now.

        Args:
            item: identity of the text.
            rater: who says it.
            answer: "yes", "no" or "unsure".

        Raises:
            InputError: another answer.
        """
        if answer not in ANSWERS:
            raise InputError(f"is {answer!r}; answers are yes, no or unsure", field="answer")
        self._put(item, rater, ANSWERS[answer])
        self._update(item)
        for _ in range(min(_REFRESHED, len(self._turn))):
            self._turn.rotate(-1)
            self._update(self._turn[-1])
        return self.belief(item)

    def belief(self, item: str) -> Belief:
        """What is believed of a text; what is assumed of all, where nobody has answered it."""
        votes = self._votes.get(item, {})
        no, yes, ambiguous = self._posterior(votes) if item in self._votes else self._believed_of_all()
        return Belief(no, yes, ambiguous, len(votes), sum(answer != UNSURE for answer in votes.values()))

    def rater(self, name: str) -> RaterQuality:
        """How reliable somebody is; the assumptions of the settings for a stranger."""
        known = self._raters.get(name)
        prior = np.array(self._prior)
        counts = (np.array(known.counts) if known else prior) - prior
        return quality(np.maximum(counts, 0.0).reshape(2, 3), known.votes if known else 0, self.settings)

    def raters(self) -> list[str]:
        """Everybody who has answered, in the order of their first answers."""
        return list(self._raters)

    def items(self) -> Iterable[str]:
        """Every text that was answered, in the order of first answers."""
        return self._votes.keys()

    def votes(self, item: str) -> Mapping[str, int]:
        """Who said what of a text."""
        return self._votes.get(item, {})

    def settle(self, *, tolerance: float = 1e-6, rounds: int = 200) -> int:
        """Brings every belief up to date, round by round, until none moves by more than `tolerance`; rounds needed."""
        for done in range(1, rounds + 1):
            if max((self._update(item) for item in self._votes), default=0.0) <= tolerance:
                return done
        return rounds

    def _put(self, item: str, rater: str, answer: int) -> None:
        """Takes the answer down; a rater's earlier one to the same text goes."""
        known = self._raters.get(rater)
        if known is None:
            known = self._raters[rater] = _Rater(self._prior)
        votes = self._votes.get(item)
        if votes is None:
            votes = self._votes[item] = {}
            self._beliefs[item] = (0.0, 0.0, 0.0)
            self._turn.append(item)
        no, yes, _ = self._beliefs[item]
        if rater in votes:
            known.add(votes[rater], -no, -yes)
        else:
            known.votes += 1
        votes[rater] = answer
        known.add(answer, no, yes)

    def _update(self, item: str) -> float:
        """Brings one text's belief, and what hangs on it, up to date; by how much it moved."""
        votes, old = self._votes[item], self._beliefs[item]
        new = self._held(item) or self._posterior(votes)
        moved = [now - before for now, before in zip(new, old, strict=True)]
        for rater, answer in votes.items():
            self._raters[rater].add(answer, moved[NO], moved[YES])
        for kind in (NO, YES, AMBIGUOUS):
            self._classes[kind] += moved[kind]
        self._beliefs[item] = new
        return max(map(abs, moved))

    def _held(self, item: str) -> _Three | None:
        """The belief about a text whose truth is known."""
        truth = self._truth.get(item)
        return None if truth is None else (1.0, 0.0, 0.0) if truth == NO else (0.0, 1.0, 0.0)

    def _posterior(self, votes: Mapping[str, int]) -> _Three:
        logs = [math.log(count) for count in self._classes]
        for rater, answer in votes.items():
            own = self._raters[rater].log()
            logs[NO] += own[answer]
            logs[YES] += own[3 + answer]
            logs[AMBIGUOUS] += self._ambiguous[answer]
        most = max(logs)
        no, yes, ambiguous = (math.exp(log - most) for log in logs)
        total = no + yes + ambiguous
        return no / total, yes / total, ambiguous / total

    def _believed_of_all(self) -> _Three:
        total = sum(self._classes)
        no, yes, ambiguous = (count / total for count in self._classes)
        return no, yes, ambiguous
