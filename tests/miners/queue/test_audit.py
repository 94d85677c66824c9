"""The audit log, on Redis and in memory."""

from datetime import UTC, datetime, timedelta

import pytest

from ensemble.errors import InputError
from miners.queue.audit import Act, MemoryAuditLog, RedisAuditLog, every


@pytest.fixture(params=["memory", "redis"])
def make(request):
    client = request.getfixturevalue("client") if request.param == "redis" else None
    return lambda **more: RedisAuditLog(client, **more) if client else MemoryAuditLog(**more)


def act(number):
    return Act(who="abc", name="boss", what="export", subject=f"file {number}", count=number, where="127.0.0.1")


def test_what_was_added_is_read_in_order(make):
    """Page by page, each entry once, with its time and place."""
    log = make()
    added = [log.add(act(number)) for number in range(7)]
    assert log.read() == added
    assert [entry.count for entry in log.read(count=3)] == [0, 1, 2]
    assert log.read(after=added[2].id, count=3) == added[3:6]
    assert log.read(after=added[-1].id) == []
    assert list(every(log)) == added
    assert abs(added[0].at - datetime.now(UTC)) < timedelta(minutes=1)


def test_reading_from_a_time_on(make):
    """Only what happened since."""
    log = make()
    entry = log.add(act(1))
    assert log.read(since=entry.at) == [entry]
    assert log.read(since=entry.at + timedelta(seconds=1)) == []
    assert log.read(since=datetime(1960, 1, 1, tzinfo=UTC)) == [entry]
    assert log.read(since=entry.at.replace(tzinfo=None)) == [entry]


@pytest.mark.parametrize("place", ["", "x", "1", "1-2-3", "-", "(1-1", "1" * 40 + "-1"])
def test_a_bad_place_is_refused(make, place):
    """Nothing but an entry's id can be read on from."""
    with pytest.raises(InputError):
        make().read(after=place)


def test_the_log_is_bounded(make):
    """Where it is full the oldest go; Redis drops whole blocks of a hundred."""
    log = make(most=100)
    for number in range(450):
        log.add(act(number))
    kept = [entry.count for entry in every(log)]
    assert 100 <= len(kept) <= 300
    assert kept == list(range(450 - len(kept), 450))


def test_entries_are_short_and_printable(make):
    """Neither a terminal nor the store can be flooded through a name."""
    entry = make().add(Act(who="w" * 999, what="a\x1b[2Jb\u202e", detail={"k\n": "v" * 999}))
    assert len(entry.who) == 200
    assert entry.what == "a\ufffd[2Jb\ufffd"
    assert entry.detail == {"k\ufffd": "v" * 200}


def test_a_repeated_call_is_one_entry(client, monkeypatch):
    """As redis-py repeats a command whose reply was lost."""
    log = RedisAuditLog(client)
    append = log._append
    monkeypatch.setattr(log, "_append", lambda **given: (append(**given), append(**given))[1])
    entry = log.add(act(1))
    assert log.read() == [entry]
