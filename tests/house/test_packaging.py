"""The wheel holds all that the program needs, and the project declares and pins all that it imports."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

PACKAGES = ("ensemble", "miners", "service")

USED_BY_OTHERS = {
    "accelerate": "transformers needs it to load a model from GGUF",
    "onnx": "torch.onnx.export writes with it",
    "gguf": "transformers needs it to read GGUF",
    "onnxscript": "torch.onnx.export needs it",
    "onnxruntime-gpu": "provides the import package onnxruntime",
    "onnxruntime": "the same where there is no onnxruntime-gpu",
}
"""Distributions that are needed though no line of the project imports their own name."""


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    """The `[project]` table of pyproject.toml."""
    return dict(tomllib.loads((root / "pyproject.toml").read_text())["project"])


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path, files: list[Path]):
    """Code, Lua, seed data, pages and schemas are all in the wheel, and nothing else is."""
    expected = {path.as_posix() for path in files if path.parts[0] in PACKAGES}
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {Path(name).suffix for name in expected} >= {".py", ".lua", ".jsonl", ".json", ".md"}
    assert inside == expected


def test_the_wheel_says_where_the_command_is(wheel: Path, project: dict[str, Any]):
    """The `hungjury` command of the wheel points at a function that can be imported."""
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        assert f"hungjury = {project['scripts']['hungjury']}" in archive.read(entries).decode()
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="hungjury")
    assert callable(command.load())


def test_every_import_is_declared_and_every_declaration_is_used(root: Path, files: list[Path], project: dict[str, Any]):
    """The list of dependencies is neither too short nor too long."""
    declared = {_normal(Requirement(line).name) for line in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    used = {name: {_normal(each) for each in providers.get(name, [name])} for name in _imports(root, files)}
    assert {name: found for name, found in used.items() if not found & declared} == {}
    assert declared - set().union(*used.values()) - set(USED_BY_OTHERS) == set()


def test_everything_declared_is_pinned_and_fits(root: Path, project: dict[str, Any]):
    """Each dependency has one exact version in constraints.txt, and that version satisfies pyproject.toml."""
    pins = _pins(root)
    lines = [
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *project["optional-dependencies"]["bench"],
    ]
    unfit = [
        line
        for line in lines
        if not Requirement(line).specifier.contains(pins.get(_normal(Requirement(line).name), "0"), prereleases=True)
    ]
    assert unfit == []
    assert "+" not in "".join(pins.values()), "a local version suffix ties the project to one index"


def test_everything_that_a_dependency_brings_is_pinned(root: Path, project: dict[str, Any]):
    """No package gets into the virtual environment at a version that constraints.txt does not name."""
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert _closure([Requirement(line) for line in lines]) - set(_pins(root)) == set()


def _pins(root: Path) -> dict[str, str]:
    lines = [
        line.split("==")
        for line in (root / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return {_normal(name): version for name, version in lines}


def _closure(requirements: list[Requirement]) -> set[str]:
    """Normalised names of the installed distributions that these need, themselves included."""
    waiting, done = list(requirements), set()
    while waiting:
        requirement = waiting.pop()
        key = (_normal(requirement.name), frozenset(requirement.extras))
        if key in done or not _applies(requirement, frozenset()):
            continue
        done.add(key)
        needs = [Requirement(line) for line in importlib.metadata.requires(requirement.name) or []]
        waiting += [_unconditional(need) for need in needs if _applies(need, key[1])]
    return {name for name, _ in done}


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in {*extras, ""})


def _unconditional(requirement: Requirement) -> Requirement:
    requirement.marker = None
    return requirement


def _imports(root: Path, files: list[Path]) -> set[str]:
    """Top-level names of the third-party packages that the project's packages import."""
    sources = [root / path for path in files if path.suffix == ".py" and path.parts[0] in PACKAGES]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and node.level == 0}
    names |= {name for node in nodes if isinstance(node, ast.Call) for name in _looked_up(node)}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - set(PACKAGES)


def _looked_up(call: ast.Call) -> list[str]:
    """Package that a call of `find_spec`, `import_module` or `files` names."""
    function = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if function not in {"find_spec", "import_module", "files"}:
        return []
    return [each.value for each in call.args[:1] if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
