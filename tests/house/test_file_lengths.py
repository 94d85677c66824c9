"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
SOURCE = {".py", ".lua", ".js", ".css"}


def test_no_source_file_is_longer_than_500_lines(root: Path, files: list[Path]):
    """A source file of more than 500 lines is split."""
    lengths = {path: _lines(root / path) for path in files if path.suffix in SOURCE}
    assert lengths, "no source file was found"
    assert {str(path): count for path, count in lengths.items() if count > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines(root: Path, files: list[Path]):
    """A function of more than 60 lines is split."""
    found = [long for path in files if path.suffix == ".py" for long in _long_functions(root / path)]
    assert found == []


@pytest.mark.parametrize(("body_lines", "reported"), [(59, False), (60, True)])
def test_a_function_is_measured_with_its_first_line(tmp_path: Path, body_lines: int, reported: bool):
    """A function's length counts from `def` to its last line."""
    path = tmp_path / "sample.py"
    path.write_text("def sample():\n" + "    pass\n" * body_lines)
    assert bool(_long_functions(path)) is reported


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _long_functions(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [
        f"{path}:{node.lineno} {node.name}"
        for node in functions
        if (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
