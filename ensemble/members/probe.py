"""The probe: a linear reading of the language model's hidden state, from the pass that also answers the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.linear import LinearModel
from ensemble.members.prompts import Prompt
from ensemble.members.specs import Precision
from ensemble.scorer import FloatArray, Member

KIND = "probe"
FILE = "probe/probe.json"
WEIGHTS = "probe/probe.safetensors"

Pooling = Literal["last", "mean", "both"]


class ProbeFile(BaseModel):
    """`probe.json`.

    Attributes:
        prompt: the prompt after which the state is read.
        layer: hidden layer, 0 (embeddings) to the model's depth.
        pooling: the last token's state, the mean over the text's tokens, or both side by side.
        calibration: on rows that neither weights nor layer were fitted to.
        fingerprint: of the model whose states were fitted; no other model's states mean the same.
        precision: number format of that model.
        weights_sha256: of the safetensors file.
        version: over all of the above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = KIND
    prompt: Prompt
    layer: int = Field(ge=0)
    pooling: Pooling
    calibration: Platt
    fingerprint: str
    precision: Precision
    weights_sha256: str
    version: str = ""

    def versioned(self) -> ProbeFile:
        """The same with its version filled in."""
        return self.model_copy(update={"version": version_of(self.model_dump(exclude={"version"}, mode="json"))})


class Probe:
    """A fitted probe, ready to score hidden states."""

    def __init__(self, file: ProbeFile, linear: LinearModel) -> None:
        self.file, self._linear = file, linear

    @classmethod
    def load(cls, directory: Path) -> Probe:
        """Reads `probe/` of an artifact's folder.

        Raises:
            ArtifactError: the weights are not those that the file names.
        """
        file = ProbeFile.model_validate_json((directory / FILE).read_bytes())
        if file_sha256(directory / WEIGHTS) != file.weights_sha256:
            raise ArtifactError(f"{directory / WEIGHTS} is not what {FILE} names; prepare the task again")
        return cls(file, LinearModel.load(directory / WEIGHTS))

    @property
    def member(self) -> Member:
        """The probe as a member."""
        return Member(self.file.name, KIND, self.file.version)

    def raw(self, hidden: NDArray[np.float32]) -> FloatArray:
        """Uncalibrated scores of one layer's states, (n, 2, width) -> (n,)."""
        return self._linear(pooled(hidden, self.file.pooling))


def pooled(hidden: NDArray[np.float32], pooling: Pooling) -> FloatArray:
    """Features of one layer's (last, mean) states: (n, 2, width) -> (n, width), or (n, 2 width) for both."""
    if pooling == "both":
        return np.asarray(hidden.reshape(len(hidden), -1), dtype=np.float64)
    return np.asarray(hidden[:, 0 if pooling == "last" else 1], dtype=np.float64)
