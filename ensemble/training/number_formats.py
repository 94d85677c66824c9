"""Adding number formats to an exported model: each is made, compared with torch, and kept only where it is as good."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, InputError
from ensemble.members.formats import (
    FILE,
    MODELS,
    Format,
    ModelFormats,
    Parity,
    Refused,
    Variant,
    byte_instructions,
    sums_bytes_exactly,
)
from ensemble.members.hashing import file_sha256
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import Window
from ensemble.scorer import FloatArray
from ensemble.training.float16 import halve
from ensemble.training.int8 import PORTABLE_LIMIT, WEIGHT_LIMIT, quantise
from ensemble.training.parity import AUC_LOSS, compare, passes

logger = logging.getLogger("hungjury.training")

GAIN = 1.1
"""How much faster than float32 a format must be measured where the processor's kind does not settle it."""

_TURNS = 5
_GPU = Path("/dev/nvidiactl")

Scores = Callable[[OnnxTextModel], FloatArray]
"""Raw scores that a model gives the compared rows, shape (rows,)."""


@dataclass(frozen=True)
class Compared:
    """The rows that every format is compared on.

    Attributes:
        scores: see `Scores`.
        reference: what torch gives the same rows.
        labels: 0 or 1; both occur.
        platt: what makes probabilities of both; None = each is calibrated on these rows.
    """

    scores: Scores
    reference: FloatArray
    labels: NDArray[np.float64]
    platt: Platt | None = None


def add_formats(
    directory: Path, compared: Compared, *, threads: int = 1
) -> tuple[ModelFormats, dict[Format, FloatArray]]:
    """Makes int8 where this CPU gains by it and float16 where there is a GPU, and writes `formats.json`.

    Args:
        directory: holds `model.onnx` and `tokenizer.json`.
        compared: see `Compared`.
        threads: of a forward pass.

    Returns:
        What may serve, and the compared rows' scores in each format.

    Raises:
        ArtifactError: the float32 export itself differs from torch.
    """
    found: dict[Format, FloatArray] = {}
    variants = [_gated("float32", directory, compared, found, threads, device=None)]
    if isinstance(variants[0], Refused):
        raise ArtifactError(f"the exported model is not torch's: {variants[0].parity}")
    if (small := _int8(directory, compared, found, threads)) is not None:
        variants.append(small)
    if _GPU.exists():
        halve(directory / MODELS["float32"], directory / MODELS["float16"])
        variants.append(_gated("float16", directory, compared, found, threads, device="cuda"))
    formats = ModelFormats(
        variants=tuple(one for one in variants if isinstance(one, Variant)),
        refused=tuple(one for one in variants if isinstance(one, Refused)),
        made_on=byte_instructions(),
    )
    formats = formats.model_copy(update={"primary": formats.here(None)})
    (directory / FILE).write_text(formats.model_dump_json(indent=1), encoding="utf-8")
    return formats, found


def _int8(
    directory: Path, compared: Compared, found: dict[Format, FloatArray], threads: int
) -> Variant | Refused | None:
    """None where the model has nothing to quantise."""
    portable = not sums_bytes_exactly()
    path = directory / MODELS["int8"]
    if quantise(directory / MODELS["float32"], path, limit=PORTABLE_LIMIT if portable else WEIGHT_LIMIT) == 0:
        path.unlink()
        return None
    if not byte_instructions() and (gain := measured_gain(directory, "int8", threads)) < GAIN:
        path.unlink()
        return Refused(format="int8", why=f"{gain:.2f} times as fast as float32 on this processor; {GAIN} is wanted")
    result = _gated("int8", directory, compared, found, threads, device=None)
    return result if isinstance(result, Refused) else result.model_copy(update={"portable": portable})


def _gated(
    number_format: Format,
    directory: Path,
    compared: Compared,
    found: dict[Format, FloatArray],
    threads: int,
    *,
    device: str | None,
) -> Variant | Refused:
    """The format as one that may serve, its scores noted in `found`; or refused, and its file gone."""
    path, parity = directory / MODELS[number_format], None
    try:
        model = OnnxTextModel(directory, threads=threads, device=device, number_format=number_format)
        scores = compared.scores(model)
        parity = compare(number_format, scores, compared.reference, compared.labels, platt=compared.platt)
    except (ArtifactError, InputError) as error:
        why = str(error)
    else:
        if passes(parity):
            found[number_format] = scores
            logger.info("%s: %s", number_format, parity)
            return Variant(format=number_format, sha256=file_sha256(path), parity=parity)
        why = _why(parity)
    logger.warning("%s does not serve: %s", number_format, why)
    path.unlink()
    return Refused(format=number_format, why=why, parity=parity)


def _why(parity: Parity) -> str:
    if parity.auc < parity.auc_torch - AUC_LOSS:
        return f"AUC falls by more than {AUC_LOSS}: {parity}"
    return f"it is too far from torch: {parity}"


def measured_gain(directory: Path, number_format: Format, threads: int) -> float:
    """How many times faster than float32 a format is here: median of ratios in alternating turns."""
    models = [OnnxTextModel(directory, threads=threads, number_format=one) for one in ("float32", number_format)]
    windows = [Window(row, tuple(range(1000, 1032)), (0,) * 32) for row in range(8)]
    for model in models:
        model.run(windows)  # the first run is not like the others
    return statistics.median(_seconds(models[0], windows) / _seconds(models[1], windows) for _ in range(_TURNS))


def _seconds(model: OnnxTextModel, windows: list[Window]) -> float:
    began = time.perf_counter()
    model.run(windows)
    return time.perf_counter() - began
