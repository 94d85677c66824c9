"""On which side of the split a text is."""

from miners.candidate import Provenance
from miners.splits import HELD_OUT, TRAIN, split_of, split_of_family

RULE = [TRAIN, TRAIN, TRAIN, TRAIN, TRAIN, HELD_OUT, HELD_OUT]


def test_the_source_decides_where_it_names_a_split():
    """`meta["split"]` counts, whatever the family would say."""
    families = [f"f{i}" for i in range(50)]
    for name in ("train", "test", "calibration"):
        assert {split_of(Provenance(source="s", family=f, meta={"split": name})) for f in families} == {name}


def test_else_the_family_decides_for_ever():
    """About one family in five is held out, and all its members with it."""
    found = [split_of(Provenance(source=str(i % 7), family=f"family {i}")) for i in range(5_000)]
    assert found == [split_of_family(f"family {i}") for i in range(5_000)]
    assert set(found) == {TRAIN, HELD_OUT}
    assert 0.17 < found.count(HELD_OUT) / 5_000 < 0.23


def test_the_rule_never_changes():
    """Records of years ago must stay on their side."""
    assert [split_of_family(name) for name in ("a-001", "a-002", "opening-1", "x", "y", "z", "0" * 32)] == RULE
