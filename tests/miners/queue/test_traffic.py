"""The sample of live traffic: what is kept, with which probability, and that it goes away; on Redis and in memory."""

import json
import time

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.text import identity
from miners.queue.connect import Store
from miners.queue.memory_traffic import MemoryTraffic
from miners.queue.redis_traffic import RedisTraffic
from miners.queue.traffic import ONE, Limits, Report, Sighting, key_of

HOUR = 3_600_000


@pytest.fixture(params=["memory", "redis"])
def make(request):
    """Makes a store with limits; all of one kind share their data within a test where that is a server's."""
    if request.param == "memory":
        return lambda limits=None: MemoryTraffic(limits)
    client = request.getfixturevalue("client")
    return lambda limits=None: RedisTraffic(client, "injury", limits)


def payload(text):
    served = {"decision": "pass", "probability": 0.1, "disagreement": 0.2}
    return json.dumps({"text": text, "context": "", "first_at": 1_800_000_000_000, "served": served})


class Process:
    """One process that reports: numbers its reports, makes keys as the service does."""

    def __init__(self, store, name="p", window=None):
        self.store, self.name, self.number = store, name, 0
        self.state = store.state()
        self.window = Limits(window_ms=HOUR).window(self.state.now_ms) if window is None else window

    def report(self, texts, *, seen=None, threshold=ONE, dropped=0):
        self.number += 1
        sightings = [
            Sighting(identity(text), key_of(self.state.salt, self.window, identity(text)), times, payload(text))
            for text, times in texts.items()
        ]
        return Report(
            self.name, self.number, self.state.salt, self.window,
            seen=sum(texts.values()) if seen is None else seen, dropped=dropped, threshold=threshold,
            texts=[one for one in sightings if one.key < threshold],
        )  # fmt: skip

    def send(self, texts, **more):
        return self.store.add(self.report(texts, **more))


def keys(process, texts):
    return sorted(key_of(process.state.salt, process.window, identity(text)) for text in texts)


def named(count, word="text"):
    return {f"{word} {i}": 1 for i in range(count)}


def test_the_smallest_keys_stay_and_the_threshold_is_the_next(make):
    """Of n texts the k with the smallest keys are kept, whatever the order; the k + 1st key is the threshold."""
    process = Process(make(Limits(texts=20, window_ms=HOUR)))
    texts = named(300)
    for start in range(0, 300, 50):
        state = process.send(dict(list(texts.items())[start : start + 50]))
    ordered = keys(process, texts)
    (window,) = process.store.windows()
    assert [kept.key for kept in process.store.read(window.window, count=99)] == ordered[:20]
    assert state.threshold == ordered[20]
    assert (state.kept, window.kept, window.seen) == (20, 20, 300)
    assert window.probability == ordered[20] / ONE
    assert window.kept_bytes == sum(len(payload(one.text)) for one in process.store.read(window.window, count=99))


def test_everything_is_kept_with_probability_one_while_there_is_room(make):
    """Nothing is lost below the limit, and text, context and count come back as they were."""
    process = Process(make(Limits(texts=200, window_ms=HOUR)))
    state = process.send({"a": 2, "é 雪": 1} | named(150))
    assert state.threshold == ONE
    (window,) = process.store.windows()
    assert (window.probability, window.kept, window.seen) == (1.0, 152, 153)
    times = {kept.text: kept.times for kept in process.store.read(window.window, count=999)}
    assert times == {"a": 2, "é 雪": 1} | named(150)


def test_processes_merge_and_repeats_are_counted(make):
    """The sample of two processes is the sample of all that both saw, and a text's count is over both."""
    store = make(Limits(texts=10, window_ms=HOUR))
    first, second = Process(store, "one"), Process(store, "two")
    texts = named(100)
    for process in (first, second, first):
        process.send(texts)
    ordered = keys(first, texts)
    (window,) = store.windows()
    kept = store.read(window.window, count=99)
    assert [one.key for one in kept] == ordered[:10]
    assert {one.times for one in kept} == {3}
    assert (window.seen, window.probability) == (300, ordered[10] / ONE)


def test_a_report_that_comes_twice_counts_once(make):
    """However often a report is sent, long ones in several parts too, it is taken once."""
    process = Process(make(Limits(texts=1_000, window_ms=HOUR)))
    report = process.report(named(400))
    for _ in range(3):
        state = process.store.add(report)
    (window,) = process.store.windows()
    assert (window.seen, window.kept, state.kept) == (400, 400, 400)
    assert {kept.times for kept in process.store.read(window.window, count=999)} == {1}


def test_what_a_process_let_go_lowers_the_threshold(make):
    """A process without room reports the smallest key that it let go; nothing from there on is kept, from anybody."""
    store = make(Limits(texts=100, window_ms=HOUR))
    first, second = Process(store, "one"), Process(store, "two")
    texts = named(60)
    middle = keys(first, texts)[30]
    first.send(texts)
    state = second.send(texts, threshold=middle, dropped=30)
    (window,) = store.windows()
    assert (state.threshold, window.kept, window.dropped) == (middle, 30, 30)
    assert first.send(named(60, "other")).threshold == middle
    assert all(one.key < middle for one in store.read(window.window, count=999))


