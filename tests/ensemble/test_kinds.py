"""Kinds of disagreement: what each one is, and that they cover every difference of votes."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.evaluation.evaluate import measure
from ensemble.evaluation.intervals import clopper_pearson
from ensemble.evaluation.kinds import kind_rates
from ensemble.kinds import (
    ACTIVATIONS_AGAINST_JUDGE,
    DEPLOYED_FLAGS_ALONE,
    DEPLOYED_PASSES_ALONE,
    JUDGE_AGAINST_ACTIVATIONS,
    KINDS,
    OTHER_FLAGS_ALONE,
    OTHER_PASSES_ALONE,
    SPLIT,
    kind_masks,
    kinds_of,
)
from ensemble.panel import fit_joint
from ensemble.scorer import Member
from ensemble.verdict import Verdict

MEMBERS = tuple(
    Member(name, kind, "0" * 12)
    for name, kind in (("mini", "encoder"), ("words", "keyword"), ("asked", "judge"), ("inner", "probe"))
)
"""Named otherwise than they are made, as a panel may be."""

SHAPES = (DEPLOYED_PASSES_ALONE, DEPLOYED_FLAGS_ALONE, OTHER_FLAGS_ALONE, OTHER_PASSES_ALONE, SPLIT)


def kinds(pattern, members=MEMBERS):
    """Of votes as a string: y, n, or - for no answer; the first member is deployed."""
    votes = {member: vote == "y" for member, vote in zip(members, pattern, strict=True) if vote != "-"}
    return kinds_of(votes, "mini")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("nnnn", ()),
        ("yyyy", ()),
        ("nnny", (JUDGE_AGAINST_ACTIVATIONS, OTHER_FLAGS_ALONE)),
        ("nnyn", (ACTIVATIONS_AGAINST_JUDGE, OTHER_FLAGS_ALONE)),
        ("nyyy", (DEPLOYED_PASSES_ALONE,)),
        ("ynnn", (DEPLOYED_FLAGS_ALONE,)),
        ("yyny", (JUDGE_AGAINST_ACTIVATIONS, OTHER_PASSES_ALONE)),
        ("nyny", (JUDGE_AGAINST_ACTIVATIONS, SPLIT)),
        ("nnyy", (SPLIT,)),
        ("ny--", (DEPLOYED_PASSES_ALONE,)),
        ("yn--", (DEPLOYED_FLAGS_ALONE,)),
        ("--ny", (JUDGE_AGAINST_ACTIVATIONS, SPLIT)),
        ("nn-y", (OTHER_FLAGS_ALONE,)),
        ("y---", ()),
        ("----", ()),
    ],
)
def test_each_pattern_of_votes_has_its_kinds(pattern, expected):
    """The judge against its activations stands beside who stands against whom; silence is no vote."""
    assert kinds(pattern) == expected


def test_every_difference_of_votes_has_exactly_one_shape():
    """Of all patterns of up to four members, those that differ have one shape each, the others none."""
    for pattern in product("yn-", repeat=4):
        found = kinds(pattern)
        assert sum(kind in SHAPES for kind in found) == (len(set(pattern) - {"-"}) == 2)
        assert set(found) <= set(KINDS)


def test_members_are_told_by_what_they_are_made_of():
    """A member that is only called judge is none, and several judges are each looked at."""
    named = (Member("judge", "encoder", "0"), Member("probe", "keyword", "0"))
    assert kinds_of({named[0]: False, named[1]: True}, "judge") == (DEPLOYED_PASSES_ALONE,)
    second = Member("asked-2", "judge", "0")
    votes = {MEMBERS[2]: True, second: False, MEMBERS[3]: True}
    assert JUDGE_AGAINST_ACTIVATIONS in kinds_of(votes, "mini")


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=30))
def test_masks_say_the_same_as_one_text_at_a_time(rows):
    """The whole table at once agrees with row after row."""
    votes = np.array(rows)
    masks = kind_masks(votes, MEMBERS, "mini")
    for i, row in enumerate(rows):
        one = kinds_of(dict(zip(MEMBERS, row, strict=True)), "mini")
        assert tuple(kind for kind in KINDS if masks[kind][i]) == one


def test_a_verdict_carries_its_kinds():
    """The joint writes them down, without the members that did not answer; older records without them still load."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200).astype(float)
    joint = fit_joint(rng.random((200, 4)), labels, members=[m.name for m in MEMBERS], deployed="mini")
    table = np.array([[0.1, 0.2, 0.4, 0.9], [0.1, 0.2, np.nan, 0.9], [0.1, 0.1, 0.1, 0.1]])
    verdicts = joint.join(["a", "b", "c"], table, MEMBERS)
    assert [verdict.kinds for verdict in verdicts] == [
        (JUDGE_AGAINST_ACTIVATIONS, OTHER_FLAGS_ALONE),
        (OTHER_FLAGS_ALONE,),
        (),
    ]
    old = verdicts[0].model_dump(mode="json")
    del old["kinds"]
    assert Verdict.model_validate(old).kinds == ()


def test_rates_by_kind_counted_by_hand():
    """Rows, the deployed member's errors among them, and exact intervals; agreement to compare with."""
    patterns = ["nnny", "nnny", "nnny", "nyyy", "nnnn", "nnnn", "yyyy", "yyyy"]
    labels = np.array([1.0, 1, 0, 1, 0, 0, 1, 0])
    table = np.array([[0.9 if vote == "y" else 0.1 for vote in pattern] for pattern in patterns])
    found = {r.kind: r for r in kind_rates(table, labels, members=MEMBERS, deployed="mini", threshold=0.5)}
    assert list(found) == ["agreement", *KINDS]
    inner = found[JUDGE_AGAINST_ACTIVATIONS]
    assert (inner.rows, inner.share, inner.wrong, inner.misses) == (3, 3 / 8, 2, 2)
    assert (inner.wrong_share, inner.wrong_interval) == (2 / 3, clopper_pearson(2, 3))
    assert (found[DEPLOYED_PASSES_ALONE].rows, found[DEPLOYED_PASSES_ALONE].misses) == (1, 1)
    assert (found["agreement"].rows, found["agreement"].wrong, found["agreement"].misses) == (4, 1, 0)
    assert (found[SPLIT].rows, found[SPLIT].wrong_share, found[SPLIT].wrong_interval) == (0, None, None)


def test_an_evaluation_counts_the_kinds():
    """The report has a row for each kind, and its rows add up to all."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300).astype(float)
    table = np.clip(labels[:, None] * 0.4 + rng.random((300, 4)) * 0.6, 0.01, 0.99)

    class Silent:
        members = MEMBERS

    from ensemble.panel import Panel

    joint = fit_joint(table, labels, members=[m.name for m in MEMBERS], deployed="mini")
    found = {each.kind: each.rows for each in measure(Panel([Silent()], joint), table, labels).kinds}
    assert found["agreement"] + sum(found[shape] for shape in SHAPES) == 300
