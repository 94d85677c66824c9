"""Linear layers for the CPU: weights laid out once for oneDNN, and the gate of a feed-forward block computed in one go.

torch multiplies float32 by another library that leaves half the speed of some processors unused, and lays bfloat16
weights out anew at every call. oneDNN also applies the activation and the product of a gated block to each tile of the
result while it is in the cache. These are the operators that torch's own compiler emits for a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

_TOLERANCE = 0.05
"""Relative to the largest state: far above rounding in bfloat16, far below what a wrong layer would do."""

_ACTIVATIONS = (("gelu", "tanh"), ("gelu", "none"), ("swish", ""), ("relu", ""))
"""oneDNN's name and variant of activations that gates use."""


class PackedLinear(nn.Module):
    """A linear layer for inference, perhaps with what follows it.

    Args:
        linear: float32 or bfloat16, on the CPU; not needed afterwards.
        activation: oneDNN's name and variant.
    """

    def __init__(self, linear: nn.Linear, activation: tuple[str, str] = ("none", "")) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)  # noqa: SLF001 - no public one
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._activation = activation

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(..., in_features) -> (..., out_features)."""
        kind, variant = self._activation
        run = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - as above
        return _tensor(run(states, self._weight, self._bias, kind, [], variant))

    def times(self, states: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        """The layer's result times `factor`, (..., out_features); without the activation."""
        run = torch.ops.mkldnn._linear_pointwise.binary  # noqa: SLF001 - as above
        return _tensor(run(states, factor, self._weight, self._bias, "mul"))


class PackedGate(nn.Module):
    """A gated feed-forward block: down(activation(gate(x)) * up(x))."""

    def __init__(self, block: Any, activation: tuple[str, str]) -> None:
        super().__init__()
        self._gate, self._up = PackedLinear(block.gate_proj, activation), PackedLinear(block.up_proj)
        self._down = PackedLinear(block.down_proj)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width)."""
        return _tensor(self._down(self._up.times(states, self._gate(states))))


def pack(model: Any, tokens: list[int]) -> bool:
    """Replaces the linear layers of `model`, the output layer aside, unless that changes what it makes of `tokens`.

    Args:
        model: a transformers causal language model in eval mode.
        tokens: token ids of any text.

    Returns:
        Whether they were replaced; False on other devices and in number formats that oneDNN does not take.
    """
    if model.device.type != "cpu" or not _can_pack(model.dtype):
        return False
    ids = torch.tensor([tokens])
    read: Callable[[], torch.Tensor] = lambda: model.base_model(input_ids=ids, use_cache=False).last_hidden_state  # noqa: E731 - used twice
    with torch.inference_mode():
        before, replaced = read(), []
        try:
            for parent, name, made in _replacements(model):
                replaced.append((parent, name, getattr(parent, name)))
                setattr(parent, name, made)
            same = _close(read(), before)
        except (AttributeError, RuntimeError, TypeError):
            same = False
    if not same:
        for parent, name, original in replaced:
            setattr(parent, name, original)
    return same


def _replacements(model: Any) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Where something is replaced, and by what; gated blocks first, as that takes their linear layers away."""
    for parent, name, child in _children(model.base_model):
        if all(type(getattr(child, part, None)) is nn.Linear for part in ("gate_proj", "up_proj", "down_proj")):
            activation = _activation(getattr(child, "act_fn", None))
            if activation is not None:
                yield parent, name, PackedGate(child, activation)
    for parent, name, child in _children(model.base_model):
        if type(child) is nn.Linear and child is not model.get_output_embeddings():
            yield parent, name, PackedLinear(child)


def _children(model: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    return [(parent, name, child) for parent in model.modules() for name, child in parent.named_children()]


def _activation(function: Any) -> tuple[str, str] | None:
    """Finds oneDNN's name for an activation by what it does."""
    if function is None:
        return None
    points = torch.linspace(-8, 8, 257)
    known = (torch.nn.functional.gelu(points, approximate="tanh"), torch.nn.functional.gelu(points))
    found = (*known, torch.nn.functional.silu(points), torch.relu(points))
    made = function(points)
    same = [name for name, values in zip(_ACTIVATIONS, found, strict=True) if torch.allclose(made, values, atol=1e-6)]
    return same[0] if same else None


def _can_pack(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch left its types out here
        return False
    bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - as above
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(bfloat16))


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    largest = float((found - expected).abs().max() / expected.abs().max())
    return largest < _TOLERANCE


def _tensor(result: Any) -> torch.Tensor:
    made: torch.Tensor = result
    return made
