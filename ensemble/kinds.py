"""In which way the members' votes on a text differ: a few kinds of disagreement, each with a name.

Kinds are about votes, so they change with the threshold; how far the numbers lie apart is `ensemble.disagreement`.
Members are told by what they are made of (`Member.kind`), never by name; those that did not answer have no vote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.scorer import Member

JUDGE_AGAINST_ACTIVATIONS = "judge-against-activations"
ACTIVATIONS_AGAINST_JUDGE = "activations-against-judge"
DEPLOYED_PASSES_ALONE = "deployed-passes-alone"
DEPLOYED_FLAGS_ALONE = "deployed-flags-alone"
OTHER_FLAGS_ALONE = "other-flags-alone"
OTHER_PASSES_ALONE = "other-passes-alone"
SPLIT = "split"

KINDS: Mapping[str, str] = {
    JUDGE_AGAINST_ACTIVATIONS: "a judge votes no, a probe of a language model's activations votes yes",
    ACTIVATIONS_AGAINST_JUDGE: "a judge votes yes, a probe of a language model's activations votes no",
    DEPLOYED_PASSES_ALONE: "the deployed member votes no, all others vote yes",
    DEPLOYED_FLAGS_ALONE: "the deployed member votes yes, all others vote no",
    OTHER_FLAGS_ALONE: "one member that is not deployed votes yes, all others, at least two, vote no",
    OTHER_PASSES_ALONE: "one member that is not deployed votes no, all others, at least two, vote yes",
    SPLIT: "votes differ in any other way: at least two on either side, or one against one without the deployed member",
}
"""Every kind and its definition. The last five are about who stands against whom: a text has exactly one of them where
votes differ, and none where they do not. The first two stand beside them."""

BoolArray = NDArray[np.bool_]

_JUDGE, _PROBE = "judge", "probe"


def kinds_of(votes: Mapping[Member, bool], deployed: str) -> tuple[str, ...]:
    """Kinds of disagreement of one text, in the order of `KINDS`.

    Args:
        votes: whether each member that answered votes yes.
        deployed: name of the deployed member.
    """
    yes, no = ([member for member, vote in votes.items() if vote is side] for side in (True, False))
    if not yes or not no:
        return ()
    return (*_inner(yes, no), _shape(yes, no, deployed))


def kind_masks(votes: BoolArray, members: Sequence[Member], deployed: str) -> dict[str, BoolArray]:
    """Which rows are of which kind: by kind, shape (n,).

    Args:
        votes: yes or no, shape (n, members), everybody answered.
        members: who votes in each column.
        deployed: name of the deployed member.
    """
    patterns, which = np.unique(votes, axis=0, return_inverse=True)
    found = [kinds_of(dict(zip(members, map(bool, pattern), strict=True)), deployed) for pattern in patterns]
    return {kind: np.array([kind in each for each in found], dtype=np.bool_)[which.reshape(-1)] for kind in KINDS}


def _inner(yes: Sequence[Member], no: Sequence[Member]) -> list[str]:
    """What a language model says against what it computes."""
    passed, flagged = {member.kind for member in no}, {member.kind for member in yes}
    found = []
    if _JUDGE in passed and _PROBE in flagged:
        found.append(JUDGE_AGAINST_ACTIVATIONS)
    if _JUDGE in flagged and _PROBE in passed:
        found.append(ACTIVATIONS_AGAINST_JUDGE)
    return found


def _shape(yes: Sequence[Member], no: Sequence[Member], deployed: str) -> str:
    """Who stands against whom; both sides have somebody."""
    if [member.name for member in no] == [deployed]:
        return DEPLOYED_PASSES_ALONE
    if [member.name for member in yes] == [deployed]:
        return DEPLOYED_FLAGS_ALONE
    if len(yes) == 1 < len(no):
        return OTHER_FLAGS_ALONE
    return OTHER_PASSES_ALONE if len(no) == 1 < len(yes) else SPLIT
