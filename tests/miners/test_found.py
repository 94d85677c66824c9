"""The index of findings: filters, stable pages, numbers, bounds; the same from memory and from a real store."""

from datetime import UTC, datetime, timedelta

import pytest

from ensemble.errors import InputError
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.found import FoundIndex, Wanted, place_name
from miners.found_numbers import summarise
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, NewItem

START = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday


def item(number, *, passed=True, judge="no", text=None, context="", **origin):
    votes = {"encoder": "no" if passed else "yes", "judge": judge}
    scores = {name: MemberScore(probability=0.5, vote=vote, version="0" * 12) for name, vote in votes.items()}
    verdict = Verdict(
        id="v",
        probability=0.4,
        decision="pass",
        disagreement=0.3,
        miss_score=0.4,
        members=scores,
        degraded=[],
        review=True,
    )
    return NewItem(
        id=f"i{number}",
        task="injury",
        text=text or f"text {number}",
        context=context,
        priority=-float(number),
        selection_probability=0.25,
        deployed="encoder",
        deployed_passed=passed,
        verdict=verdict,
        provenance=Provenance(**({"source": "corpus:a", "family": f"f{number}"} | origin)),
    )


class Clock:
    def __init__(self):
        self.now = START.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return MemoryQueue("injury", clock=clock)


def label(queue, clock, items, severities=()):
    """Has items labelled as mistakes, a day apart."""
    queue.enqueue(items)
    for at, one in enumerate(items):
        (lease,) = queue.lease("ann", request_id=one.id)
        severity = severities[at] if at < len(severities) else None
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes" if one.deployed_passed else "no", severity=severity))
        clock.now += 86_400


def ids(index, queue, **wanted):
    assert index.follow(queue)
    return [found.id for found in index.select(Wanted(**wanted), queue.marks())]


def test_every_filter_filters(queue, clock):
    """Each alone and several together; the newest finding stands first."""
    rewrite = {"source": "rewrite:rules", "operators": ("hedge", "dream"), "meta": {"harm": "burn", "style": "dream"}}
    label(
        queue,
        clock,
        [
            item(0, text="A KNIFE  fell", context="in the kitchen"),
            item(1, judge="yes", **rewrite, family="f0", parent="i0"),
            item(2, passed=False, judge="yes"),
        ],
        [0, 3, None],
    )
    queue.mark("f0", "hold-out")
    index = FoundIndex()
    expected = {
        (): ["i2", "i1", "i0"],
        (("kind", "FP"),): ["i2"],
        (("severity_from", 1.0),): ["i1"],
        (("severity_to", 2.5),): ["i0"],
        (("severity_from", 0.0),): ["i1", "i0"],
        (("source", "rewrite:rules"),): ["i1"],
        (("operator", "hedge"),): ["i1"],
        (("operator", "dream"),): ["i1"],
        (("fooled", "judge, encoder"),): ["i2", "i0"],
        (("fooled", "encoder"),): ["i1"],
        (("fooled", ""),): [],
        (("harm", "burn"),): ["i1"],
        (("harm", "unknown"),): ["i2", "i0"],
        (("style", "dream"),): ["i1"],
        (("mark", "hold-out"),): ["i1", "i0"],
        (("mark", "none"),): ["i2"],
        (("family", "f0"),): ["i1", "i0"],
        (("q", "kitchen knife"),): ["i0"],
        (("q", "knife spoon"),): [],
        (("q", "  "),): ["i2", "i1", "i0"],
        (("since", START + timedelta(days=1)),): ["i2", "i1"],
        (("until", START + timedelta(days=1)),): ["i0"],
        (("mark", "hold-out"), ("severity_from", 3.0), ("q", "TEXT")): ["i1"],
    }
    assert {wanted: ids(index, queue, **dict(wanted)) for wanted in expected} == expected


def test_pages_neither_skip_nor_repeat(queue, clock):
    """Also while findings come in and labels turn; ties in time are ordered."""
    queue.enqueue([item(number) for number in range(30)])
    for lease in queue.lease("ann", count=20, request_id="r"):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    index = FoundIndex()
    before = ids(index, queue)
    assert before == sorted(before)  # all in one millisecond
    seen, after = [], None
    while page := index.select(Wanted(), {}, after=after)[:7]:
        seen += [found.id for found in page]
        after = place_name(page[-1])
        clock.now += 1
        (lease,) = queue.lease("bob", request_id=str(clock.now))
        queue.answer(lease.lease_id, "bob", NewAnswer(answer="yes"))
        assert index.follow(queue)
    assert seen == before
    assert len(ids(index, queue)) == 23


