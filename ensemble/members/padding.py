"""What is real in the result of a forward pass over rows padded at the end."""

from __future__ import annotations

import torch


def last_states(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """State of each row's last real token: (n, tokens, d), (n,) -> (n, d)."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]


def pooled_states(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Last and mean over the real tokens: (n, tokens, d), (n,) -> (n, 2, d)."""
    real = torch.arange(states.shape[1], device=states.device)[None, :] < lengths[:, None]
    mean = (states.float() * real[..., None]).sum(dim=1) / lengths[:, None]
    return torch.stack([last_states(states, lengths).float(), mean], dim=1)
