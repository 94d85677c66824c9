"""What identifies a model's weights on disk.

Hashing a gigabyte takes seconds at every start, so it happens once, when a model is prepared, and is written to a
manifest beside the weights. A load checks that names and sizes still are what the manifest says, which is how a broken
copy or a full disk shows; `verify` hashes everything again for whoever suspects the disk or an intruder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ensemble.errors import ArtifactError
from ensemble.members.hashing import file_sha256

MANIFEST = "manifest.json"


def write_manifest(folder: Path, **extra: Any) -> None:
    """Writes size and SHA-256 of every file in `folder`, with what else the caller wants known."""
    files = {path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in sorted(_files(folder))}
    (folder / MANIFEST).write_text(json.dumps({**extra, "files": files}, indent=1), encoding="utf-8")


def check_sizes(folder: Path) -> dict[str, Any]:
    """Reads the manifest and compares sizes, without reading the files.

    Raises:
        ArtifactError: no manifest, or a file is missing or of another size.
    """
    manifest = _read(folder)
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            raise ArtifactError(
                f"{path} is missing or not {entry['bytes']:,} bytes long; delete {folder} and prepare it anew"
            )
    return manifest


def verify(folder: Path) -> dict[str, Any]:
    """As `check_sizes`, and hashes every file (seconds per gigabyte).

    Raises:
        ArtifactError: as there, or a file's hash differs.
    """
    manifest = check_sizes(folder)
    for name, entry in manifest["files"].items():
        if file_sha256(folder / name) != entry["sha256"]:
            raise ArtifactError(
                f"{folder / name} is not the file that was prepared; delete {folder} and prepare it anew"
            )
    return manifest


def fingerprint(source: str, precision: str) -> str:
    """64 hex digits for a model: over what it was converted from, its files' hashes, or its name on the hub."""
    folder = Path(source)
    if (folder / MANIFEST).is_file():
        manifest = check_sizes(folder)
        # A converted model is what it was converted from: configuration files name the library version that wrote them.
        identity: Any = manifest.get("source_sha256") or manifest["files"]
    elif folder.is_dir():
        identity = {path.name: file_sha256(path) for path in sorted(_files(folder))}
    else:
        identity = source
    return hashlib.sha256(json.dumps([identity, precision], sort_keys=True).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST]


def _read(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entries = manifest["files"].values()
        if not all({"bytes", "sha256"} <= set(entry) for entry in entries):
            raise ArtifactError(f"{folder / MANIFEST} lacks sizes or hashes; delete {folder} and prepare it anew")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ArtifactError(f"cannot read {folder / MANIFEST}: {error}; prepare the model anew") from error
    return manifest
