"""100,000 findings: how long reading, searching and counting take, and how much memory the index needs."""

import time
import tracemalloc

from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.found import FoundIndex, Wanted, place_name
from miners.found_numbers import summarise
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, NewItem

FINDINGS = 100_000
TEXT = "She slipped on the wet stones by the mill, and number {} says that blood ran down her shin. " * 4
VOTES = {name: MemberScore(probability=0.4, vote="no", version="0" * 12) for name in ("encoder", "judge", "probe")}


def item(number):
    """A finding of 370 characters, in one of 1,000 families."""
    verdict = Verdict(
        id="v",
        probability=0.4,
        decision="pass",
        disagreement=0.1,
        miss_score=0.4,
        members=VOTES,
        degraded=[],
        review=True,
    )
    operators = (f"operator {number % 30}",)
    return NewItem(
        id=f"i{number}",
        task="injury",
        text=TEXT.format(*[number] * 4),
        priority=float(number),
        selection_probability=0.5,
        deployed="encoder",
        deployed_passed=True,
        verdict=verdict,
        provenance=Provenance(source="rewrite:rules", family=f"f{number % 1_000}", operators=operators),
    )


def timed(call, times=5):
    """Result of the last of some calls, and the seconds of the slowest."""
    slowest = 0.0
    for _ in range(times):
        start = time.perf_counter()
        found = call()
        slowest = max(slowest, time.perf_counter() - start)
    return found, slowest


def test_a_hundred_thousand_findings():
    """Reading once, then each kind of question; every page of all of them, none twice."""
    clock = iter(range(10**10))
    queue = MemoryQueue("injury", clock=lambda: next(clock) / 1000)
    queue.enqueue([item(number) for number in range(FINDINGS)])
    for number in range(FINDINGS):
        queue.record(f"i{number}", "ann", NewAnswer(answer="yes", severity=number % 5), answer_id=f"a{number}")
    index = FoundIndex()
    tracemalloc.start()
    _, reading = timed(lambda: index.follow(queue), times=1)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert index.known == FINDINGS
    print(f"\nreading {FINDINGS:,} (with memory traced): {reading:.1f} s; {memory / FINDINGS:,.0f} bytes a finding")
    marks = {f"f{number}": "hold-out" for number in range(0, 1_000, 3)}
    questions = {
        "all": Wanted(),
        "two words, in few": Wanted(q="number 77777"),
        "a word that is nowhere": Wanted(q="xyzzy"),
        "by mark": Wanted(mark="hold-out"),
        "by operator and severity": Wanted(operator="operator 3", severity_from=3),
    }
    for name, wanted in questions.items():
        found, seconds = timed(lambda wanted=wanted: index.select(wanted, marks))
        print(f"{name}: {len(found):,} found in at most {1000 * seconds:.0f} ms")
    everything = index.select(Wanted(), marks)
    _, seconds = timed(lambda: summarise(everything, marks, index.known))
    print(f"all numbers: at most {1000 * seconds:.0f} ms")
    deep = place_name(everything[-200])
    page, seconds = timed(lambda: index.select(Wanted(), marks, after=deep))
    print(f"the last page: {len(page)} in at most {1000 * seconds:.1f} ms")
    assert len(page) == 199
