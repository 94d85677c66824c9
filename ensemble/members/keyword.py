"""The keyword-plus-embedding member: lexicon groups and a frozen sentence embedding under one linear model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError
from ensemble.members.formats import FILE as FORMATS
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.lexicon import LexiconMatcher
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.scorer import FloatArray, Member
from ensemble.tasks.task import Lexicon
from ensemble.text import Text

KIND = "keyword"
FILES = ("head.safetensors", "lexicon.json", "embedder/model.onnx", "embedder/tokenizer.json")


class KeywordFile(BaseModel):
    """`keyword.json`: calibration, and the version over head, lexicon, embedder and calibration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = KIND
    calibration: Platt
    version: str

    @classmethod
    def build(cls, directory: Path, calibration: Platt, *, name: str = KIND) -> KeywordFile:
        """Hashes everything that the numbers depend on."""
        formats = directory / "embedder" / FORMATS
        parts = [
            file_sha256(path)
            for path in [*(directory / file for file in FILES), formats]
            if path != formats or path.is_file()
        ]
        return cls(name=name, calibration=calibration, version=version_of([parts, calibration.model_dump()]))


class KeywordFeatures:
    """What the linear model sees."""

    def __init__(self, lexicon: Lexicon, embedder: OnnxTextModel) -> None:
        self._lexicon, self._embedder = LexiconMatcher(lexicon), embedder

    def __call__(self, texts: Sequence[Text]) -> FloatArray:
        """Shape (len(texts), 2 groups + embedding): log(1 + hits) of `LexiconMatcher.counts`, then the embedding."""
        hits = np.log1p(self._lexicon.counts([text.text for text in texts]))
        embedding = self._embedder.mean(texts, with_context=False)
        return np.hstack([hits, embedding])


class KeywordScorer:
    """Scorer with one column."""

    def __init__(self, directory: Path, *, threads: int = 1, device: str | None = None) -> None:
        """Loads `keyword.json`, the head, the lexicon and the embedder from `directory`.

        Raises:
            ArtifactError: the head was fitted to features that are no longer made.
        """
        from safetensors.numpy import load_file

        self._file = KeywordFile.model_validate_json((directory / "keyword.json").read_bytes())
        lexicon = Lexicon.model_validate_json((directory / "lexicon.json").read_bytes())
        embedder = OnnxTextModel(directory / "embedder", threads=threads, device=device)
        self.formats = embedder.formats
        version = self.formats.version(self._file.version, embedder.number_format)
        self._member = Member(self._file.name, KIND, version)
        self._features = KeywordFeatures(lexicon, embedder)
        self._head = load_file(directory / "head.safetensors")
        if len(self._head["weight"]) != self._features([Text(".")]).shape[1]:
            raise ArtifactError(f"{directory} was fitted to other features; train or prepare the task again")

    @property
    def members(self) -> tuple[Member, ...]:
        """The keyword member."""
        return (self._member,)

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), 1)."""
        raw = self._features(texts) @ self._head["weight"] + self._head["bias"]
        return self._file.calibration(raw)[:, None]

    def close(self) -> None:
        """Nothing to give back beyond memory."""
