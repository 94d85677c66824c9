"""Attention of many texts over one shared prefix whose keys and values are never copied.

transformers hands attention one tensor of keys per row, so a shared prefix would be repeated for every row of every
batch and layer. Here the rows' queries meet the prefix in one matrix product, as if they were one long row, and their
own keys row by row; one softmax over both makes it the same attention. No mask is passed in: rows are padded at the
end, where causality keeps the padding from being seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

from ensemble.members.prefix_cache import Prefix

NAME = "hungjury_shared_prefix"
"""What transformers knows the function under."""

_UNDERSTOOD = {"full_attention", "sliding_attention"}


@dataclass(frozen=True)
class Shared:
    """What one forward pass lends to the attention of every layer.

    Attributes:
        prefix: with keys and values.
        windows: for each layer how many tokens a token sees, itself included; None = all before it.
    """

    prefix: Prefix
    windows: tuple[int | None, ...]


def layer_windows(config: Any) -> tuple[int | None, ...] | None:
    """Each layer's window as the model's configuration has it; None if a layer attends in a way not known here."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = ["full_attention" if window is None else "sliding_attention"] * config.num_hidden_layers
    if not set(kinds) <= _UNDERSTOOD:
        return None
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


@contextmanager
def attending(model: Any) -> Iterator[None]:
    """Lets `model` attend by this module's function for a while; each forward pass then needs `shared=`."""
    before = model.config._attn_implementation  # noqa: SLF001 - transformers has no public name for reading it
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lent_key: torch.Tensor,
    lent_value: torch.Tensor,
    *,
    scaling: float,
    window: int | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Causal attention of n rows of s tokens that follow a prefix of p tokens.

    Args:
        query: (n, heads, s, d); heads is a multiple of the groups, whose heads stand side by side.
        key: (n, groups, s, d).
        value: (n, groups, s, d).
        lent_key: (1, groups, p, d).
        lent_value: (1, groups, p, d).
        scaling: factor of the scores.
        window: tokens a token sees, itself included; None = all.
        softcap: bounds the scores by tanh (Gemma 2); None = unbounded.

    Returns:
        (n, s, heads, d).
    """
    rows, heads, tokens, width = query.shape
    groups, before = key.shape[1], lent_key.shape[2]
    start = 0 if window is None else max(0, before + 1 - window)  # what even the first token no longer sees
    lent_key, lent_value = lent_key[0, :, start:], lent_value[0, :, start:]
    split = query.transpose(1, 2).reshape(rows, tokens, groups, heads // groups, width)
    gathered = split.permute(2, 0, 1, 3, 4).reshape(groups, -1, width)
    own = gathered.view(groups * rows, -1, width)
    own_key, own_value = (x.transpose(0, 1).reshape(groups * rows, tokens, width) for x in (key, value))
    scores = torch.cat(
        [
            torch.matmul(gathered, lent_key.transpose(1, 2)).view(groups * rows, own.shape[1], -1),
            torch.matmul(own, own_key.transpose(1, 2)),
        ],
        dim=-1,
    ).mul_(scaling)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    hidden = _hidden(tokens, before - start, window, query.device).repeat_interleave(heads // groups, dim=0)
    _conceal(scores, hidden, before - start, window)
    weights = torch.softmax(scores, dim=-1)
    lent_weights = weights[..., : before - start].reshape(groups, gathered.shape[1], -1)
    joined = torch.matmul(lent_weights, lent_value).view(own.shape)
    joined = joined + torch.matmul(weights[..., before - start :], own_value)
    shaped = joined.view(groups, rows, tokens, heads // groups, width).permute(1, 2, 0, 3, 4)
    return shaped.reshape(rows, tokens, heads, width)


def _hidden(tokens: int, before: int, window: int | None, device: torch.device) -> torch.Tensor:
    """What each of the row's tokens must not see of prefix and row: bool, (tokens, before + tokens)."""
    at = torch.arange(before + tokens, device=device)
    of = at[before:, None]
    hidden = at > of
    return hidden if window is None else hidden | (at <= of - window)


def _conceal(scores: torch.Tensor, hidden: torch.Tensor, before: int, window: int | None) -> None:
    """Sets the scores of what is hidden to -inf; of the prefix only a window hides anything."""
    start = before if window is None or hidden.shape[1] <= window else 0
    scores[..., start:].masked_fill_(hidden[:, start:], float("-inf"))


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    shared: Shared,
    scaling: float | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """`attend` in the form in which transformers calls it."""
    layer = module.layer_idx
    out = attend(
        query,
        key,
        value,
        shared.prefix.keys[layer],
        shared.prefix.values[layer],
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        window=shared.windows[layer],
        softcap=softcap,
    )
    return out, None


AttentionInterface.register(NAME, _attention)
