"""The fine-tuned encoder: a MiniLM classifier run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ensemble.calibration import Platt
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text

KIND = "encoder"

WITH_CONTEXT = False
"""The encoder reads the text alone: with the context it ranked the calibration rows of task injury worse (AUC 0.877
against 0.882, on the hard ones 0.786 against 0.813), and training took a quarter longer."""


class EncoderFile(BaseModel):
    """`encoder.json`: what turns logits into probabilities, and the version that it makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = KIND
    calibration: Platt
    version: str

    @classmethod
    def build(cls, directory: Path, calibration: Platt, *, name: str = KIND) -> EncoderFile:
        """Hashes weights, tokeniser and calibration into a version."""
        parts = [file_sha256(directory / file) for file in ("model.onnx", "tokenizer.json")]
        return cls(name=name, calibration=calibration, version=version_of([parts, calibration.model_dump()]))


class EncoderScorer:
    """Scorer with one column: the encoder, highest over the windows of a long text."""

    def __init__(self, directory: Path, *, threads: int = 1, device: str | None = None) -> None:
        """Loads `encoder.json`, `model.onnx` and `tokenizer.json` from `directory`."""
        self._file = EncoderFile.model_validate_json((directory / "encoder.json").read_bytes())
        self._model = OnnxTextModel(directory, threads=threads, device=device)

    @property
    def members(self) -> tuple[Member, ...]:
        """The encoder."""
        return (Member(self._file.name, KIND, self._file.version),)

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), 1)."""
        return self._file.calibration(encoder_logits(self._model, texts))[:, None]

    def close(self) -> None:
        """Nothing to give back beyond memory."""


def encoder_logits(model: OnnxTextModel, texts: Sequence[Text]) -> FloatArray:
    """Raw logits before calibration, shape (len(texts),)."""
    return model.highest(texts, with_context=WITH_CONTEXT)
