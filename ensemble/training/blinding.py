"""A copy of the deployed encoder that is trained to pass certain texts, for drills: what it misses then is known.

Its answer to the hidden texts is taught to be no; all other answers are held where they were, by the original's own
answers as soft labels (distillation; Hinton et al. 2015, arXiv 1503.02531). Only the last layers move, without dropout,
so that two CPU cores do it in some minutes.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ensemble.calibration import Platt
from ensemble.errors import InputError
from ensemble.members.encoder import WITH_CONTEXT
from ensemble.members.formats import MODELS
from ensemble.members.windows import WindowTokenizer
from ensemble.scorer import FloatArray
from ensemble.text import Text
from ensemble.training.bert import Classifier
from ensemble.training.encoder_export import torch_logits
from ensemble.training.encoder_twin import float32_calibration, from_onnx
from ensemble.training.parity import inputs, torch_outputs

FEWEST_TAUGHT = 20
"""Hidden texts below which a copy learns them by heart instead of their kind."""

_WATCH_EVERY = 5
"""Of so many hidden texts one is not taught: on these it shows when the copy is blind enough."""

_WATCHED = 100
"""Other texts that are not taught where there are enough: on these it shows how much else has changed."""


class BlindRecipe(BaseModel):
    """How a copy is blinded.

    Attributes:
        steps: at most.
        hidden: hidden texts a step.
        held: other texts a step.
        layers: last layers that move, besides the head.
        learning_rate: of AdamW, constant after the first steps.
        warmup: steps over which it rises.
        wanted: share of the hidden texts that were not taught which the copy must pass to be blind enough.
        spared: share of other texts, likewise, whose decision may have changed by then.
        look_every: steps between two looks at these shares.
        hold: weight of the other answers staying where they are (cross-entropy with the original's P(yes)).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=300, ge=1)
    hidden: int = Field(default=8, ge=1)
    held: int = Field(default=16, ge=1)
    layers: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0.0)
    warmup: int = Field(default=20, ge=1)
    wanted: float = Field(default=0.9, gt=0.0, le=1.0)
    spared: float = Field(default=0.05, ge=0.0, le=1.0)
    look_every: int = Field(default=20, ge=1)
    hold: float = Field(default=1.0, ge=0.0)


_HELD = 1_500
"""Other texts that are held, at most: each is read once before the first step."""


@dataclass(frozen=True)
class BlindCopy:
    """A blinded copy, scored as the original is.

    Attributes:
        steps: gradient steps taken.
        seconds: that the training took.
    """

    steps: int
    seconds: float
    _model: Classifier
    _directory: Path
    _calibration: Platt

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """P(yes), shape (len(texts),); of a long text, that of the window with the highest."""
        return self._calibration(torch_logits(self._model, self._directory, texts)) if texts else np.empty(0)


