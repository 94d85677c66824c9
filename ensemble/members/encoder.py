"""The fine-tuned encoder: a MiniLM classifier run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError
from ensemble.members.formats import FILE as FORMATS
from ensemble.members.formats import Format
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text

KIND = "encoder"

WITH_CONTEXT = False
"""The encoder reads the text alone: with the context it ranked the calibration rows of task injury worse (AUC 0.877
against 0.882, on the hard ones 0.786 against 0.813), and training took a quarter longer."""


class EncoderFile(BaseModel):
    """`encoder.json`: what turns logits into probabilities, and the version that it makes.

    Attributes:
        calibration: for the logits of the model's primary number format.
        others: for those of its other formats.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = KIND
    calibration: Platt
    others: dict[Format, Platt] = {}
    version: str

    @classmethod
    def build(
        cls, directory: Path, calibration: Platt, *, others: Mapping[Format, Platt] | None = None, name: str = KIND
    ) -> EncoderFile:
        """Hashes weights, tokeniser and calibration into a version."""
        files = [directory / file for file in ("model.onnx", "tokenizer.json", FORMATS)]
        parts = [file_sha256(path) for path in files if path.is_file() or path.name != FORMATS]
        platts = {name: platt.model_dump() for name, platt in (others or {}).items()}
        version = version_of([parts, calibration.model_dump(), *([platts] if platts else [])])
        return cls(name=name, calibration=calibration, others=dict(others or {}), version=version)

    def calibration_of(self, served: Format, primary: Format = "float32") -> Platt | None:
        """The calibration of a number format's logits; None if the artifact has none."""
        return self.calibration if served == primary else self.others.get(served)


class EncoderScorer:
    """Scorer with one column: the encoder, highest over the windows of a long text."""

    def __init__(self, directory: Path, *, threads: int = 1, device: str | None = None) -> None:
        """Loads `encoder.json`, the model and `tokenizer.json` from `directory`."""
        file = EncoderFile.model_validate_json((directory / "encoder.json").read_bytes())
        self._model = OnnxTextModel(directory, threads=threads, device=device)
        served, self.formats = self._model.number_format, self._model.formats
        self._member = Member(file.name, KIND, self.formats.version(file.version, served))
        platt = file.calibration_of(served, self.formats.primary)
        if platt is None:
            raise ArtifactError(f"{directory} has no calibration for {served}; prepare or train again")
        self._calibration = platt

    @property
    def members(self) -> tuple[Member, ...]:
        """The encoder."""
        return (self._member,)

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), 1)."""
        return self._calibration(encoder_logits(self._model, texts))[:, None]

    def close(self) -> None:
        """Nothing to give back beyond memory."""


def encoder_logits(model: OnnxTextModel, texts: Sequence[Text]) -> FloatArray:
    """Raw logits before calibration, shape (len(texts),)."""
    return model.highest(texts, with_context=WITH_CONTEXT)
