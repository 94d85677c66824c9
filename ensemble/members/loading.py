"""From an artifact's group to its scorer; the one place that knows which class serves which group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import ArtifactError
from ensemble.home import models_dir
from ensemble.scorer import Scorer

if TYPE_CHECKING:
    from ensemble.artifacts import Artifact

Loader = Callable[["Artifact", Path, int, "str | None"], Scorer]


def load_group(artifact: Artifact, group: str, *, threads: int, device: str | None) -> Scorer:
    """Loads one group of an artifact.

    Raises:
        ArtifactError: no such group.
    """
    loader = _LOADERS.get(group)
    if loader is None or group not in artifact.groups:
        raise ArtifactError(f"no member group {group!r}; this artifact has {', '.join(artifact.groups)}")
    return loader(artifact, artifact.path / group, threads, device)


def _encoder(_: Artifact, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.encoder import EncoderScorer

    return EncoderScorer(directory, threads=threads, device=device)


def _keyword(_: Artifact, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.keyword import KeywordScorer

    return KeywordScorer(directory, threads=threads, device=device)


def _language_model(artifact: Artifact, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.judge import LanguageModelScorer

    return LanguageModelScorer.load(model_location(artifact), directory, threads=threads, device=device)


def _remote_judge(_: Artifact, directory: Path, _threads: int, _device: str | None) -> Scorer:
    from ensemble.members.remote_judge import RemoteJudge

    return RemoteJudge.load(directory)


def model_location(artifact: Artifact) -> str:
    """Where the artifact's language model is: a folder of `models_dir`, another folder, or a hub id.

    Raises:
        ArtifactError: the artifact has none.
    """
    name = artifact.manifest.language_model
    if name is None:
        raise ArtifactError("this artifact was prepared without a local language model")
    kept = models_dir() / name
    return str(kept) if kept.is_dir() else name


_LOADERS: Mapping[str, Loader] = {
    "encoder": _encoder,
    "keyword": _keyword,
    "language_model": _language_model,
    "remote_judge": _remote_judge,
}
