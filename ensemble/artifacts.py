"""Prepared artifacts: a folder of models for one task, named by its contents and checked against its manifest."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.errors import ArtifactError, InputError
from ensemble.home import artifacts_dir, home
from ensemble.members.hashing import file_sha256, version_of
from ensemble.panel import Joint, Panel
from ensemble.scorer import Member, Scorer
from ensemble.training_record import TrainingRecord

if TYPE_CHECKING:
    from ensemble.members.specs import JudgeSpec

FORMAT = 1
MANIFEST = "manifest.json"
JOINT = "panel.json"
_POINTER = "current.json"
_REMEDY = "run `hungjury prepare --force`, train again, or go back to another by `hungjury artifacts use`"


class Manifest(BaseModel):
    """What an artifact holds.

    Attributes:
        fingerprint: hash of everything that preparation started from; equal fingerprints need no new preparation.
        files: sha256 by relative path, of every file beside the manifest.
        groups: members by scorer group, as (name, kind, version).
        language_model: folder name under the models directory, or an absolute path, or a hub id; None without one.
        metrics: what was measured on the test split, for the record.
        packages: versions of the libraries that made it.
        formats: by group, in which number formats its model may serve, and how near to torch each is.
        made_at: when; None for artifacts of older versions.
        training: the data and choices of `hungjury train`; None where it was prepared from the task's seed rows.
        panel: what the members were fitted by, see `MemberSpecs.fitted_by`; None for artifacts of older versions.
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
    formats: dict[str, dict[str, Any]] = {}
    made_at: datetime | None = None
    training: TrainingRecord | None = None
    panel: dict[str, Any] | None = None


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
    def made_at(self) -> datetime:
        """When it was made; where the manifest does not say, when the manifest was written."""
        written = datetime.fromtimestamp((self.path / MANIFEST).stat().st_mtime, tz=UTC)
        return self.manifest.made_at or written

    @property
    def is_current(self) -> bool:
        """Whether it is the one in use for its task."""
        return bool(_pointed(self.manifest.task).get("artifact") == self.path.name)

    @property
    def is_intact(self) -> bool:
        """Whether manifest and files are what they were when it was sealed."""
        try:
            self.verify()
        except ArtifactError:
            return False
        return True

    @property
    def groups(self) -> tuple[str, ...]:
        """Scorer groups: what is loaded together and served by one deployment."""
        return tuple(self.manifest.groups)

    @cached_property
    def joint(self) -> Joint:
        """The panel's rule."""
        self.verify(JOINT)
        return Joint.model_validate_json((self.path / JOINT).read_bytes())

    def members(self, group: str, *, device: str | None = None) -> tuple[Member, ...]:
        """Columns of a group's scorer as it serves on this machine, without loading it."""
        from ensemble.members.loading import members_here

        listed = tuple(Member(*entry) for entry in self.manifest.groups[group])
        return members_here(group, self.path / group, listed, device=device)

    def verify(self, prefix: str = "") -> None:
        """Compares files under `prefix` with the manifest, and the manifest's hashes with the folder's name.

        Raises:
            ArtifactError: a file is missing or was changed, or the manifest was.
        """
        if content_name(self.manifest) != self.path.name:
            raise ArtifactError(
                f"{self.path / MANIFEST} was changed: its hashes are not those of its folder's name; {_REMEDY}"
            )
        for name, expected in self.manifest.files.items():
            path = self.path / name
            if name.startswith(prefix) and (not path.is_file() or file_sha256(path) != expected):
                raise ArtifactError(f"{path} is missing or not what its manifest says; {_REMEDY}")

    def load_scorer(
        self, group: str, *, threads: int = 1, device: str | None = None, limits: JudgeSpec | None = None
    ) -> Scorer:
        """Loads one group after checking its files.

        Args:
            group: one of `groups`.
            threads: threads of one forward pass.
            device: "cuda", or None for the CPU.
            limits: what a remote judge goes by now; None = as when it was prepared.

        Raises:
            ArtifactError: no such group, or a file was changed.
        """
        from ensemble.members.loading import load_fitted

        if group not in self.groups:
            raise ArtifactError(f"no member group {group!r}; this artifact has {', '.join(self.groups)}")
        self.verify(f"{group}/")
        model = self.manifest.language_model
        return load_fitted(group, self.path / group, model, threads=threads, device=device, limits=limits)

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
        raise ArtifactError(
            f"nothing is prepared for task {task!r}; run `hungjury prepare`, or `hungjury train` with rows of yours"
        )
    artifact = Artifact(pointer.parent / _pointed(task)["artifact"])
    _ = artifact.manifest
    return artifact


