"""Counting in this process."""

import json

from miners.queue.types import Counts
from service import metrics as m
from service.metrics import Both, Recorder, publish_counts


def test_counters_grow_gauges_are_set_histograms_spread():
    """Each kind keeps what it is told, apart by tags."""
    recorder = Recorder()
    recorder.add(m.TEXTS, 3, member="encoder")
    recorder.add(m.TEXTS, 4, member="encoder")
    recorder.add(m.TEXTS, member="judge")
    recorder.set(m.GROUP_UP, 1, group="encoder")
    recorder.set(m.GROUP_UP, 0, group="encoder")
    for size in (1, 2, 64, 1000):
        recorder.observe(m.BATCH_TEXTS, size, group="encoder")
    assert recorder.value(m.TEXTS, member="encoder") == 7
    assert recorder.value(m.TEXTS, member="judge") == 1
    assert recorder.value(m.GROUP_UP, group="encoder") == 0
    shape = recorder.snapshot()["metrics"]["hungjury_batch_texts"][0]
    assert (shape["count"], shape["mean"]) == (4, 1067 / 4)
    assert (shape["buckets"]["1.0"], shape["buckets"]["64.0"], shape["buckets"]["more"]) == (1, 1, 1)


def test_snapshot_is_json():
    """What the recorder shows can be sent as it is."""
    recorder = Recorder()
    recorder.add(m.FAILURES, group="encoder", reason="deadline")
    recorder.observe(m.DISAGREEMENT, 0.2)
    assert json.loads(json.dumps(recorder.snapshot()))["metrics"]["hungjury_failures"][0]["value"] == 1


def test_counts_become_gauges_and_reach_every_recipient():
    """The queue's numbers are published under their states, to all who listen."""
    first, second = Recorder(), Recorder()
    counts = Counts(
        waiting=5, leased=2, done=3, dead=1, answers=9, findings_fn=4, findings_fp=6, raters=7, leases_granted=20
    )
    publish_counts(Both(first, second), counts)
    for recorder in (first, second):
        assert recorder.value(m.QUEUE_ITEMS, state="waiting") == 5
        assert recorder.value(m.FINDINGS, kind="FN") == 4
        assert recorder.value(m.QUEUE_LEASES, outcome="granted") == 20


def test_every_metric_has_a_name_of_its_own():
    """No two numbers share a name, and every histogram has buckets."""
    assert len({metric.name for metric in m.ALL}) == len(m.ALL)
    assert all(metric.bounds for metric in m.ALL if metric.kind == "histogram")
