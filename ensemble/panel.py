"""Joining the members' probabilities into a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from ensemble.calibration import logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.errors import ArtifactError, InputError, MemberUnavailableError
from ensemble.kinds import kinds_of
from ensemble.scorer import FloatArray, Member, Scorer
from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict, Vote

MAX_MEMBERS = 8
"""Every subset of members has weights of its own, 2^members - 1 of them."""

MAX_SAMPLE = 2000
"""Rows whose scores the rule keeps."""

_NO_MEMBER = 0.5
"""Posterior when nobody answered: nothing is known, and the verdict flags."""


@dataclass(frozen=True)
class Asked:
    """Who was asked about n texts.

    Attributes:
        skipped: whether a member was left out by choice, shape (n, members).
        probability: with which probability a text was given to every member, shape (n,), in (0, 1].
    """

    skipped: NDArray[np.bool_]
    probability: FloatArray

    @classmethod
    def everyone(cls, shape: tuple[int, ...]) -> Asked:
        """Every member was asked about every text; `shape` is (n, members)."""
        return cls(np.zeros(shape, dtype=np.bool_), np.ones(shape[0]))


class _Answer(NamedTuple):
    member: Member
    probability: float
    skipped: bool


class Weights(BaseModel):
    """Logistic weights on the logits of one subset of members."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float


