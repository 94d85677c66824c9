"""Fine-tuning the encoder so that every train row also gets a score from a model that never saw its group.

One classifier is fine-tuned a fold, each without it. Their average, weight by weight, is the encoder that serves: fits
that start from the same weights can be averaged, and the average is at least as good on other data than they were made
from as each of them (model soups, Wortsman et al. 2022). So nothing of the folds' work is thrown away, and no label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ensemble.scorer import FloatArray
from ensemble.text import LabelledText
from ensemble.training.bert import Classifier, load_base, minilm_path
from ensemble.training.encoder_export import torch_logits
from ensemble.training.encoder_fit import EncoderRecipe, export_checked, fine_tuned
from ensemble.training.held_out import folds


def fit_encoder_folds(
    rows: Sequence[LabelledText],
    directory: Path,
    *,
    recipe: EncoderRecipe | None = None,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Classifier, FloatArray]:
    """Fine-tunes one model a fold, writes their average as `model.onnx` and `tokenizer.json`.

    Args:
        rows: train rows with folds, see `held_out`.
        directory: where the export goes.
        recipe: hyper-parameters of every fold.
        seed: fixes initial heads, dropout and order.
        progress: told the share done, 0 to 1.

    Returns:
        The average, for `encoder_export.finish_crossed`, and the raw logit of each row by the model that did not see
        its fold, shape (rows,).

    Raises:
        ArtifactError: the export does not give torch's numbers.
    """
    cuts = list(folds(rows))
    raw, states = np.empty(len(rows)), []
    for done, (fit, held) in enumerate(cuts):
        told = _part(progress, done, len(cuts))
        model = fine_tuned([rows[i] for i in fit], recipe=recipe, seed=seed, progress=told)
        raw[held] = torch_logits(model, minilm_path(), [rows[i] for i in held])
        states.append(model.state_dict())
    soup = Classifier(load_base(minilm_path(), attention="eager"))
    soup.load_state_dict(_averaged(states))
    export_checked(soup.eval(), rows, directory)
    return soup, raw


def _averaged(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Mean of every weight; integers, such as position numbers, are alike in all."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def _part(progress: Callable[[float], None], done: int, parts: int) -> Callable[[float], None]:
    return lambda share: progress((done + share) / parts)
