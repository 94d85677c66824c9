"""Does an exported model give torch's numbers? An export that does not is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ensemble.errors import ArtifactError
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import WindowTokenizer, pad
from ensemble.text import Text

TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime in any output; rounding gives about 1e-6."""

PARITY_ROWS = 32


def inputs(tokenizer: WindowTokenizer, texts: Sequence[Text], *, with_context: bool = True) -> tuple[torch.Tensor, ...]:
    """Ids, mask and segments of each text's first window, each (texts, tokens)."""
    first = {window.row: window for window in reversed(tokenizer.windows(texts, with_context=with_context))}
    arrays = pad([first[row] for row in range(len(texts))])
    return tuple(torch.from_numpy(array) for array in arrays.values())


def check_parity(model: nn.Module, tokenizer: WindowTokenizer, texts: Sequence[Text], directory: Path) -> float:
    """Largest difference of outputs over the texts' first windows, in batches with padding.

    Raises:
        ArtifactError: it is more than `TOLERANCE`.
    """
    first = {window.row: window for window in reversed(tokenizer.windows(texts, with_context=True))}
    exported = OnnxTextModel(directory).run([first[row] for row in range(len(texts))])
    with torch.inference_mode():
        expected = model.eval()(*inputs(tokenizer, texts)).numpy()
    difference = float(np.abs(exported - expected).max())
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"the exported model differs from torch by {difference:.2g}; the limit is {TOLERANCE:.0e}; "
            "check the torch, onnx and onnxruntime versions"
        )
    return difference
