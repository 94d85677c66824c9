"""Items with everything that an item can have."""

from __future__ import annotations

import pytest
from hostile_texts import HOSTILE

from ensemble.tasks.task import load_task
from miners.candidate import Provenance
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, Span


@pytest.fixture(scope="session")
def task():
    """The packaged one."""
    return load_task("injury")


@pytest.fixture
def filled(new_item_of):
    """A queue of all hostile texts: two have answers, one has a label, the last was planted nowhere."""
    queue = MemoryQueue("injury")
    for number, (name, text) in enumerate(HOSTILE.items()):
        source = Provenance(
            source=f"corpus:{name}",
            operators=("typos", "verse"),
            parent="0" * 32,
            family=f"=family {number}",
            campaign="c1",
            row_id="'7",
            sampled=0.5,
            expected_label=1,
            meta={"note": text[:40], "deep": {"list": [1, None, True]}},
        )
        more = {"context": text[:60] if number % 2 else "", "needed": 2, "selection_probability": 0.1 + number / 100}
        queue.enqueue([new_item_of(text, provenance=source, why=f"-{name}", parts={"a": -1.5}, **more)])
    for rater in ("ann", "=bob@example.org"):
        for lease in queue.lease(rater, count=4, request_id=f"take {rater}"):
            spans = (Span(start=0, end=2), Span(start=len(lease.text) - 1, end=len(lease.text)))
            body = NewAnswer(answer="yes", severity=0, note="@note\n'it'", seconds=1.25, spans=spans)
            queue.answer(lease.lease_id, rater, body)
    (lease,) = queue.lease("cy", request_id="cy")
    queue.answer(lease.lease_id, "cy", NewAnswer(answer="unsure"))
    return queue
