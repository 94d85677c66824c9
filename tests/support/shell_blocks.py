"""The shell blocks of a Markdown document, and running them as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?:bash|console|sh|shell)\b *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of shell commands.

    Attributes:
        document: path of the document, from the project's folder.
        line: where the block begins, counted from 1.
        way: the word after the language, which says how the block is checked; empty if there is none.
        code: the commands.
    """

    document: str
    line: int
    way: str
    code: str


def blocks(document: str, way: str | None = None) -> list[Block]:
    """The shell blocks of a document in order; only those of one way where it is given."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = FENCE.finditer(text)
    every = [Block(document, text.count("\n", 0, one.start()) + 1, one[1], one[2]) for one in found]
    return [block for block in every if way in {None, block.way}]


def run_shell(
    code: str, folder: Path, environment: Mapping[str, str], *, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Runs shell code in `folder` with the virtual environment first on the path; stops at the first error."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={**environment, "PATH": path, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
