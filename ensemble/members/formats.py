"""One ONNX model in several number formats: which there are, how near to torch each is, which of them serves here."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.errors import ArtifactError
from ensemble.members.hashing import version_of

Format = Literal["float32", "int8", "float16"]

FILE = "formats.json"

MODELS: dict[Format, str] = {"float32": "model.onnx", "int8": "model.int8.onnx", "float16": "model.float16.onnx"}
"""File of each format in a model's folder."""

_INTEGER_INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
"""As Linux calls them: sums of products of bytes in one step, on x86 and on ARM."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parity(_Record):
    """An export beside torch, on labelled rows that it was not fitted on.

    Attributes:
        rows: how many.
        difference: largest difference of P(yes), each calibrated on these rows, in [0, 1].
        usual: difference that 99 % of the rows keep to.
        tolerance: the most that `usual` may be; `difference` may be twice as much.
        auc: of the export.
        auc_torch: of the model it was made from.
    """

    rows: int
    difference: float
    usual: float
    tolerance: float
    auc: float
    auc_torch: float

    def __str__(self) -> str:
        return (
            f"P(yes) differs by up to {self.difference:.2g} (limit {2 * self.tolerance:.2g}), "
            f"by {self.usual:.2g} on 99 % of {self.rows} rows (limit {self.tolerance:.2g}); "
            f"AUC {self.auc:.4f}, in torch {self.auc_torch:.4f}"
        )


class Variant(_Record):
    """A format that may serve.

    Attributes:
        sha256: of its file.
        portable: whether processors without byte instructions compute the same numbers.
    """

    format: Format
    sha256: str
    portable: bool = True
    parity: Parity


class Refused(_Record):
    """A format that was made and does not serve; `parity` is None where it never came to that."""

    format: Format
    why: str
    parity: Parity | None = None


class ModelFormats(_Record):
    """`formats.json`.

    Attributes:
        primary: what served on the CPU that the artifact was made on; calibrations and versions are of this one.
        made_on: that CPU's byte instructions.
    """

    primary: Format = "float32"
    variants: tuple[Variant, ...] = ()
    refused: tuple[Refused, ...] = ()
    made_on: tuple[str, ...] = ()

    @classmethod
    def read(cls, directory: Path) -> ModelFormats:
        """What a model's folder says; float32 alone where it says nothing.

        Raises:
            ArtifactError: the file is damaged.
        """
        path = directory / FILE
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ArtifactError(f"{path} is damaged: {error}; prepare or train again") from None

    def here(self, device: str | None, *, exact: Callable[[], bool] | None = None) -> Format:
        """The format that serves on a device of this machine.

        Args:
            device: "cuda", or None for the CPU.
            exact: whether this CPU sums products of bytes without overflow; None looks.
        """
        found = {variant.format: variant for variant in self.variants}
        if device == "cuda":
            return "float16" if "float16" in found else "float32"
        small = found.get("int8")
        return "int8" if small and (small.portable or (exact or sums_bytes_exactly)()) else "float32"

    def summary(self) -> dict[str, Any]:
        """What a manifest says about it."""
        return {
            "serves": self.primary,
            "parity": {one.format: one.parity.model_dump() for one in self.variants},
            "refused": {one.format: one.why for one in self.refused},
            "made_on": list(self.made_on),
        }

    def version(self, version: str, served: Format) -> str:
        """The version of a member that runs on this model: its own where `primary` serves, else one of the format's."""
        return version if served == self.primary else version_of([version, served])


@runtime_checkable
class HasFormats(Protocol):
    """A scorer whose model comes in number formats."""

    @property
    def formats(self) -> ModelFormats:
        """Which there are."""


@cache
def byte_instructions() -> tuple[str, ...]:
    """This CPU's instructions that make int8 worth while, as Linux names them; empty where nothing is known."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text(encoding="utf-8").split()) if info.is_file() else set()
    return tuple(name for name in _INTEGER_INSTRUCTIONS if name in flags)


def sums_bytes_exactly() -> bool:
    """Whether products of bytes are summed without overflow: x86 needs one of the instructions, ARM always does."""
    return bool(byte_instructions()) or platform.machine().lower() in {"aarch64", "arm64"}