class Joint(BaseModel):
    """The fitted rule that turns members' probabilities into posterior, disagreement and decision.

    Attributes:
        members: column order of every array given to it.
        deployed: the member whose failures are hunted.
        threshold: posterior from which a text is flagged.
        votes: by member, P(yes) from which it votes yes; `threshold` for those that are not listed.
        subsets: weights for every non-empty subset, so that a missing member changes the rule, not only the input.
        sample: P(yes) of rows that it was fitted on, shape (rows, members): what the members say together, from which a
            cascade foretells the expensive ones. Empty in artifacts older than cascades.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[str, ...]
    deployed: str
    threshold: float
    votes: dict[str, float] = {}
    subsets: tuple[Weights, ...]
    sample: tuple[tuple[float, ...], ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Joint:
        if self.deployed not in self.members:
            raise ValueError(f"deployed member {self.deployed!r} is not one of {', '.join(self.members)}")
        if len(self.subsets) != 2 ** len(self.members) - 1:
            raise ValueError("weights for every subset of members are needed")
        if strangers := set(self.votes) - set(self.members):
            raise ValueError(f"thresholds of {', '.join(sorted(strangers))}, who are no members")
        return self

    def vote_threshold(self, member: str) -> float:
        """P(yes) from which a member votes yes."""
        return self.votes.get(member, self.threshold)

    @property
    def vote_thresholds(self) -> FloatArray:
        """The same of all members, shape (members,)."""
        return np.array([self.vote_threshold(name) for name in self.members])

    def posterior(self, probabilities: FloatArray) -> FloatArray:
        """Panel P(yes), shape (n,), from P(yes) of shape (n, members); nan where a member did not answer."""
        by_subset = {weights.members: weights for weights in self.subsets}
        answered = ~np.isnan(probabilities)
        result = np.full(len(probabilities), _NO_MEMBER)
        for pattern in np.unique(answered, axis=0):
            chosen = tuple(name for name, here in zip(self.members, pattern, strict=True) if here)
            if not chosen:
                continue
            rows = (answered == pattern).all(axis=1)
            weights = by_subset[chosen]
            logits = logit(probabilities[rows][:, pattern])
            result[rows] = sigmoid(logits @ np.array(weights.coefficients) + weights.intercept)
        return result

    def join(
        self, ids: Sequence[str], probabilities: FloatArray, members: Sequence[Member], asked: Asked | None = None
    ) -> list[Verdict]:
        """Verdicts in input order.

        Args:
            ids: names of the texts, length n.
            probabilities: shape (n, len(self.members)), columns in `self.members` order, nan = did not answer.
            members: who stands behind each column; gives the versions.
            asked: which members were left out by choice; None = all were asked of every text.
        """
        given = asked or Asked.everyone(probabilities.shape)
        posterior, disagreement = self.posterior(probabilities), jensen_shannon(probabilities)
        verdicts = []
        for i, name in enumerate(ids):
            answers = [_Answer(*one) for one in zip(members, probabilities[i].tolist(), given.skipped[i], strict=True)]
            numbers = {"probability": float(posterior[i]), "disagreement": float(disagreement[i])}
            verdicts.append(self._verdict(name, answers, numbers, float(given.probability[i])))
        return verdicts

    def _verdict(self, name: str, answers: Sequence[_Answer], numbers: Mapping[str, float], asked: float) -> Verdict:
        posterior, scores = numbers["probability"], {}
        for one in answers:
            if not math.isnan(one.probability):  # nan marks a member that did not answer
                vote = self._vote(one.member.name, one.probability)
                scores[one.member.name] = MemberScore(
                    probability=one.probability, vote=vote, version=one.member.version
                )
        silent = [one for one in answers if one.member.name not in scores]
        degraded = [one.member.name for one in silent if not one.skipped]
        deployed = scores.get(self.deployed)
        votes = {one.member: scores[one.member.name].vote == "yes" for one in answers if one.member.name in scores}
        return Verdict(
            id=name,
            **numbers,
            decision="flag" if degraded or posterior >= self.threshold else "pass",
            miss_score=posterior if deployed is not None and deployed.vote == "no" else 0.0,
            members=scores,
            degraded=degraded,
            review=bool(degraded) or len({score.vote for score in scores.values()}) > 1,
            skipped=[one.member.name for one in silent if one.skipped],
            asked_probability=asked,
            kinds=kinds_of(votes, self.deployed),
        )

    def _vote(self, member: str, probability: float) -> Vote:
        return "yes" if probability >= self.vote_threshold(member) else "no"


def fit_joint(
    probabilities: FloatArray, labels: FloatArray, *, members: Sequence[str], deployed: str, threshold: float = 0.5
) -> Joint:
    """Fits one ridge logistic regression on the members' logits for every subset of members.

    Args:
        probabilities: calibrated P(yes), shape (n, members); nan where a member was not asked, which leaves the row out
            for the subsets with that member.
        labels: 0 or 1, shape (n,), both present among the rows that all were asked; rows that no member was trained on.
        members: names of the columns.
        deployed: the member whose failures are hunted.
        threshold: probability from which a text is flagged.

    Raises:
        InputError: too many members, or labels of one class.
    """
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{len(members)} members; the limit is {MAX_MEMBERS}", field="members")
    if len(np.unique(labels[~np.isnan(probabilities).any(axis=1)])) < 2:
        raise InputError("fitting the panel needs rows of both labels", field="label")
    logits = logit(probabilities)
    subsets = [
        _fit_subset(logits[:, list(chosen)], labels, tuple(members[i] for i in chosen))
        for size in range(1, len(members) + 1)
        for chosen in combinations(range(len(members)), size)
    ]
    return Joint(
        members=tuple(members),
        deployed=deployed,
        threshold=threshold,
        subsets=tuple(subsets),
        sample=_sampled(probabilities),
    )


def _sampled(probabilities: FloatArray) -> tuple[tuple[float, ...], ...]:
    """At most `MAX_SAMPLE` of the rows that all members were asked about, evenly over their order."""
    probabilities = probabilities[~np.isnan(probabilities).any(axis=1)]
    count = min(len(probabilities), MAX_SAMPLE)
    rows = np.linspace(0, len(probabilities) - 1, count).round().astype(int)
    return tuple(tuple(row) for row in probabilities[rows].tolist())


def _fit_subset(logits: FloatArray, labels: FloatArray, members: tuple[str, ...]) -> Weights:
    from sklearn.linear_model import LogisticRegression

    known = ~np.isnan(logits).any(axis=1)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(logits[known], labels[known])
    return Weights(
        members=members, coefficients=tuple(map(float, model.coef_[0])), intercept=float(model.intercept_[0])
    )


class Panel:
    """Scorers in one process, joined: what a notebook or `hungjury score` uses."""

    def __init__(self, scorers: Sequence[Scorer], joint: Joint) -> None:
        """Checks that the scorers bring exactly the members that the joint was fitted for.

        Raises:
            ArtifactError: they do not.
        """
        self.scorers, self.joint = tuple(scorers), joint
        self.members = order_members([m for scorer in scorers for m in scorer.members], joint)

    def probabilities(self, texts: Sequence[Text]) -> FloatArray:
        """P(yes), shape (len(texts), members); a column is nan where its scorer was unavailable."""
        columns: dict[str, FloatArray] = {}
        for scorer in self.scorers:
            try:
                scores = scorer.score(texts)
            except MemberUnavailableError:
                continue
            columns |= {member.name: scores[:, i] for i, member in enumerate(scorer.members)}
        missing = np.full(len(texts), np.nan)
        return np.column_stack([columns.get(member.name, missing) for member in self.members])

    def verdicts(self, texts: Sequence[Text], ids: Sequence[str] | None = None) -> list[Verdict]:
        """One verdict a text, in order; `ids` default to the texts' identities."""
        if not texts:
            return []
        return self.joint.join(ids or [text.id for text in texts], self.probabilities(texts), self.members)

    def close(self) -> None:
        """Closes the scorers."""
        for scorer in self.scorers:
            scorer.close()


def order_members(members: Sequence[Member], joint: Joint) -> tuple[Member, ...]:
    """The members in the joint's column order.

    Raises:
        ArtifactError: members and joint do not match.
    """
    by_name = {member.name: member for member in members}
    if set(by_name) != set(joint.members):
        raise ArtifactError(
            f"the panel was fitted for {sorted(joint.members)} but {sorted(by_name)} are loaded; prepare it again"
        )
    return tuple(by_name[name] for name in joint.members)
