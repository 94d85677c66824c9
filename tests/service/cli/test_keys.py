"""Keys with limits and rotation, and the audit log, on a real store."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from service.cli.moments import ago, duration

from .conftest import item


def test_a_key_with_limits(hungjury, store):
    """Scopes, task, end and rate are what the store knows of it, and JSON says so beside the contract's fields."""
    told = hungjury(
        "key", "create", "--role", "admin", "--name", "auditor", "--scope", "findings:read", "--scope", "audit:read",
        "--task", "injury", "--expires", "30d", "--rate", 60, "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert set(told.json) >= {"key", "id", "role", "name"}
    key = store.keys.verify(told.json["key"])
    assert (key.role, key.scopes, key.tasks, key.per_minute) == (
        "admin",
        ("audit:read", "findings:read"),
        ("injury",),
        60,
    )
    assert abs(key.expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    table = hungjury("key", "list")
    for part in ("findings:read", "injury", "60 a minute", "ends "):
        assert part in table.out


@pytest.mark.parametrize(
    ("scopes", "role"),
    [(["texts:score"], "score"), (["items:label", "tasks:read"], "label"), (["findings:read", "texts:score"], "admin")],
)
def test_scopes_without_a_role_take_the_least(hungjury, store, scopes, role):
    """The role is the least that holds them all."""
    arguments = [part for scope in scopes for part in ("--scope", scope)]
    told = hungjury("key", "create", "--name", "app", "--json", *arguments)
    assert told.json["role"] == store.keys.verify(told.json["key"]).role == role


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "--role"),
        (("--role", "label", "--scope", "findings:read"), "not open to the role label"),
        (("--scope", "everything"), "findings:read"),
        (("--role", "score", "--expires", "soon"), "30d"),
        (("--role", "score", "--expires", "0d"), "more than nothing"),
        (("--role", "score", "--rate", "0"), "requests a minute"),
        (("--role", "score", "--task", "a b"), "task"),
    ],
)
def test_bad_limits_are_bad_usage(hungjury, arguments, hint):
    """Exit 2, one line that says what is allowed, and no key."""
    told = hungjury("key", "create", "--name", "x", *arguments)
    assert told.code == 2
    assert hint in told.err
    assert told.out == ""


def test_rotation(hungjury, store):
    """A new secret for the same id; the old one works during the grace, and without one ends."""
    made = hungjury("key", "create", "--role", "label", "--name", "ann", "--json").json
    second = hungjury("key", "rotate", made["id"], "--grace", "1h", "--json").json
    assert (second["id"], second["role"], second["name"]) == (made["id"], "label", "ann")
    assert {store.keys.verify(key["key"]).id for key in (made, second)} == {made["id"]}
    third = hungjury("key", "rotate", made["id"])
    assert store.keys.verify(third.out.strip()).id == made["id"]
    store.keys._forget()  # the half minute in which another process still believes it has passed
    assert store.keys.verify(made["key"]) is store.keys.verify(second["key"]) is None
    assert hungjury("key", "rotate", "nobody").code == 2
    assert hungjury("key", "rotate", made["id"], "--grace", "ever").code == 2


def test_the_audit_log_names_every_act_and_no_secret(hungjury, store, tmp_path):
    """Who, what, to how much, from where; neither keys nor texts stand in it."""
    store.queue("injury").enqueue([item(1, "the lesser"), item(2, "the better")])
    made = hungjury("key", "create", "--role", "label", "--name", "ann", "--json").json
    second = hungjury("key", "rotate", made["id"], "--json").json
    hungjury("key", "revoke", made["id"])
    hungjury("export", "--output", tmp_path / "items.jsonl")
    hungjury("queue", "-n", 1)
    told = hungjury("audit", "--json")
    entries = told.lines
    assert [(one["what"], one["subject"], one["count"]) for one in entries[1:]] == [
        ("key create", made["id"], None),
        ("key rotate", made["id"], None),
        ("key revoke", made["id"], None),
        ("export items", str(tmp_path / "items.jsonl"), 2),
        ("queue", "", 1),
    ]
    assert (entries[0]["who"], entries[0]["detail"]["name"]) == ("service", "local command line")
    assert all(one["who"].startswith("cli:") and one["where"].startswith("host:") for one in entries[1:])
    for secret in (made["key"], second["key"], "the better"):
        assert secret not in told.out
        assert secret.split("_", 2)[-1] not in told.out
    assert "key rotate" in hungjury("audit").out
    assert [one["what"] for one in hungjury("audit", "--json", "-n", 1).lines] == ["queue"]
    assert len(hungjury("audit", "--json", "--since", "1h").lines) == len(entries)
    assert hungjury("audit", "--json", "--since", "2999-01-01").lines == []
    assert hungjury("audit", "--since", "yesterday").code == 2


@pytest.mark.usefixtures("store")
def test_a_name_cannot_play_with_the_terminal(hungjury):
    """What somebody else wrote is printed without control characters."""
    told = hungjury("key", "create", "--role", "label", "--name", "a\u202eb")
    assert told.code == 2
    assert json.dumps("\u202e")[1:-1] not in hungjury("key", "list").out


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("12h", 43_200), ("30d", 2_592_000), (" 2W ", 1_209_600)]
)
def test_durations(text, seconds):
    """A number and its unit."""
    assert duration(text, "x").total_seconds() == seconds


def test_times():
    """A duration ago, or a time; without a zone it is UTC."""
    assert abs(ago("1h", "x") - datetime.now(UTC) + timedelta(hours=1)) < timedelta(minutes=1)
    assert ago("2026-01-31T12:00", "x") == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert ago("2026-01-31T12:00+02:00", "x") == datetime(2026, 1, 31, 10, tzinfo=UTC)
