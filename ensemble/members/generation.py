"""Nucleus sampling with one random generator a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

_SORTED_TOKENS = 256
"""Tokens sorted at first; mostly their mass is enough."""


def sample(
    model: Any,
    tokenizer: Any,
    rows: Sequence[list[int]],
    *,
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
    ids, mask = _pad_left(rows, model.device)
    cache = None
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
