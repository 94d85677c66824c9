"""Joining the members' probabilities into a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from ensemble.calibration import logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.errors import ArtifactError, InputError, MemberUnavailableError
from ensemble.kinds import kinds_of
from ensemble.scorer import FloatArray, Member, Scorer
from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict

MAX_MEMBERS = 8
"""Every subset of members has weights of its own, 2^members - 1 of them."""

_NO_MEMBER = 0.5
"""Posterior when nobody answered: nothing is known, and the verdict flags."""


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
        threshold: posterior from which a text is flagged; also each member's own threshold for its vote.
        subsets: weights for every non-empty subset, so that a missing member changes the rule, not only the input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[str, ...]
    deployed: str
    threshold: float
    subsets: tuple[Weights, ...]

    @model_validator(mode="after")
    def _complete(self) -> Joint:
        if self.deployed not in self.members:
            raise ValueError(f"deployed member {self.deployed!r} is not one of {', '.join(self.members)}")
        if len(self.subsets) != 2 ** len(self.members) - 1:
            raise ValueError("weights for every subset of members are needed")
        return self

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

    def join(self, ids: Sequence[str], probabilities: FloatArray, members: Sequence[Member]) -> list[Verdict]:
        """Verdicts in input order.

        Args:
            ids: names of the texts, length n.
            probabilities: shape (n, len(self.members)), columns in `self.members` order, nan = did not answer.
            members: who stands behind each column; gives the versions.
        """
        posterior, disagreement = self.posterior(probabilities), jensen_shannon(probabilities)
        rows = zip(ids, probabilities.tolist(), posterior.tolist(), disagreement.tolist(), strict=True)
        return [self._verdict(name, dict(zip(members, row, strict=True)), p, d) for name, row, p, d in rows]

    def _verdict(self, name: str, answers: dict[Member, float], posterior: float, disagreement: float) -> Verdict:
        scores = {
            member.name: MemberScore(probability=p, vote="yes" if p >= self.threshold else "no", version=member.version)
            for member, p in answers.items()
            if not math.isnan(p)  # nan marks a member that did not answer
        }
        degraded = [member.name for member in answers if member.name not in scores]
        deployed = scores.get(self.deployed)
        votes = {member: scores[member.name].vote == "yes" for member in answers if member.name in scores}
        return Verdict(
            id=name,
            probability=posterior,
            decision="flag" if degraded or posterior >= self.threshold else "pass",
            disagreement=disagreement,
            miss_score=posterior if deployed is not None and deployed.vote == "no" else 0.0,
            members=scores,
            degraded=degraded,
            review=bool(degraded) or len({score.vote for score in scores.values()}) > 1,
            kinds=kinds_of(votes, self.deployed),
        )


def fit_joint(
    probabilities: FloatArray, labels: FloatArray, *, members: Sequence[str], deployed: str, threshold: float = 0.5
) -> Joint:
    """Fits one ridge logistic regression on the members' logits for every subset of members.

    Args:
        probabilities: calibrated P(yes), shape (n, members), without nan.
        labels: 0 or 1, shape (n,), both present; rows that no member was trained on.
        members: names of the columns.
        deployed: the member whose failures are hunted.
        threshold: probability from which a text is flagged.

    Raises:
        InputError: too many members, or labels of one class.
    """
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{len(members)} members; the limit is {MAX_MEMBERS}", field="members")
    if len(np.unique(labels)) < 2:
        raise InputError("fitting the panel needs rows of both labels", field="label")
    logits = logit(probabilities)
    subsets = [
        _fit_subset(logits[:, list(chosen)], labels, tuple(members[i] for i in chosen))
        for size in range(1, len(members) + 1)
        for chosen in combinations(range(len(members)), size)
    ]
    return Joint(members=tuple(members), deployed=deployed, threshold=threshold, subsets=tuple(subsets))


def _fit_subset(logits: FloatArray, labels: FloatArray, members: tuple[str, ...]) -> Weights:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=1000).fit(logits, labels)
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
