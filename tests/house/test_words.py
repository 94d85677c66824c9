"""What must not stand in the project's files: unfinished work, unexplained exceptions, one person's paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = {".py", ".lua", ".js", ".css", ".html", ".md", ".toml", ".yaml", ".yml", ".txt", ".json", ""}

# One letter in brackets keeps each pattern from finding itself.
UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K]|raise NotImplementedErro[r])\b|pytest\.mark\.xfai[l]")
PERSONAL_PATH = re.compile(r"(?<![\w.$}{~<-])/(?:home|Users|root|work)/[\w.]+")
BARE_EXCEPTION = re.compile(r"#\s*(?:noq[a](?!:\s*[A-Z])|type:\s*ignor[e](?!\[))")
UNEXPLAINED = re.compile(r"#\s*(?:noq[a]:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignor[e]\[[\w, -]+\])\s*$")
TOP_LEVEL = re.compile(
    r"pyproject\.toml|service|ensemble|miners|deploy|tests|README\.md|Makefile|LICENSE|CHANGELOG\.md|constraints\.txt|\..+"
)


def test_nothing_is_marked_unfinished(root: Path, files: list[Path]):
    """No marker of unfinished work stands in the source."""
    assert _hits(root, [path for path in files if path.suffix == ".py"], UNFINISHED) == []


def test_no_file_names_a_personal_path(root: Path, files: list[Path]):
    """No file names a folder that exists on one machine only."""
    assert _hits(root, [path for path in files if path.suffix in TEXT], PERSONAL_PATH) == []


def test_every_exception_from_a_rule_says_which_and_why(root: Path, files: list[Path]):
    """An exception from lint or types carries the rule's code and a reason after it."""
    python = [path for path in files if path.suffix == ".py"]
    assert _hits(root, python, BARE_EXCEPTION) + _hits(root, python, UNEXPLAINED) == []


def test_the_top_level_holds_only_what_is_agreed(files: list[Path]):
    """New things go into one of the agreed folders, not beside them."""
    assert sorted({path.parts[0] for path in files if not TOP_LEVEL.fullmatch(path.parts[0])}) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "x = 1  # TO_DO later"),
        (PERSONAL_PATH, "open('/ho_me/ann/data.txt')"),
        (BARE_EXCEPTION, "import os  # no_qa"),
        (BARE_EXCEPTION, "x = f()  # type: ig_nore"),
        (UNEXPLAINED, "import os  # no_qa: F401"),
        (UNEXPLAINED, "x = f()  # type: ig_nore[arg-type]"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], line: str):
    """The patterns above see an offender when there is one."""
    assert pattern.search(line.replace("_", ""))


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "except NotImplementedError:"),
        (PERSONAL_PATH, "GET /v1/home/page"),
        (PERSONAL_PATH, "$HOME/work/x"),
        (BARE_EXCEPTION, "import os  # no_qa: F401 (re-exported)"),
        (UNEXPLAINED, "import os  # no_qa: F401 (re-exported)"),
        (UNEXPLAINED, "x = f()  # type: ig_nore[arg-type]  # the stub is wrong"),
    ],
)
def test_each_pattern_leaves_the_innocent_alone(pattern: re.Pattern[str], line: str):
    """The patterns above do not report what is allowed."""
    assert not pattern.search(line.replace("_", ""))


def _hits(root: Path, paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
