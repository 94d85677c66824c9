"""Names for contents: sha256 of files and of anything JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

VERSION_DIGITS = 12


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def version_of(parts: Any) -> str:
    """First `VERSION_DIGITS` hex digits of the sha256 of canonical JSON."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:VERSION_DIGITS]
