"""`raters` on a real store."""

import pytest

from miners.queue.types import NewAnswer

from .conftest import item


def test_raters_are_shown_by_name(hungjury, store):
    """Each with what is known of how reliable they are; as JSON with ids and names."""
    _, ann = store.keys.create("label", "ann")
    queue = store.queue("injury")
    queue.enqueue([item(n, f"text {n}", needed=2) for n in range(6)])
    for rater in (ann.id, "gone"):
        for lease in queue.lease(rater, count=6, request_id=rater):
            said = "yes" if int(lease.text[-1]) % 2 else "no"
            queue.answer(lease.lease_id, rater, NewAnswer(answer=said, seconds=4.0))
    told = hungjury("raters")
    assert told.code == 0
    for part in ("ann", "gone", "alpha): 1.00", "6 texts", "4.0"):
        assert part in told.out
    report = hungjury("raters", "--json").json
    assert report["names"] == {ann.id: "ann", "gone": None}
    assert [row["answers"] for row in report["raters"]] == [6, 6]


@pytest.mark.usefixtures("store")
def test_nobody_has_answered(hungjury):
    """Then it says how to begin."""
    told = hungjury("raters")
    assert told.code == 0
    assert "hungjury key create --role label" in told.out
