"""Keys and values of a prompt prefix, computed once and lent to any number of batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


@dataclass(frozen=True)
class Prefix:
    """A tokenised prompt prefix.

    Attributes:
        tokens: token ids, with whatever the model wants at the very start; may be empty.
        keys, values: one tensor a layer, each (1, heads, len(tokens), head width); empty where the model's cache cannot
            be shared, and the prefix is then read anew with every text.
    """

    tokens: tuple[int, ...]
    keys: tuple[torch.Tensor, ...] = ()
    values: tuple[torch.Tensor, ...] = ()

    @property
    def cached(self) -> bool:
        """Whether keys and values are at hand."""
        return bool(self.keys)


class RecordingCache(Cache):  # type: ignore[misc]  # transformers is followed as Any, see pyproject
    """A plain cache that keeps every key and value of one pass, also of layers with a sliding window.

    Windowed layers are kept whole because attention, not their storage, decides what a token may see.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[_KeepingLayer() for _ in range(layers)])

    def prefix(self, tokens: tuple[int, ...]) -> Prefix:
        """What was recorded, as a `Prefix`."""
        return Prefix(tokens, tuple(layer.keys for layer in self.layers), tuple(layer.values for layer in self.layers))


class _KeepingLayer(CacheLayerMixin):  # type: ignore[misc]  # as above
    is_sliding = False

    def lazy_initialization(self, key_states: torch.Tensor, _value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.is_initialized = True

    def get_seq_length(self) -> int:
        return 0 if self.keys is None else int(self.keys.shape[-2])

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return -1

    # transformers before 5.3 asks by this name
    get_max_cache_shape = get_max_length

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        self.lazy_initialization(key_states, value_states)
        self.keys, self.values = key_states.contiguous(), value_states.contiguous()
        return key_states, value_states