@pytest.mark.parametrize("after", ["", "x", "-", "12", "1e3-i", "²-i", "1" * 16 + "-i"])
def test_what_is_no_place(after):
    with pytest.raises(InputError, match="next"):
        FoundIndex().select(Wanted(), {}, after=after)


def test_what_is_no_finding_any_more_is_gone(queue, clock):
    """A corrected label, and a corrected severity, show at once; nothing counts twice."""
    label(queue, clock, [item(0), item(1)], [2, 2])
    index = FoundIndex()
    assert ids(index, queue) == ["i1", "i0"]
    first, second = list(queue.answers())
    queue.amend(first.answer_id, "ann", NewAnswer(answer="no"))
    queue.amend(second.answer_id, "ann", NewAnswer(answer="yes", severity=4))
    assert ids(index, queue, severity_from=3.5) == ["i1"]
    assert ids(index, queue) == ["i1"]
    queue.amend(first.answer_id, "ann", NewAnswer(answer="yes"))
    assert ids(index, queue) == ["i0", "i1"]  # found anew, and so the newest


def test_the_index_is_bounded(queue, clock):
    """By findings and by characters; the first found are forgotten."""
    label(queue, clock, [item(number, text="x" * 50 + str(number)) for number in range(6)])
    assert ids(FoundIndex(most=4), queue) == ["i5", "i4", "i3", "i2"]
    assert ids(FoundIndex(most_chars=110), queue) == ["i5", "i4"]
    assert ids(FoundIndex(most_chars=1), queue) == ["i5"]


def test_only_the_beginning_of_a_text_is_searched(queue, clock):
    label(queue, clock, [item(0, text="a" * 19_990 + " within" + " beyond")])
    assert ids(FoundIndex(), queue, q="within") == ["i0"]
    assert ids(FoundIndex(), queue, q="beyond") == []


def test_reading_is_cut_into_pieces(queue):
    """Who has no time is told that there is more; the next call goes on."""
    queue.enqueue([item(number) for number in range(450)])
    for _ in range(5):
        for lease in queue.lease("ann", count=100, request_id=str(_)):
            queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    index = FoundIndex()
    assert [index.follow(queue, seconds=0) for _ in range(3)] == [False, False, True]
    assert (index.read, index.known) == (450, 450)


def test_numbers(queue, clock):
    """By what all findings have in common, FN and FP apart; severities and weeks in their order."""
    chain = {"operators": ("hedge", "dream", "hedge")}
    label(
        queue, clock, [*(item(n, **chain) for n in range(4)), item(4, passed=False), item(5)], [3, 3, 4, 2.0, None, 3]
    )
    queue.mark("f0", "train")
    index = FoundIndex()
    assert index.follow(queue)
    told = summarise(index.select(Wanted(), {}), queue.marks(), index.known)
    assert (told.total, told.fn, told.fp, told.known) == (6, 5, 1, 6)
    counts = {name: {one.name: (one.fn, one.fp) for one in found.counts} for name, found in told.by.items()}
    assert counts["severity"] == {"2": (1, 0), "3": (3, 0), "4": (1, 0), "unknown": (0, 1)}
    assert counts["operator"] == {"dream": (4, 0), "hedge": (4, 0)}
    assert counts["fooled"] == {"encoder,judge": (5, 0), "encoder": (0, 1)}
    assert counts["mark"] == {"none": (4, 1), "train": (1, 0)}
    assert counts["week"] == {"2026-03-02": (4, 1), "2026-03-09": (1, 0)}
    assert list(counts["severity"]) == ["2", "3", "4", "unknown"]


def test_a_breakdown_lists_the_most_frequent(queue, clock):
    """What it leaves out is counted."""
    label(queue, clock, [item(n, source=f"corpus:{n % 53}") for n in range(106)] + [item(106, source="corpus:52")])
    index = FoundIndex()
    assert index.follow(queue)
    found = summarise(index.select(Wanted(), {}), {}, index.known).by["source"]
    assert (len(found.counts), found.left_out, found.counts[0].name, found.counts[0].fn) == (50, 3, "corpus:52", 3)
