"""Every command in README.md and deploy/README.md is run, or, where it cannot be, checked against what exists.

The word after a block's language says how: `now` runs it, `live` runs it against a service that is up (one shell for
all such blocks of a file, in order), `dry` runs its `make` lines with `make -n`, `parse` checks syntax, commands,
options and paths without running. The checks of `parse` hold for every block.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import typer
from shell_blocks import FENCE, ROOT, Block, blocks, run_shell

DOCUMENTS = ("README.md", "deploy/README.md")
WAYS = {"now", "live", "dry", "parse"}


def _params(way: str | None = None) -> list[object]:
    every = [block for document in DOCUMENTS for block in blocks(document, way)]
    return [pytest.param(block, id=f"{block.document}:{block.line}") for block in every]


@pytest.fixture(scope="module")
def command() -> Any:
    """The command line as a tree: `commands` by name on groups, `params` on commands."""
    from service.cli.main import app

    return typer.main.get_command(app)


@pytest.mark.parametrize("block", _params())
def test_every_block_says_how_it_is_checked(block: Block):
    """No shell block is without a known way of checking it."""
    assert block.way in WAYS


@pytest.mark.parametrize("block", _params())
def test_every_block_is_valid_bash(block: Block):
    """Each block can be pasted into bash."""
    checked = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_ours_exists_with_its_options(document: str, command: Any):
    """Wherever a document says `hungjury ...`, in a block or in a sentence, that command and its options exist."""
    calls = list(_calls("hungjury", (ROOT / document).read_text()))
    assert calls
    assert [problem for call in calls for problem in _problems(command, call)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_exists(document: str):
    """Wherever a document says `make ...`, the Makefile has that target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = [
        word for call in _calls("make", (ROOT / document).read_text()) for word in call if re.fullmatch(r"[a-z]+", word)
    ]
    assert [word for word in words if word not in targets] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_path_leads_somewhere(document: str):
    """Relative links, and paths of the project named in code, exist."""
    text = (ROOT / document).read_text()
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if not urlparse(target).scheme]
    named = re.findall(r"(?<![\w/.-])((?:ensemble|miners|service|deploy|tests)/[\w./-]*\w/?)", text)
    assert [target for target in links if not ((ROOT / document).parent / target).exists()] == []
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("block", _params("dry"))
def test_make_lines_do_not_fail_when_dry_run(block: Block):
    """`make -n` accepts every `make` line, with its variables."""
    lines = [line for line in block.code.splitlines() if line.strip()]
    assert [line for line in lines if not re.search(r"\bmake\b", line)] == []
    for line in lines:
        dry = re.sub(r"\bmake\b", "make -n", line)
        done = subprocess.run(["bash", "-euc", dry], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ".venv" in done.stdout


@pytest.mark.parametrize("block", _params("now"))
def test_blocks_that_need_nothing_run(block: Block, tmp_path: Path):
    """A block marked `now` runs to its end and prints something."""
    done = run_shell(block.code, tmp_path, os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def _calls(program: str, text: str) -> Iterator[list[str]]:
    """Arguments of each call of a program: in shell blocks anywhere in a line, in sentences between backticks."""
    code = [found[2] for found in FENCE.finditer(text)]
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    for piece in [line for block in code for line in block.splitlines()] + inline:
        for found in re.finditer(rf"(?<![\w/.-]){program}(?= |$)([^|;&)\n]*)", piece.split(" #")[0]):
            if not re.search(r"[\w-] $", piece[: found.start()]) or piece[: found.start()].endswith(("&& ", "| ")):
                yield shlex.split(found[1])


def _problems(command: Any, words: list[str]) -> Iterator[str]:
    """What of a call the command line would not take."""
    while hasattr(command, "commands"):
        name = next(iter(words), "--help")
        if name.startswith("-"):
            break
        if name not in command.commands:
            yield f"there is no command {name!r}"
            return
        command, words = command.commands[name], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    yield from (f"{command.name} has no option {word}" for word in words if word.startswith("--") and word not in known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "```bash now\nx=$(hungjury key create --role label --json | tail)\n```",
            [["key", "create", "--role", "label", "--json"]],
        ),
        ("see `hungjury status` for more", [["status"]]),
        ("```bash now\ndocker run -v hungjury:/data hungjury\n```", []),
        ("hungjury is a name", []),
    ],
)
def test_calls_are_found_where_they_are_commands(text: str, expected: list[list[str]]):
    """The search above tells a call from a name."""
    assert list(_calls("hungjury", text)) == expected


@pytest.mark.parametrize(
    "words", [["nosuch"], ["up", "--nosuch"], ["key", "nosuch"], ["key", "create", "--nosuch", "x"]]
)
def test_wrong_calls_are_seen(words: list[str], command: Any):
    """A command or option that does not exist is reported."""
    assert list(_problems(command, words))


@pytest.mark.parametrize("words", [[], ["--help"], ["up", "--config", "my.yaml"], ["key", "create", "--role", "label"]])
def test_right_calls_pass(words: list[str], command: Any):
    """A call that exists is not reported."""
    assert list(_problems(command, words)) == []
