"""How the command line speaks: help, errors, exit statuses."""

import subprocess
import sys

import pytest

from service.cli.main import execute, report
from service.cli.output import printable

COMMANDS = (
    ("up",),
    ("down",),
    ("status",),
    ("score",),
    ("mine",),
    ("campaigns",),
    ("campaigns", "list"),
    ("campaigns", "show"),
    ("campaigns", "stop"),
    ("campaigns", "resume"),
    ("task", "new"),
    ("train",),
    ("evaluate",),
    ("artifacts",),
    ("artifacts", "list"),
    ("artifacts", "compare"),
    ("artifacts", "use"),
    ("queue",),
    ("answers",),
    ("export",),
    ("key", "create"),
    ("key", "list"),
    ("key", "revoke"),
    ("traffic", "status"),
    ("traffic", "show"),
    ("traffic", "forget"),
    ("traffic", "clear"),
    ("doctor",),
    ("prepare",),
    ("demo",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(hungjury, command):
    """Each command has a help text and exits 0 when asked for it."""
    told = hungjury(*command, "--help")
    assert told.code == 0
    assert "Usage: hungjury " + " ".join(command) in told.out


def test_help_imports_nothing_heavy():
    """Neither Ray nor model libraries nor a Redis client are loaded for help."""
    code = (
        "import sys; from service.cli.main import execute; execute(['--help']); "
        "print(sorted({'ray', 'torch', 'redis', 'numpy', 'onnxruntime', 'fastapi', 'sklearn'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["nonsense"],
        ["score"],
        ["key", "create", "--role", "king", "--name", "x"],
        ["queue", "--count", "0"],
        ["score", "/no/such/file"],
        ["evaluate", "--data", "/no/such/file"],
        ["evaluate"],
        ["evaluate", "--adjudicated", "--data", "x.jsonl"],
        ["up", "--config", "/no/such/file.yaml"],
        ["prepare", "--task", "no-such-task"],
        ["train"],
        ["train", "--data", "/no/such/file", "--task", "no-such-task"],
        ["mine", "--budget", "0"],
        ["mine", "--strategy", "deployed-margin"],
        ["campaigns", "show"],
        ["task", "new"],
        ["artifacts", "compare", "a"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_exit_2(hungjury, arguments):
    """A wrong command line or input is one line on standard error, and exit 2."""
    told = hungjury(*arguments)
    assert told.code == 2
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["queue"], ["answers"], ["export"], ["key", "list"], ["mine"], ["campaigns"], ["evaluate", "--adjudicated"]],
    ids=" ".join,
)
def test_commands_that_need_the_service_say_how_to_start_it(hungjury, arguments):
    """Without a running service they fail with exit 1 and name the remedy."""
    told = hungjury(*arguments)
    assert told.code == 1
    assert told.out == ""
    assert "hungjury up" in told.err
    assert told.err.count("\n") == 1


def test_no_service_is_a_status_too(hungjury):
    """`status` without a service says so, to people and machines, and exits 1."""
    assert hungjury("status").code == 1
    told = hungjury("status", "--json")
    assert told.code == 1
    assert told.json["running"] is False


def test_down_without_a_service_is_harmless(hungjury):
    """Stopping what does not run succeeds."""
    told = hungjury("down", "--json")
    assert told.code == 0
    assert told.json == {"stopped": False}


def test_a_bad_setting_names_itself(hungjury, monkeypatch):
    """A wrong environment variable is blamed by its name."""
    monkeypatch.setenv("HUNGJURY_PORT", "lots")
    told = hungjury("up")
    assert told.code == 2
    assert "HUNGJURY_PORT" in told.err


def test_surprises_are_one_line_unless_debugging(monkeypatch, capsys):
    """An unexpected error shows no traceback, and with HUNGJURY_DEBUG it comes through."""
    assert report(ZeroDivisionError("oh")) == 1
    assert "unexpected ZeroDivisionError: oh" in capsys.readouterr().err
    monkeypatch.setenv("HUNGJURY_DEBUG", "1")
    with pytest.raises(Exception, match="nonsense"):
        execute(["nonsense"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"),
        ("bell\x07", "bell\\u0007"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("\u2066hidden\u2069", "\\u2066hidden\\u2069"),
        ("lone \ud800", "lone \\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("👩\u200d🚀 é [bold]x[/bold]", "👩\u200d🚀 é [bold]x[/bold]"),
    ],
)
def test_shown_text_cannot_act_on_the_terminal(text, shown):
    """Control characters, escape sequences and direction overrides are shown, not obeyed."""
    assert printable(text) == shown


def test_long_text_is_cut():
    """A limit is kept, and seen."""
    assert printable("x" * 100, 10) == "x" * 9 + "…"
