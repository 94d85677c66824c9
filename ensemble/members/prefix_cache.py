"""Keys and values of a prompt prefix, computed once and lent to any number of batches.

The caches that transformers ships keep what a batch appends; lending one out would need a deep copy for every batch.
Here a batch gets a view: each layer joins the expanded prefix with the new tokens, hands the result to attention and
forgets it, so at most one layer's joined keys and values exist at a time and the prefix itself is never written to.
"""

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

    def lend(self) -> Cache:
        """A cache for one forward pass of any batch size."""
        return Cache(layers=[_LentLayer(k, v) for k, v in zip(self.keys, self.values, strict=True)])


class RecordingCache(Cache):  # type: ignore[misc]  # transformers is followed as Any, see pyproject
    """A plain cache that keeps every key and value of one pass, also of layers with a sliding window.

    Windowed layers are kept whole because their mask, not their storage, decides what a token may see.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[_KeepingLayer() for _ in range(layers)])

    def prefix(self, tokens: tuple[int, ...]) -> Prefix:
        """What was recorded, as a `Prefix`."""
        return Prefix(tokens, tuple(layer.keys for layer in self.layers), tuple(layer.values for layer in self.layers))


class _FullLayer(CacheLayerMixin):  # type: ignore[misc]  # as above
    """Common answers of a layer that holds all that came before."""

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


class _KeepingLayer(_FullLayer):
    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        self.lazy_initialization(key_states, value_states)
        self.keys, self.values = key_states, value_states
        return key_states, value_states


class _LentLayer(_FullLayer):
    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        rows = key_states.shape[0]
        joined_keys = torch.cat([self.keys.expand(rows, -1, -1, -1), key_states], dim=-2)
        joined_values = torch.cat([self.values.expand(rows, -1, -1, -1), value_states], dim=-2)
        return joined_keys, joined_values
