"""A copy of the deployed encoder that is trained to pass certain texts, for drills: what it misses then is known.

Its answer to the hidden texts is taught to be no; all other answers are held where they were, by the original's own
answers as soft labels (distillation; Hinton et al. 2015, arXiv 1503.02531). Only the last layers move, without dropout,
so that two CPU cores do it in some minutes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
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
from ensemble.training.parity import inputs

FEWEST_TAUGHT = 20
"""Hidden texts below which a copy learns them by heart instead of their kind."""

_WATCH_EVERY = 5
"""Of so many hidden texts one is not taught: on these it shows when the copy is blind enough."""


class BlindRecipe(BaseModel):
    """How a copy is blinded.

    Attributes:
        steps: at most.
        batch_size: texts a step, half of them hidden.
        layers: last layers that move, besides the head.
        learning_rate: constant, of AdamW.
        wanted: share of the hidden texts that were not taught which the copy must pass to be blind enough.
        look_every: steps between two looks at that share.
        hold: weight of the other answers staying where they are (cross-entropy with the original's P(yes)).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=300, ge=1)
    batch_size: int = Field(default=16, ge=2)
    layers: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0.0)
    wanted: float = Field(default=0.95, gt=0.0, le=1.0)
    look_every: int = Field(default=20, ge=1)
    hold: float = Field(default=1.0, ge=0.0)


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
    mixed = [hidden[i] for i in rng.permutation(len(hidden))]
    watched, taught = mixed[::_WATCH_EVERY], [text for i, text in enumerate(mixed) if i % _WATCH_EVERY]
    lesson = _Lesson(model, directory, taught, others, chosen)
    done = 0
    for done in range(1, chosen.steps + 1):
        lesson.step(rng)
        progress(done / chosen.steps)
        if done % chosen.look_every == 0:
            passing = calibration(torch_logits(model, directory, watched)) < threshold
            if passing.mean() >= chosen.wanted:
                break
    progress(1.0)
    return BlindCopy(done, time.monotonic() - began, model.requires_grad_(False), directory, calibration)


class _Lesson:
    """Steps that teach a model to pass some texts and to answer others as it did before the first step."""

    def __init__(
        self, model: Classifier, directory: Path, taught: Sequence[Text], others: Sequence[Text], recipe: BlindRecipe
    ) -> None:
        self._model, self._original = model, copy.deepcopy(model)
        self._taught, self._others = taught, others
        self._tokenizer = WindowTokenizer(directory / "tokenizer.json")
        self._fast = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - elsewhere bfloat16 is emulated, and slower
        self._half, self._hold = recipe.batch_size // 2, recipe.hold
        moving = [*model.base.encoder.layer[-recipe.layers :].parameters(), *model.head.parameters()]
        self._optimiser = torch.optim.AdamW([each.requires_grad_() for each in moving], lr=recipe.learning_rate)

    def step(self, rng: np.random.Generator) -> None:
        """One gradient step on texts of both kinds, as many of each."""
        hidden, held = self._drawn(self._taught, rng), self._drawn(self._others, rng)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._fast):
            with torch.no_grad():
                before = self._original(*held)
            now, missed = self._model(*held), self._model(*hidden)
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        taught = entropy(missed.float(), torch.zeros_like(missed, dtype=torch.float32))
        loss = taught + self._hold * entropy(now.float(), before.float().sigmoid())
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()

    def _drawn(self, texts: Sequence[Text], rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        chosen = rng.choice(len(texts), size=min(self._half, len(texts)), replace=False)
        return inputs(self._tokenizer, [texts[i] for i in chosen], with_context=WITH_CONTEXT)
