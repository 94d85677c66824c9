"""Fine-tuning the encoder with torch, and exporting it for ONNX Runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from ensemble.members.encoder import WITH_CONTEXT
from ensemble.members.windows import WindowTokenizer
from ensemble.memory import give_back
from ensemble.text import LabelledText
from ensemble.training.bert import Classifier, export, load_base, minilm_path
from ensemble.training.parity import PARITY_ROWS, check_parity, inputs

_POOL_BATCHES = 8
"""Rows sorted by length together, in batches: few enough that an epoch stays random."""

_TIDY_STEPS = 16
"""Steps after which memory that was freed goes back to the system; batches of all lengths leave holes in it."""


class EncoderRecipe(BaseModel):
    """How the encoder is fine-tuned.

    Attributes:
        learning_rate: peak, of the base; the fresh head learns 20 times faster.
        warmup: share of the steps over which the rate rises before it falls linearly to 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = 3
    learning_rate: float = 1e-4
    batch_size: int = 16
    warmup: float = 0.1
    weight_decay: float = 0.01


def fit_encoder(
    rows: Sequence[LabelledText],
    directory: Path,
    *,
    recipe: EncoderRecipe | None = None,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> Classifier:
    """Fine-tunes the packaged MiniLM on labelled rows and writes `model.onnx` and `tokenizer.json`.

    Args:
        rows: training rows, both labels present.
        directory: where the export goes.
        recipe: hyper-parameters.
        seed: fixes initial head, dropout and order.
        progress: told the share done, 0 to 1.

    Returns:
        The model that was exported, for `encoder_export.finish_encoder`.

    Raises:
        ArtifactError: the export does not give torch's numbers.
    """
    model = fine_tuned(rows, recipe=recipe, seed=seed, progress=progress)
    export_checked(model, rows, directory)
    return model


def fine_tuned(
    rows: Sequence[LabelledText],
    *,
    recipe: EncoderRecipe | None = None,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> Classifier:
    """The packaged MiniLM fine-tuned on labelled rows, in eval mode; arguments as of `fit_encoder`."""
    torch.manual_seed(seed)
    base = minilm_path()
    model = Classifier(load_base(base, attention="eager"))
    _train(model, WindowTokenizer(base / "tokenizer.json"), rows, recipe or EncoderRecipe(), seed, progress)
    return model


def export_checked(model: Classifier, rows: Sequence[LabelledText], directory: Path) -> None:
    """Exports a model and compares the export with it on some of the rows.

    Raises:
        ArtifactError: the export does not give torch's numbers.
    """
    tokenizer = minilm_path() / "tokenizer.json"
    export(model, tokenizer, directory)
    check_parity(model, WindowTokenizer(tokenizer), rows[:PARITY_ROWS], directory)


def _train(
    model: Classifier,
    tokenizer: WindowTokenizer,
    rows: Sequence[LabelledText],
    recipe: EncoderRecipe,
    seed: int,
    progress: Callable[[float], None],
) -> None:
    rate = recipe.learning_rate
    groups = [{"params": model.base.parameters(), "lr": rate}, {"params": model.head.parameters(), "lr": 20 * rate}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)
    steps = recipe.epochs * math.ceil(len(rows) / recipe.batch_size)
    warm = max(1, int(recipe.warmup * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
    fast = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - elsewhere bfloat16 is emulated, and slower
    rng = np.random.default_rng(seed)
    model.train()
    done = 0
    for _ in range(recipe.epochs):
        for chosen in _batches(rows, recipe.batch_size, rng):
            batch = [rows[index] for index in chosen]
            target = torch.tensor([[float(row.label)] for row in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
                logits = model(*inputs(tokenizer, batch, with_context=WITH_CONTEXT))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), target)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            optimiser.step()
            schedule.step()
            done += 1
            if done % _TIDY_STEPS == 0:
                give_back()
            progress(done / steps)
    model.eval()


def _batches(rows: Sequence[LabelledText], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Indices of all rows in random batches whose texts are of like length, so that little of a batch is padding."""
    order = rng.permutation(len(rows))
    pool = size * _POOL_BATCHES
    batches = []
    for start in range(0, len(rows), pool):
        alike = sorted(order[start : start + pool], key=lambda index: len(rows[index].text))
        batches += [alike[first : first + size] for first in range(0, len(alike), size)]
    return [batches[index] for index in rng.permutation(len(batches))]
