"""What `doctor` finds."""

import socket

import tiny_artifact

from service.sizing import cores


def test_a_fresh_machine_is_told_what_is_missing(hungjury, free_port, monkeypatch):
    """Nothing prepared is a warning with its remedy; nothing fails, so exit 0."""
    monkeypatch.setenv("HUNGJURY_PORT", str(free_port()))
    told = hungjury("doctor", "--json")
    by_name = {finding["name"]: finding for finding in told.json}
    assert told.code == 0
    assert by_name["models"]["state"] == "warning"
    assert "hungjury prepare" in by_name["models"]["remedy"]
    assert {"Python", "processor", "memory", "disk", "Ray", "queue store", "service"} <= set(by_name)


def test_a_taken_port_is_named(hungjury, monkeypatch):
    """Somebody on the port is a failure that names port and variable; exit 1."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("HUNGJURY_PORT", str(other.getsockname()[1]))
        told = hungjury("doctor")
        assert told.code == 1
        assert f"127.0.0.1:{other.getsockname()[1]}" in told.out
        assert "HUNGJURY_PORT" in told.out


def test_a_store_that_does_not_answer_is_a_failure(hungjury, free_port, monkeypatch):
    """A wrong HUNGJURY_REDIS_URL is found, and its password not shown."""
    monkeypatch.setenv("HUNGJURY_REDIS_URL", f"redis://:sesame@127.0.0.1:{free_port()}/0")
    told = hungjury("doctor", "--json")
    by_name = {finding["name"]: finding for finding in told.json}
    assert told.code == 1
    assert by_name["queue store"]["state"] == "failed"
    assert "sesame" not in told.out


def test_sizes_are_measured_on_request(hungjury, free_port, monkeypatch):
    """`--measure` tries the members at hand and keeps what it finds; without any it says how to get them."""
    monkeypatch.setenv("HUNGJURY_PORT", str(free_port()))
    refused = hungjury("doctor", "--measure")
    assert refused.code == 1
    assert "hungjury prepare" in refused.err
    tiny_artifact.make()
    found = {finding["name"]: finding for finding in hungjury("doctor", "--measure", "--json").json}
    assert "encoder: threads" in found["sizes"]["found"] or cores() == 1
    again = {finding["name"]: finding for finding in hungjury("doctor", "--json").json}
    assert again["sizes"] == found["sizes"]
