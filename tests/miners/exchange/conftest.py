"""Items with everything that an item can have, and texts that break what is careless."""

from __future__ import annotations

import pytest

from ensemble.tasks.task import load_task
from miners.candidate import Provenance
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, Span

HOSTILE = {
    "markup": "<script>alert('x')</script> & <b>\"quoted\"</b> ]]> &amp; <!-- -->",
    "right to left": "He \u202egnikaerb\u202c his arm \u2066\u2069 \u200f",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 fell \U0001f635 and \U0001f9d1\U0001f3ff\u200d\U0001f33e bled",
    "zero width": "b\u200bl\u200co\u200do\ufeffd\u00ad everywhere",
    "formula": '=HYPERLINK("http://example.org/?"&A1,"click")',
    "plus": "+1+cmd|' /C calc'!A0",
    "at and tab": "\t@SUM(1+1)",
    "apostrophes": "''Twas the knife,' he said.",
    "one apostrophe": "'",
    "separators": "a,b;c\td \"e\" 'f'",
    "lines": "one\r\ntwo\rthree\n\nfive\u2028six\u2029seven\u0085eight",
    "escapes": "\x1b[2J\x1b]0;owned\x07 \\n \\u0041 %s {0} $text ${x} {{y}}",
    "looks like a file": "s3://bucket/key.txt",
    "looks like JSON": '{"new": {"id": "x"}}',
    "very long": "long \U0001f480 " * 14_285 + "12345",
    "combining": "Z\u0351\u036b\u0343a\u0300\u0301 fell",
    "blank ends": "  he fell \u00a0",
}


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