def is_pinned(task: str) -> bool:
    """Whether the artifact in use was chosen, by training or by hand, so that preparing must not replace it unasked."""
    return bool(_pointed(task).get("pinned", False))


def all_artifacts(task: str | None = None) -> list[Artifact]:
    """Every readable artifact of a task (None: of all tasks), oldest first."""
    root = home() / "artifacts"
    folders = [path.parent for path in root.glob(f"{task or '*'}/*/{MANIFEST}") if not path.parent.name.startswith(".")]
    found = [Artifact(folder) for folder in sorted(folders) if _readable(folder)]
    return sorted(found, key=lambda artifact: artifact.made_at)


def find_artifact(name: str, task: str | None = None) -> Artifact:
    """The artifact whose name begins with `name`.

    Raises:
        InputError: there is none, or several.
    """
    found = [artifact for artifact in all_artifacts(task) if name and artifact.path.name.startswith(name)]
    if len(found) != 1:
        many = ", ".join(artifact.path.name for artifact in found)
        why = f"{name!r} could be {many}; say more of it" if found else f"there is no artifact {name!r}"
        raise InputError(f"{why}; `hungjury artifacts list` shows them", field="ID")
    return found[0]


def use(artifact: Artifact, *, pinned: bool = True) -> None:
    """Puts an artifact into use, after checking all its files; a running service takes it at its next start.

    Args:
        artifact: of any age.
        pinned: whether preparing leaves it alone unless it is forced.

    Raises:
        ArtifactError: a file is missing or was changed.
    """
    artifact.verify()
    _point(artifact.path, pinned=pinned)


def seal(directory: Path, manifest: Manifest, *, pinned: bool = False) -> Artifact:
    """Hashes the finished folder, writes its manifest, moves it to its content's name and points to it.

    Args:
        directory: a folder beside the task's artifacts, complete but for the manifest.
        manifest: everything but `files`.
        pinned: see `is_pinned`.
    """
    names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    files = {name: file_sha256(directory / name) for name in names if name != MANIFEST}
    sealed = manifest.model_copy(update={"files": files})
    (directory / MANIFEST).write_text(sealed.model_dump_json(indent=1), encoding="utf-8")
    target = artifacts_dir(manifest.task) / content_name(sealed)
    if target.exists() and not Artifact(target).is_intact:
        shutil.rmtree(target)
    if not target.exists():
        directory.rename(target)
    _point(target, pinned=pinned)
    return Artifact(target)


def content_name(manifest: Manifest) -> str:
    """The name of an artifact: a hash over what it was made from and what it holds."""
    return version_of([manifest.fingerprint, manifest.files])


def _point(target: Path, *, pinned: bool) -> None:
    pointer = target.parent / _POINTER
    fresh = pointer.with_suffix(".new")
    fresh.write_text(json.dumps({"artifact": target.name, "pinned": pinned}), encoding="utf-8")
    fresh.replace(pointer)


def _pointed(task: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((artifacts_dir(task) / _POINTER).read_bytes())
    except FileNotFoundError:
        return {}
    return found


def _readable(folder: Path) -> bool:
    try:
        _ = Artifact(folder).manifest
    except ArtifactError:
        return False
    return True
