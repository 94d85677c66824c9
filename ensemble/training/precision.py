"""Choosing the number format in which a language model is read, for fitting and for serving alike.

bfloat16 halves memory and more than halves the time where the processor computes in it; some models lose their footing
in it, so its answers are first compared with those of float32 on rows of the task. Members are then fitted and
calibrated on what the chosen format says, so what is left of its rounding is in their figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from ensemble.calibration import Platt, fit_platt
from ensemble.errors import InputError
from ensemble.members.asking import ask
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt
from ensemble.members.specs import Precision
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

FILE = "precision.json"
"""In the group's folder: what was compared, and what came of it."""

COMPARED_ROWS = 64

LARGEST_SHIFT = 0.1
"""Most that one row's P(yes) may move; one that moves further was not merely rounded."""

MEAN_SHIFT = 0.02
"""Most that P(yes) may move on average: well below the 0.05 that calibration is held to."""

AGREEING = 0.95
"""Least share of rows that fall on the same side of 0.5; among 64 rows a few lie within a rounding of it."""

Load = Callable[[Precision], LanguageModel]


class Comparison(BaseModel):
    """How bfloat16 answers compare with those of float32 on the same rows.

    Attributes:
        rows: number of rows.
        largest_logit_shift: largest change of logit(yes) - logit(no), in nats; None where bfloat16 gave no number.
        largest_shift: largest change of P(yes), calibrated on float32's answers of these rows; in [0, 1].
        mean_shift: mean of the same.
        agreeing: share of rows on the same side of 0.5.
        chosen: the number format for fitting and serving.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    largest_logit_shift: float | None
    largest_shift: float
    mean_shift: float
    agreeing: float
    chosen: Precision


def computes_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16; elsewhere it is emulated, slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - no other way


def load_in_best_precision(
    load: Load, prompts: Sequence[Prompt], rows: Sequence[LabelledText], directory: Path, *, seed: int = 0
) -> LanguageModel:
    """The model in bfloat16 where that agrees with float32, else in float32; writes `FILE` into `directory`.

    The two are loaded one after the other, so that there is only ever one in memory.

    Args:
        load: loads the model in a given format.
        prompts: the first that the model can answer is asked.
        rows: of the calibration split; `COMPARED_ROWS` of them are read.
        directory: made if missing.
        seed: draws the rows.
    """
    drawn = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))[:COMPARED_ROWS]]
    exact = _preferences(load("float32"), prompts, drawn)
    if exact is None:
        return load("float32")
    model = load("bfloat16")
    rounded = _preferences(model, prompts, drawn)
    comparison = compare(exact, rounded, [row.label for row in drawn])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_text(comparison.model_dump_json(indent=1), encoding="utf-8")
    return model if comparison.chosen == "bfloat16" else load("float32")


def compare(exact: FloatArray, rounded: FloatArray | None, labels: Sequence[int]) -> Comparison:
    """Judges bfloat16 by what it makes of the same rows.

    Args:
        exact: logit(yes) - logit(no) in float32, shape (n,).
        rounded: the same in bfloat16; None or not finite where it cannot be read.
        labels: 0 or 1, shape (n,).
    """
    shift = np.full(len(exact), np.inf) if rounded is None else np.abs(rounded - exact)
    if rounded is None or not np.isfinite(shift).all():
        return Comparison(
            rows=len(exact), largest_logit_shift=None, largest_shift=1, mean_shift=1, agreeing=0, chosen="float32"
        )
    platt = _calibration(exact, labels)
    before, after = platt(exact), platt(rounded)
    largest, mean = float(np.abs(after - before).max()), float(np.abs(after - before).mean())
    agreeing = float(np.mean((after >= 0.5) == (before >= 0.5)))
    good = largest <= LARGEST_SHIFT and mean <= MEAN_SHIFT and agreeing >= AGREEING
    return Comparison(
        rows=len(exact),
        largest_logit_shift=float(shift.max()),
        largest_shift=largest,
        mean_shift=mean,
        agreeing=agreeing,
        chosen="bfloat16" if good else "float32",
    )


def _preferences(model: LanguageModel, prompts: Sequence[Prompt], rows: Sequence[LabelledText]) -> FloatArray | None:
    """logit(yes) - logit(no) of each row, shape (n,), by the first prompt that can be asked; None if none can."""
    for prompt in prompts:
        try:
            read = ask(model, prompt, rows)
        except InputError:
            continue
        return read.highest(read.preference)
    return None


def _calibration(preference: FloatArray, labels: Sequence[int]) -> Platt:
    """Fitted to the rows, or, where they do not bear one out, what spreads them evenly about 0.5."""
    try:
        return fit_platt(preference, labels)
    except InputError:
        spread = float(preference.std()) or 1.0
        return Platt(slope=1 / spread, intercept=-float(preference.mean()) / spread)
