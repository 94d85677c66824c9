"""Does an exported model give torch's numbers? An export that does not is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ensemble.calibration import Platt, fit_platt
from ensemble.errors import ArtifactError
from ensemble.members.formats import Format, Parity
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.token_batches import token_batches
from ensemble.members.windows import Window, WindowTokenizer, pad
from ensemble.scorer import FloatArray
from ensemble.text import Text

TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime in any output, both in float32; rounding gives about 1e-6."""

TOLERANCES: Mapping[Format, float] = {"float32": 1e-3, "int8": 0.05, "float16": 0.01}
"""Difference of P(yes) that a format may make on 99 % of the rows; on no row may it be twice as much.

Integers of 8 bits move the rows of task injury by 0.004 at the median, by 0.03 on one in a hundred and by 0.046 at
most. The encoder's probabilities are unsure by that much anyway: on the test split they stray from the shares that they
claim by 0.04. The furthest of many rows is chance, so it has more room; what strays further than that is a fault.
"""

AUC_LOSS = 0.002
"""Most AUC that a format may cost."""

PARITY_ROWS = 32

_BATCH_TOKENS = 1024


def inputs(tokenizer: WindowTokenizer, texts: Sequence[Text], *, with_context: bool = True) -> tuple[torch.Tensor, ...]:
    """Ids, mask and segments of each text's first window, each (texts, tokens)."""
    first = {window.row: window for window in reversed(tokenizer.windows(texts, with_context=with_context))}
    return _tensors([first[row] for row in range(len(texts))])


def _tensors(windows: Sequence[Window]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in pad(windows).values())


def check_parity(model: nn.Module, tokenizer: WindowTokenizer, texts: Sequence[Text], directory: Path) -> float:
    """Largest difference of outputs over the texts' first windows, in batches with padding.

    Raises:
        ArtifactError: it is more than `TOLERANCE`.
    """
    first = {window.row: window for window in reversed(tokenizer.windows(texts, with_context=True))}
    exported = OnnxTextModel(directory, number_format="float32").run([first[row] for row in range(len(texts))])
    with torch.inference_mode():
        expected = model.eval()(*inputs(tokenizer, texts)).numpy()
    difference = float(np.abs(exported - expected).max())
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"the exported model differs from torch by {difference:.2g}; the limit is {TOLERANCE:.0e}; "
            "check the torch, onnx and onnxruntime versions"
        )
    return difference


def torch_outputs(model: nn.Module, windows: Sequence[Window]) -> FloatArray:
    """What torch makes of every window, shape (windows, outputs)."""
    found: dict[int, FloatArray] = {}
    with torch.inference_mode():
        for batch in token_batches([len(window.ids) for window in windows], _BATCH_TOKENS):
            outputs = model.eval()(*_tensors([windows[index] for index in batch]))
            found |= dict(zip(batch, outputs.double().numpy(), strict=True))
    return np.stack([found[index] for index in range(len(windows))])


def compare(
    number_format: Format, scores: FloatArray, reference: FloatArray, labels: ArrayLike, *, platt: Platt | None = None
) -> Parity:
    """An export's raw scores beside torch's, both of shape (rows,).

    Args:
        number_format: of the export.
        scores: of the export.
        reference: torch's.
        labels: 0 or 1; both occur.
        platt: what makes probabilities of both; None = each is calibrated on these rows.

    Raises:
        InputError: the rows have one label only, or the scores run against it.
    """
    from sklearn.metrics import roc_auc_score

    ours, torchs = platt or fit_platt(scores, labels), platt or fit_platt(reference, labels)
    differences = np.abs(ours(scores) - torchs(reference))
    return Parity(
        rows=len(scores),
        difference=float(differences.max()),
        usual=float(np.quantile(differences, 0.99)),
        tolerance=TOLERANCES[number_format],
        auc=float(roc_auc_score(labels, scores)),
        auc_torch=float(roc_auc_score(labels, reference)),
    )


def passes(parity: Parity) -> bool:
    """Whether differences and loss of AUC are within their limits."""
    near = parity.usual <= parity.tolerance and parity.difference <= 2 * parity.tolerance
    return near and parity.auc >= parity.auc_torch - AUC_LOSS
