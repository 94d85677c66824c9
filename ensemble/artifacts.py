"""Prepared artifacts: a folder of models for one task, named by its contents and checked against its manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.errors import ArtifactError
from ensemble.home import artifacts_dir
from ensemble.members.hashing import file_sha256, version_of
from ensemble.panel import Joint, Panel
from ensemble.scorer import Member, Scorer

FORMAT = 1
MANIFEST = "manifest.json"
JOINT = "panel.json"
_POINTER = "current.json"


class Manifest(BaseModel):
    """What an artifact holds.

    Attributes:
        fingerprint: hash of everything that preparation started from; equal fingerprints need no new preparation.
        files: sha256 by relative path, of every file beside the manifest.
        groups: members by scorer group, as (name, kind, version).
        language_model: folder name under the models directory, or an absolute path, or a hub id; None without one.
        metrics: what was measured on the test split, for the record.
        packages: versions of the libraries that made it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    task: str
    fingerprint: str
    seed: int
    files: dict[str, str]
    groups: dict[str, tuple[tuple[str, str, str], ...]]
    language_model: str | None = None
    metrics: dict[str, Any] = {}
    packages: dict[str, str] = {}


@dataclass(frozen=True)
class Artifact:
    """A prepared artifact on disk."""

    path: Path

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            ArtifactError: missing, unreadable or of another format.
        """
        try:
            manifest = Manifest.model_validate_json((self.path / MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise ArtifactError(f"no readable artifact in {self.path}: {error}; run `hungjury prepare`") from None
        if manifest.format != FORMAT:
            raise ArtifactError(f"{self.path} has format {manifest.format}, this version reads {FORMAT}; prepare again")
        return manifest

    @property
    def groups(self) -> tuple[str, ...]:
        """Scorer groups: what is loaded together and served by one deployment."""
        return tuple(self.manifest.groups)

    @cached_property
    def joint(self) -> Joint:
        """The panel's rule."""
        self.verify(JOINT)
        return Joint.model_validate_json((self.path / JOINT).read_bytes())

    def members(self, group: str) -> tuple[Member, ...]:
        """Columns of a group's scorer, without loading it."""
        return tuple(Member(*entry) for entry in self.manifest.groups[group])

    def verify(self, prefix: str = "") -> None:
        """Compares files under `prefix` with the manifest.

        Raises:
            ArtifactError: a file is missing or was changed.
        """
        for name, expected in self.manifest.files.items():
            path = self.path / name
            if name.startswith(prefix) and (not path.is_file() or file_sha256(path) != expected):
                raise ArtifactError(f"{path} is missing or not what its manifest says; run `hungjury prepare --force`")

    def load_scorer(self, group: str, *, threads: int = 1, device: str | None = None) -> Scorer:
        """Loads one group after checking its files.

        Args:
            group: one of `groups`.
            threads: threads of one forward pass.
            device: "cuda", or None for the CPU.

        Raises:
            ArtifactError: no such group, or a file was changed.
        """
        from ensemble.members.loading import load_fitted

        if group not in self.groups:
            raise ArtifactError(f"no member group {group!r}; this artifact has {', '.join(self.groups)}")
        self.verify(f"{group}/")
        model = self.manifest.language_model
        return load_fitted(group, self.path / group, model, threads=threads, device=device)

    def load_panel(self, *, threads: int = 1, device: str | None = None) -> Panel:
        """All groups in this process, joined."""
        scorers = [self.load_scorer(group, threads=threads, device=device) for group in self.groups]
        return Panel(scorers, self.joint)


def current_artifact(task: str) -> Artifact:
    """The artifact in use for a task.

    Raises:
        ArtifactError: none is prepared.
    """
    pointer = artifacts_dir(task) / _POINTER
    if not pointer.is_file():
        raise ArtifactError(f"nothing is prepared for task {task!r}; run `hungjury prepare`")
    artifact = Artifact(pointer.parent / json.loads(pointer.read_text())["artifact"])
    _ = artifact.manifest
    return artifact


def seal(directory: Path, manifest: Manifest) -> Artifact:
    """Hashes the finished folder, writes its manifest, moves it to its content's name and points to it.

    Args:
        directory: a folder beside the task's artifacts, complete but for the manifest.
        manifest: everything but `files`.
    """
    names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    files = {name: file_sha256(directory / name) for name in names if name != MANIFEST}
    sealed = manifest.model_copy(update={"files": files})
    (directory / MANIFEST).write_text(sealed.model_dump_json(indent=1), encoding="utf-8")
    target = artifacts_dir(manifest.task) / version_of([manifest.fingerprint, files])
    if not target.exists():
        directory.rename(target)
    _point(target)
    return Artifact(target)


def _point(target: Path) -> None:
    pointer = target.parent / _POINTER
    fresh = pointer.with_suffix(".new")
    fresh.write_text(json.dumps({"artifact": target.name}), encoding="utf-8")
    fresh.replace(pointer)
