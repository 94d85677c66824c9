"""What families are for, and what belongs to them."""

import pytest

from ensemble.errors import InputError
from miners.candidate import Provenance
from miners.queue.types import NewAnswer


def made(family, parent):
    return {"provenance": Provenance(source="rewrite:tests", family=family, parent=parent, operators=("hedge",))}


def test_a_mark_goes_with_the_family(queue, new_item):
    """Also with what arrives later; findings carry it too, and it can be taken back."""
    queue.enqueue([new_item("first"), new_item("other")])
    queue.mark("first", "hold-out")
    queue.enqueue([new_item("rewrite", **made("first", "first"))])
    assert {item.new.id: item.mark for item in queue.items()} == {
        "first": "hold-out", "other": None, "rewrite": "hold-out",
    }  # fmt: skip
    for lease in queue.lease("ann", count=3, request_id="r"):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    assert {found.item.new.id: found.item.mark for found in queue.findings()} == {
        "first": "hold-out", "other": None, "rewrite": "hold-out",
    }  # fmt: skip
    queue.mark("first", "regression")
    assert queue.marks() == {"first": "regression"}
    queue.mark("first", None)
    queue.mark("nobody", None)
    assert queue.marks() == {}
    assert queue.item("rewrite").mark is None


@pytest.mark.parametrize(("family", "mark"), [("", "train"), ("x" * 1001, "train"), ("\ud800", "train"), ("f", "keep")])
def test_what_cannot_be_marked(queue, family, mark):
    with pytest.raises(InputError):
        queue.mark(family, mark)
    assert queue.marks() == {}


def test_a_family_is_what_was_made_from_others(queue, new_item):
    """In order of arrival, a page at a time; texts that only share the name of a document are not listed."""
    rewrites = [new_item(f"r{n}", **made("doc 1/ü", "first")) for n in range(3)]
    alone = new_item("first", provenance=Provenance(source="corpus:tests", family="doc 1/ü"))
    queue.enqueue([alone, *rewrites, rewrites[0], new_item("elsewhere", **made("doc 2", "first"))])
    assert [item.new.id for item in queue.family("doc 1/ü")] == ["r0", "r1", "r2"]
    assert [item.new.id for item in queue.family("doc 1/ü", offset=1, count=1)] == ["r1"]
    assert queue.family("nobody") == []


def test_many_are_looked_up_at_once(queue, new_item):
    queue.enqueue([new_item(f"i{n}") for n in range(450)])
    wanted = [f"i{n}" for n in range(449, -1, -1)]
    assert [item.new.id for item in queue.look_up([*wanted, "nobody"])] == wanted
    assert queue.look_up([]) == []


def test_a_correction_of_severity_is_told(queue, new_item):
    """Followers of labels know severities too, so they hear of one that alone was corrected, and of nothing else."""
    queue.enqueue([new_item("i")])
    lease = queue.lease("ann", request_id="r")[0].lease_id
    queue.answer(lease, "ann", NewAnswer(answer="yes", severity=1))
    seen = []
    for severity, note in ((3, None), (3, None), (3, "a note"), (None, "a note")):
        queue.amend(lease, "ann", NewAnswer(answer="yes", severity=severity, note=note))
        seen.append(len(queue.labelled()))
    assert seen == [2, 2, 2, 3]