def test_bytes_are_bounded_as_well(make):
    """Where texts are long, fewer are kept, and still by their keys alone."""
    process = Process(make(Limits(texts=1_000, max_bytes=20_000, window_ms=HOUR)))
    texts = {f"{i} " + "é" * (i * 7 % 900): 1 for i in range(200)}
    state = process.send(texts)
    (window,) = process.store.windows()
    kept = process.store.read(window.window, count=999)
    sizes = {text: len(payload(text).encode()) for text in texts}
    assert window.kept_bytes == sum(sizes[one.text] for one in kept) <= 20_000
    assert [one.key for one in kept] == keys(process, texts)[: len(kept)]
    assert state.threshold == keys(process, texts)[len(kept)]


def test_estimates_from_the_sample_are_right_on_average(make):
    """Weighed by 1 / probability, kept texts say how many there were, and how many of a kind, over many windows."""
    store = make(Limits(texts=40, window_ms=HOUR, windows=10_000))
    estimates, rare = [], []
    texts = named(360) | named(40, "rare")
    now = store.state().now_ms
    for window in range(60):
        process = Process(store, "p", Limits(window_ms=HOUR).window(now - window * HOUR))
        state = process.send(texts)
        kept = store.read(process.window, count=99)
        estimates.append(len(kept) / (state.threshold / ONE))
        rare.append(sum("rare" in one.text for one in kept) / (state.threshold / ONE))
    spread = [np.std(values, ddof=1) / np.sqrt(len(values)) for values in (estimates, rare)]
    print(f"400 texts: {np.mean(estimates):.1f} +- {spread[0]:.1f}; 40 rare: {np.mean(rare):.1f} +- {spread[1]:.1f}")
    assert abs(np.mean(estimates) - 400) < 4 * spread[0]
    assert abs(np.mean(rare) - 40) < 4 * spread[1]


def test_windows_are_apart_and_old_ones_go_away(make):
    """Each window has its own keys and probability, the newest stands first, and one past its time is deleted."""
    store = make(Limits(texts=5, window_ms=HOUR, windows=2))
    now = Limits(window_ms=HOUR).window(store.state().now_ms)
    new, old, gone = (Process(store, "p", now - back * HOUR) for back in range(3))
    for number, process in enumerate((gone, old, new), start=1):
        process.number = number
        process.send(named(20))
    assert [window.window for window in store.windows()] == [now, now - HOUR]
    assert [window.kept for window in store.windows()] == [5, 5]
    assert store.read(now - 2 * HOUR) == []
    assert {one.text for one in store.read(now)} != {one.text for one in store.read(now - HOUR)}


def test_a_window_ends_by_itself(make):
    """What is kept of a window goes away in time, without anybody's doing."""
    store = make(Limits(texts=5, window_ms=300, windows=1))
    process = Process(store, "p", Limits(window_ms=300).window(store.state().now_ms) + 300)
    process.send(named(3))
    assert [window.kept for window in store.windows()] == [3]
    time.sleep(0.7)
    assert store.windows() == []
    assert store.read(process.window) == []


def test_clearing_deletes_all_and_reports_under_the_old_salt_are_not_taken(make):
    """After clearing nothing is left, a late report brings nothing back, and the next one starts anew."""
    store = make(Limits(texts=50, window_ms=HOUR))
    process = Process(store)
    process.send(named(30))
    assert store.clear() == 30
    assert store.windows() == []
    state = process.send(named(30))
    assert state.salt != process.state.salt
    assert store.windows() == []
    assert Process(store, "new").send(named(7)).kept == 7
    assert store.clear() == 7


def test_one_text_is_forgotten(make):
    """A text can be taken out of every window; the others stay."""
    store = make(Limits(texts=50, window_ms=HOUR))
    process = Process(store)
    process.send(named(4))
    assert store.forget(identity("text 2"))
    assert not store.forget(identity("text 2"))
    (window,) = store.windows()
    kept = store.read(window.window)
    assert sorted(one.text for one in kept) == ["text 0", "text 1", "text 3"]
    assert window.kept_bytes == sum(len(payload(one.text)) for one in kept)


def test_reading_goes_on_behind_a_key(make):
    """Pages follow one another without a gap or a repeat."""
    store = make(Limits(texts=50, window_ms=HOUR))
    process = Process(store)
    process.send(named(23))
    found, after = [], -1
    while page := store.read(process.window, after=after, count=5):
        found += page
        after = page[-1].key
    assert len({one.text_id for one in found}) == 23
    assert [one.key for one in found] == keys(process, named(23))


def test_keys_are_uniform_and_nobody_without_the_salt_can_tell_them():
    """Keys fill their range evenly, and differ between windows and salts."""
    found = np.array([key_of("salt", 0, identity(str(i))) for i in range(4_000)]) / ONE
    assert abs(found.mean() - 0.5) < 4 * (1 / 12 / 4_000) ** 0.5
    assert found.min() >= 0
    assert found.max() < 1
    assert key_of("salt", 0, "a") != key_of("salt", 1, "a") != key_of("other", 1, "a")


@pytest.mark.parametrize("field", ["texts", "max_bytes", "window_ms", "windows"])
def test_limits_that_keep_nothing_are_refused(field):
    """Every limit is at least 1; the message names the field."""
    with pytest.raises(InputError, match="at least 1") as raised:
        Limits(**{field: 0})
    assert raised.value.field == field


@pytest.mark.usefixtures("client")
def test_tasks_do_not_mix(server):
    """Each task has a sample of its own in one store."""
    with Store(server.url) as store:
        one, other = store.traffic("injury", Limits(window_ms=HOUR)), store.traffic("fire", Limits(window_ms=HOUR))
        Process(one).send(named(3))
        assert [window.kept for window in one.windows()] == [3]
        assert other.windows() == []
