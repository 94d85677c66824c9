"""The ingress's part in the sample of live traffic: bounded, never in the way, and its probability right."""

import asyncio
import threading

import pytest

from ensemble.text import identity
from ensemble.verdict import Verdict
from miners.errors import StoreUnavailableError
from miners.queue.memory_traffic import MemoryTraffic
from miners.queue.traffic import ONE, Limits, key_of
from service import metrics as m
from service.config import LiveTrafficConfig
from service.metrics import Recorder
from service.traffic import TrafficSampler, keep, limits_of

HOUR = 3_600_000
VERDICT = Verdict(
    id="v", probability=0.25, decision="pass", disagreement=0.5, miss_score=0.25, members={}, degraded=[], review=False
)


class AwayStore(MemoryTraffic):
    """A store that can be away, and that may have taken a report whose answer was lost."""

    away = lost = False

    def add(self, report):
        if self.lost:
            self.lost = False
            super().add(report)
            raise StoreUnavailableError("the answer was lost")
        if self.away:
            raise StoreUnavailableError("away")
        return super().add(report)


@pytest.fixture
def clock():
    """Seconds that pass when told to; both for the store and for the samplers."""
    now = [1_800_000_000.0]
    return lambda pass_=0.0: now.__setitem__(0, now[0] + pass_) or now[0]


@pytest.fixture
def world(clock):
    """Makes a store and samplers on it."""

    def make(texts=100, samplers=1, **more):
        limits = Limits(texts=texts, window_ms=HOUR)
        store = AwayStore(limits, clock)
        recorder = Recorder()
        made = [TrafficSampler(store, limits, recorder, clock=clock, **more) for _ in range(samplers)]
        return store, made, recorder

    return make


def _note(sampler, texts):
    sampler.note([(text, "") for text in texts], [VERDICT] * len(texts))


def _kept(store):
    return [kept for window in store.windows() for kept in store.read(window.window, count=10_000)]


def test_what_is_scored_is_kept_with_what_was_answered(world):
    """Text, context, count, time and answer are in the store after a flush; the metrics say how many."""
    store, (sampler,), recorder = world()
    sampler.note([("a", "before"), ("b", ""), ("a", "before")], [VERDICT] * 3)
    assert store.windows() == []
    sampler.flush()
    kept = {one.text: one for one in _kept(store)}
    assert (kept["a"].context, kept["a"].times, kept["b"].times) == ("before", 2, 1)
    assert kept["a"].served == {"decision": "pass", "probability": 0.25, "disagreement": 0.5}
    assert kept["a"].text_id == identity("a", "before")
    assert kept["a"].first_at == 1_800_000_000_000
    assert recorder.value(m.TRAFFIC_SEEN) == 3
    assert (recorder.value(m.TRAFFIC_KEPT), recorder.value(m.TRAFFIC_PROBABILITY)) == (2, 1)


def test_two_processes_keep_what_one_that_saw_all_would(world):
    """The merged sample is the texts with the smallest keys of all traffic, with exact counts."""
    store, samplers, _ = world(texts=20, samplers=2)
    texts = [f"text {i}" for i in range(400)]
    for start in range(0, 400, 40):
        for sampler in samplers:
            _note(sampler, texts[start : start + 40])
            sampler.flush()
    (window,) = store.windows()
    keys = sorted(key_of(store.state().salt, window.window, identity(text)) for text in texts)
    assert [one.key for one in _kept(store)] == keys[:20]
    assert {one.times for one in _kept(store)} == {2}
    assert (window.seen, window.probability, window.dropped) == (800, keys[20] / ONE, 0)


@pytest.mark.parametrize("buffer_bytes", [1 << 20, 2_000])
def test_while_the_store_is_away_the_buffer_is_bounded_and_the_probability_stays_right(world, buffer_bytes):
    """Texts with the largest keys go first, and the threshold says so once the store is back.

    As many as a window keeps always have room; only their bytes may be too many, which costs some of the sample.
    """
    store, (sampler,), recorder = world(texts=30, buffer_bytes=buffer_bytes)
    store.away = True
    texts = [f"text {i}" for i in range(500)]
    for start in range(0, 500, 50):
        _note(sampler, texts[start : start + 50])
        with pytest.raises(StoreUnavailableError):
            sampler.flush()
    store.away = False
    sampler.flush()
    sampler.flush()
    (window,) = store.windows()
    keys = sorted(key_of(store.state().salt, window.window, identity(text)) for text in texts)
    kept = [one.key for one in _kept(store)]
    assert window.seen == 500
    assert kept == keys[: len(kept)]
    assert kept[-1] < window.probability * ONE <= keys[len(kept)]
    assert (len(kept) == 30, window.dropped == 0) == (buffer_bytes > 2_000, buffer_bytes > 2_000)
    assert window.dropped == recorder.value(m.TRAFFIC_DROPPED, reason="buffer")


