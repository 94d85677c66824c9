"""From a member group's folder to its scorer; the one place that knows which class serves which group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ensemble.errors import ArtifactError
from ensemble.home import models_dir
from ensemble.members.formats import ModelFormats
from ensemble.members.specs import REMOTE_GROUP, JudgeSpec
from ensemble.scorer import Member, Scorer

Loader = Callable[["str | None", Path, int, "str | None"], Scorer]
"""From language model, folder, threads and device to the scorer."""


def load_fitted(
    group: str,
    directory: Path,
    language_model: str | None,
    *,
    threads: int = 1,
    device: str | None = None,
    limits: JudgeSpec | None = None,
) -> Scorer:
    """Loads a group from its folder.

    Args:
        group: what kind of group it is.
        directory: its folder.
        language_model: a folder of `models_dir`, another folder, or a hub id; for groups that read with one.
        threads: threads of one forward pass.
        device: "cuda", or None for the CPU.
        limits: what a remote judge goes by now; None = as when it was prepared.

    Raises:
        ArtifactError: nothing can load such a group, or its files are damaged.
    """
    if group == REMOTE_GROUP:
        return _remote_judge(directory, limits)
    loader = _LOADERS.get(group)
    if loader is None:
        raise ArtifactError(f"no member group is called {group!r}; known are {', '.join([*_LOADERS, REMOTE_GROUP])}")
    return loader(language_model, directory, threads, device)


def members_here(
    group: str, directory: Path, listed: tuple[Member, ...], *, device: str | None = None
) -> tuple[Member, ...]:
    """A group's members as they serve on this machine: one in another number format has a version of its own.

    Args:
        group: what kind of group it is.
        directory: its folder.
        listed: the members as the artifact lists them.
        device: "cuda", or None for the CPU.
    """
    folder = _MODEL_FOLDERS.get(group)
    if folder is None:
        return listed
    formats = ModelFormats.read(directory / folder)
    served = formats.here(device)
    return tuple(Member(m.name, m.kind, formats.version(m.version, served)) for m in listed)


def _encoder(_: str | None, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.encoder import EncoderScorer

    return EncoderScorer(directory, threads=threads, device=device)


def _keyword(_: str | None, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.keyword import KeywordScorer

    return KeywordScorer(directory, threads=threads, device=device)


def _language_model(model: str | None, directory: Path, threads: int, device: str | None) -> Scorer:
    from ensemble.members.judge import LanguageModelScorer

    return LanguageModelScorer.load(_location(model), directory, threads=threads, device=device)


def _remote_judge(directory: Path, limits: JudgeSpec | None) -> Scorer:
    from ensemble.members.remote_judge import RemoteJudge

    return RemoteJudge.load(directory, limits=limits)


def _location(name: str | None) -> str:
    if name is None:
        raise ArtifactError("this artifact was prepared without a local language model")
    kept = models_dir() / name
    return str(kept) if kept.is_dir() else name


_MODEL_FOLDERS: Mapping[str, str] = {"encoder": ".", "keyword": "embedder"}
"""Where in a group's folder a model lies that may come in several number formats."""

_LOADERS: Mapping[str, Loader] = {
    "encoder": _encoder,
    "keyword": _keyword,
    "language_model": _language_model,
}