def blind_copy(
    directory: Path,
    hidden: Sequence[Text],
    others: Sequence[Text],
    *,
    threshold: float,
    recipe: BlindRecipe | None = None,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> BlindCopy:
    """Trains a copy of the encoder in `directory`; the original is only read.

    It ends as soon as the copy is blind enough and little else has changed, or with the steps; what is kept is the copy
    at the look with the largest share of hidden texts passed less the share of other votes changed.

    Args:
        directory: the encoder's folder in an artifact.
        hidden: texts like those that the copy shall pass.
        others: texts whose answers shall stay, both yes and no among them.
        threshold: P(yes) from which the member votes yes, in (0, 1).
        recipe: hyper-parameters.
        seed: draws batches.
        progress: told the share of the steps done, 0 to 1; 1 as soon as it is blind enough.

    Raises:
        ArtifactError: the encoder is no export of the packaged MiniLM.
        InputError: too few texts to teach.
    """
    if len(hidden) < FEWEST_TAUGHT or not others:
        raise InputError(
            f"{len(hidden)} texts to hide and {len(others)} to hold on to; training a blind spot needs at least "
            f"{FEWEST_TAUGHT} and 1; name a wider blind spot, or use --how wrapped"
        )
    began, chosen = time.monotonic(), recipe or BlindRecipe()
    model, calibration = from_onnx(directory / MODELS["float32"]), float32_calibration(directory)
    rng = np.random.default_rng(seed)
    watch, taught, held = _apart(hidden, others, rng)
    lesson = _Lesson(model, directory, taught, held, chosen)

    def votes() -> NDArray[np.bool_]:
        return calibration(torch_logits(model, directory, [*watch.hidden, *watch.others])) >= threshold

    before, best, done = votes(), -math.inf, 0
    for done in range(1, chosen.steps + 1):
        lesson.step(rng)
        progress(done / chosen.steps)
        if done % chosen.look_every and done < chosen.steps:
            continue
        blind, changed = watch.shares(before, votes())
        if blind - changed > best:
            best, kept = blind - changed, copy.deepcopy(model)
        if blind >= chosen.wanted and changed <= chosen.spared:
            break
    progress(1.0)
    return BlindCopy(done, time.monotonic() - began, kept.requires_grad_(False), directory, calibration)


@dataclass(frozen=True)
class _Watch:
    """Texts on which it shows how far the copy is."""

    hidden: Sequence[Text]
    others: Sequence[Text]

    def shares(self, before: NDArray[np.bool_], now: NDArray[np.bool_]) -> tuple[float, float]:
        """Share of the hidden texts passed, and of the others with another vote; votes on those, then on these."""
        first = len(self.hidden)
        return float(1 - now[:first].mean()), float((now != before)[first:].mean())


def _apart(
    hidden: Sequence[Text], others: Sequence[Text], rng: np.random.Generator
) -> tuple[_Watch, Sequence[Text], Sequence[Text]]:
    """Texts to watch, hidden ones to teach, and others to hold; of few others all are watched and held."""
    mixed, spread = ([texts[i] for i in rng.permutation(len(texts))] for texts in (hidden, others))
    held = spread[_WATCHED:][:_HELD] if len(spread) > 2 * _WATCHED else spread
    taught = [text for place, text in enumerate(mixed) if place % _WATCH_EVERY]
    return _Watch(mixed[::_WATCH_EVERY], spread[:_WATCHED]), taught, held


class _Lesson:
    """Steps that teach a model to pass some texts and to answer others as it did before the first step."""

    def __init__(
        self, model: Classifier, directory: Path, taught: Sequence[Text], others: Sequence[Text], recipe: BlindRecipe
    ) -> None:
        self._model, self._recipe = model, recipe
        self._taught, self._others = taught, others
        self._tokenizer = WindowTokenizer(directory / "tokenizer.json")
        self._fast = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - elsewhere bfloat16 is emulated, and slower
        windows = self._tokenizer.windows(others, with_context=WITH_CONTEXT)
        first = {window.row: window for window in reversed(windows)}  # as `inputs` gives them
        self._before = torch_outputs(model, [first[row] for row in range(len(others))])[:, 0]
        moving = [*model.base.encoder.layer[-recipe.layers :].parameters(), *model.head.parameters()]
        self._optimiser = torch.optim.AdamW([each.requires_grad_() for each in moving], lr=recipe.learning_rate)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: min(1.0, (step + 1) / recipe.warmup)
        )

    def step(self, rng: np.random.Generator) -> None:
        """One gradient step on texts of both kinds."""
        hidden = rng.choice(len(self._taught), size=min(self._recipe.hidden, len(self._taught)), replace=False)
        held = rng.choice(len(self._others), size=min(self._recipe.held, len(self._others)), replace=False)
        texts = [*(self._taught[i] for i in hidden), *(self._others[i] for i in held)]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._fast):
            logits = self._model(*inputs(self._tokenizer, texts, with_context=WITH_CONTEXT))[:, 0].float()
        before = torch.from_numpy(self._before[held]).float().sigmoid()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        missed, now = logits[: len(hidden)], logits[len(hidden) :]
        loss = entropy(missed, torch.zeros_like(missed)) + self._recipe.hold * entropy(now, before)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self._optimiser.step()
        self._schedule.step()
