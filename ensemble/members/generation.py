"""Nucleus sampling with one random generator a row, and a prompt that rows share read once for all of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ensemble.members.shared_attention import layer_windows

_FEWEST_SHARED = 16
"""Tokens from which a common beginning is worth a pass of its own."""

_SORTED_TOKENS = 256
"""Tokens sorted at first; mostly their mass is enough."""


@dataclass
class SharedPrompt:
    """The beginning that rows have in common, with its keys and values; the last one is kept for the next call.

    Attributes:
        tokens: token ids of the beginning; empty where none is worth it.
        cache: of one row that holds them, in the form of transformers.
    """

    tokens: tuple[int, ...] = ()
    cache: Any = None

    def read(self, model: Any, rows: Sequence[list[int]], most_new_tokens: int) -> SharedPrompt:
        """What these rows share: this prompt itself where it is the same, else a new one, read in one pass.

        Rows of unequal length are padded behind what they share. A layer that looks back over a window counts the
        padding in, so that nothing is shared where such rows could outgrow the smallest window.
        """
        tokens = _common(rows)
        windows = layer_windows(model.config.get_text_config()) or (0,)
        narrow = min((window for window in windows if window is not None), default=None)
        outgrown = narrow is not None and max(map(len, rows)) + most_new_tokens > narrow
        if len(tokens) < _FEWEST_SHARED or (outgrown and len(set(map(len, rows))) > 1):
            return SharedPrompt()
        if tokens == self.tokens:
            return self
        ids = torch.tensor([tokens], device=model.device)
        out = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True, logits_to_keep=1)
        return SharedPrompt(tokens, out.past_key_values)

    def lend(self, rows: int) -> Any:
        """Keys and values for so many rows, which may be written on; None where there are none."""
        if self.cache is None:
            return None
        lent = copy.deepcopy(self.cache)
        lent.batch_repeat_interleave(rows)
        return lent


def sample(
    model: Any,
    tokenizer: Any,
    rows: Sequence[list[int]],
    *,
    shared: SharedPrompt | None = None,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    seeds: Sequence[int],
    stop: Sequence[str] = (),
) -> list[str]:
    """Continues rows of token ids together.

    Rows are padded in front, so that every row's next token sits at the same place.

    Args:
        model: a causal language model; the caller turns gradients off.
        tokenizer: decodes what was written.
        rows: token ids, none empty.
        shared: what they all begin with, already read; each row is longer. None = nothing.
        max_new_tokens: most tokens written per row.
        temperature: divides the logits; 0 takes the likeliest token always.
        top_p: draws from the smallest set of tokens with at least this mass, in (0, 1] (Holtzman et al. 2020).
        seeds: one a row.
        stop: texts at which writing ends; they are not part of the answer.

    Returns:
        The new text of each row, without the prompt.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    written: list[list[int]] = [[] for _ in rows]
    done = [False] * len(rows)
    ends = _end_tokens(model, tokenizer)
    shared = shared or SharedPrompt()
    ids, mask = _pad_left([row[len(shared.tokens) :] for row in rows], model.device)
    mask = torch.cat([mask.new_ones(len(rows), len(shared.tokens)), mask], dim=1)
    cache = shared.lend(len(rows))
    for _ in range(max_new_tokens):
        out = model(
            input_ids=ids, attention_mask=mask, position_ids=_positions(mask)[:, -ids.shape[1] :],
            past_key_values=cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        cache = out.past_key_values
        chosen = _choose(out.logits[:, -1].float().cpu(), temperature, top_p, generators)
        for row, token in enumerate(chosen):
            if done[row]:
                continue
            if token not in ends:
                written[row].append(token)
            done[row] = token in ends or _stopped(tokenizer, written[row], stop)
        if all(done):
            break
        ids = torch.tensor(chosen, device=model.device)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
    return [_cut(tokenizer.decode(tokens, skip_special_tokens=True), stop) for tokens in written]


def _choose(logits: torch.Tensor, temperature: float, top_p: float, generators: Sequence[torch.Generator]) -> list[int]:
    """One token a row from (n, vocabulary) logits."""
    if temperature == 0:
        return [int(token) for token in logits.argmax(dim=-1)]
    rows = torch.softmax(logits / temperature, dim=-1)
    return [_draw(row, top_p, generator) for row, generator in zip(rows, generators, strict=True)]


def _draw(probabilities: torch.Tensor, top_p: float, generator: torch.Generator) -> int:
    """A token from the likeliest ones that together have `top_p`; (vocabulary,) -> its id.

    Only as many tokens are sorted as are needed: sorting all 262,144 of a vocabulary takes longer than a small model's
    step.
    """
    sorted_tokens = _SORTED_TOKENS
    while True:
        likeliest, tokens = probabilities.topk(min(sorted_tokens, len(probabilities)))
        mass = likeliest.double().cumsum(dim=0)
        if mass[-1] >= top_p or len(tokens) == len(probabilities):
            break
        sorted_tokens *= 8
    # A token stays while the mass before it is short of top_p; the first always stays.
    kept = mass[: 1 + int((mass < top_p).sum())]
    drawn = torch.rand(1, generator=generator, dtype=torch.float64) * kept[-1]
    return int(tokens[min(int(torch.searchsorted(kept, drawn, right=True)), len(kept) - 1)])


def _common(rows: Sequence[list[int]]) -> tuple[int, ...]:
    """What all rows begin with, so that each has at least one token behind it."""
    first, last = min(rows), max(rows)  # whatever these two share, the rows between them share as well
    most = min(map(len, rows)) - 1
    at = next((i for i in range(most) if first[i] != last[i]), most)
    return tuple(first[:at])


def _pad_left(rows: Sequence[list[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


def _positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(dim=-1) - 1).clamp(min=0)


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    config = model.generation_config.eos_token_id
    ends = config if isinstance(config, list) else [config]
    return {int(token) for token in (*ends, tokenizer.eos_token_id) if token is not None}


def _stopped(tokenizer: Any, tokens: list[int], stop: Sequence[str]) -> bool:
    return bool(stop) and any(mark in tokenizer.decode(tokens, skip_special_tokens=True) for mark in stop)


def _cut(text: str, stop: Sequence[str]) -> str:
    for mark in stop:
        text = text.split(mark, 1)[0]
    return text