def test_a_report_whose_answer_was_lost_counts_once(world):
    """It is sent again under its number, and the texts noted meanwhile follow."""
    store, (sampler,), _ = world()
    _note(sampler, ["a", "b"])
    store.lost = True
    with pytest.raises(StoreUnavailableError):
        sampler.flush()
    _note(sampler, ["a"])
    sampler.flush()
    sampler.flush()
    assert {one.text: one.times for one in _kept(store)} == {"a": 2, "b": 1}
    assert store.windows()[0].seen == 3


def test_after_clearing_the_next_flush_starts_anew(world):
    """What was noted under the old salt is let go and counted; later texts are kept again."""
    store, (sampler,), recorder = world()
    _note(sampler, ["a", "b"])
    sampler.flush()
    _note(sampler, ["c"])
    store.clear()
    sampler.flush()
    assert store.windows() == []
    assert recorder.value(m.TRAFFIC_DROPPED, reason="cleared") == 1
    _note(sampler, ["d"])
    sampler.flush()
    assert [one.text for one in _kept(store)] == ["d"]


def test_a_new_window_begins_with_everything(world, clock):
    """The threshold of one window says nothing of the next; both are kept."""
    store, (sampler,), _ = world(texts=5)
    _note(sampler, [f"text {i}" for i in range(50)])
    sampler.flush()
    clock(HOUR / 1000)
    _note(sampler, ["x", "y"])
    sampler.flush()
    assert [(window.kept, window.probability == 1.0) for window in store.windows()] == [(2, True), (5, False)]


def test_it_is_flushed_in_the_background_and_once_more_at_the_end(world, wait_until):
    """The task that keeps the sample reports by itself, and does not forget the last texts when it is ended."""
    store, (sampler,), _ = world()

    async def live():
        task = asyncio.create_task(keep(sampler, every=0.01))
        _note(sampler, ["a"])
        await asyncio.to_thread(wait_until, lambda: len(_kept(store)) == 1)
        _note(sampler, ["b"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(live())
    assert {one.text for one in _kept(store)} == {"a", "b"}


def test_noting_and_flushing_at_once_lose_nothing(world):
    """Texts noted while another thread flushes are all kept and counted."""
    store, (sampler,), _ = world(texts=5_000)
    done = threading.Event()

    def flushing():
        while not done.is_set():
            sampler.flush()

    thread = threading.Thread(target=flushing)
    thread.start()
    for i in range(2_000):
        _note(sampler, [f"text {i}", "always"])
    done.set()
    thread.join()
    sampler.flush()
    (window,) = store.windows()
    assert (window.seen, window.kept) == (4_000, 2_001)
    assert max(one.times for one in _kept(store)) == 2_000


def test_limits_come_out_of_the_settings():
    """Hours and megabytes become milliseconds and bytes."""
    settings = LiveTrafficConfig(enabled=True, size=5, max_megabytes=2, window_hours=1.5, windows=3)
    assert limits_of(settings) == Limits(texts=5, max_bytes=2 << 20, window_ms=5_400_000, windows=3)


@pytest.fixture
def sampled(make_world, world):
    """The HTTP application with a sampler."""
    store, (sampler,), _ = world()
    return make_world(traffic=sampler), store, sampler


def test_texts_scored_over_http_are_noted_and_only_those(sampled):
    """A request's texts are noted after its answer, unless it says `store: false` or failed."""
    made, store, sampler = sampled
    body = {"inputs": [{"text": "He was hurt.", "context": "It rained."}, {"text": "Sunny."}]}
    assert made.post("score", "/v1/score", body).status_code == 200
    assert made.post("score", "/v1/score", {"inputs": [{"text": "Private."}], "store": False}).status_code == 200
    made.rule.down = True
    assert made.post("score", "/v1/score", {"inputs": [{"text": "Unanswered."}]}).status_code == 503
    sampler.flush()
    assert {(one.text, one.context) for one in _kept(store)} == {("He was hurt.", "It rained."), ("Sunny.", "")}


def test_a_store_that_is_away_does_not_touch_scoring(sampled):
    """Requests are answered as ever."""
    made, store, sampler = sampled
    store.away = True
    for _ in range(3):
        assert made.post("score", "/v1/score", {"inputs": [{"text": "Sunny."}]}).status_code == 200
        with pytest.raises(StoreUnavailableError):
            sampler.flush()


def test_nothing_is_kept_unless_switched_on(make_world):
    """By default there is no sampler."""
    assert make_world().services.traffic is None
    assert not make_world().services.config.mining.live_traffic.enabled
