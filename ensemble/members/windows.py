"""Texts as model inputs of a BERT-like encoder: tokens, windows, padding. One place for training and for serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import ArtifactError
from ensemble.scorer import FloatArray
from ensemble.text import Text

MAX_TOKENS = 256
"""Window length in tokens, special tokens included; longer texts are read window by window."""

MAX_CONTEXT_TOKENS = 64
"""The context keeps its last tokens: what stands nearest to the text matters most."""

_OVERLAP = 32


@dataclass(frozen=True)
class Window:
    """One model input: token ids, segment ids (0 context, 1 text), and the row it belongs to."""

    row: int
    ids: tuple[int, ...]
    segments: tuple[int, ...]


class WindowTokenizer:
    """Cuts texts into windows that a model can read."""

    def __init__(self, path: Path) -> None:
        """Opens a `tokenizer.json`."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._start = self._special("[CLS]")
        self._separator = self._special("[SEP]")

    def _special(self, token: str) -> int:
        identifier = self._tokenizer.token_to_id(token)
        if identifier is None:
            raise ArtifactError(f"the tokeniser knows no {token}; only BERT-like encoders are supported")
        return int(identifier)

    def windows(self, texts: Sequence[Text], *, with_context: bool) -> list[Window]:
        """Model inputs of every text, in order; a text gives one window, or several when it is long."""
        bodies = self.ids([text.text for text in texts])
        contexts = self.ids([text.context for text in texts]) if with_context else [[] for _ in texts]
        result = []
        for row, (body, context) in enumerate(zip(bodies, contexts, strict=True)):
            head = context[-MAX_CONTEXT_TOKENS:]
            result += [self._window(row, head, piece) for piece in _pieces(body, len(head))]
        return result

    def vocabulary(self) -> dict[str, int]:
        """Every piece that there is, with its id."""
        return dict(self._tokenizer.get_vocab())

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Start and end, in characters, of each token of a text, special tokens left out."""
        return [(start, end) for start, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, special tokens left out."""
        return [found.ids for found in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _window(self, row: int, context: list[int], body: list[int]) -> Window:
        first = [self._start, *context, self._separator] if context else [self._start]
        second = [*body, self._separator]
        return Window(row, tuple(first + second), (0,) * len(first) + (int(bool(context)),) * len(second))


def pad(windows: Sequence[Window]) -> dict[str, NDArray[np.int64]]:
    """Named int64 arrays, each (windows, longest), padded with 0: input_ids, attention_mask, token_type_ids."""
    ids = np.zeros((len(windows), max(len(window.ids) for window in windows)), dtype=np.int64)
    mask, segments = np.zeros_like(ids), np.zeros_like(ids)
    for row, window in enumerate(windows):
        length = len(window.ids)
        ids[row, :length], mask[row, :length], segments[row, :length] = window.ids, 1, window.segments
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}


def highest(scores: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
    """The highest score of each text's windows: (m,) and the text of each window, ascending (m,) -> (n,)."""
    if not len(scores):
        return np.empty(0)
    return np.asarray(np.maximum.reduceat(scores, np.flatnonzero(np.diff(rows, prepend=-1))))


def _pieces(ids: Sequence[int], used: int) -> list[list[int]]:
    """Overlapping pieces of a text that fit a window beside `used` context tokens; at least one, perhaps empty."""
    room = MAX_TOKENS - used - 3
    return [list(ids[start : start + room]) for start in starts(len(ids), used)]


def starts(tokens: int, used: int = 0) -> range:
    """Where the pieces of a text of so many tokens begin, beside `used` context tokens; at least one does."""
    room = MAX_TOKENS - used - 3
    return range(1) if tokens <= room else range(0, tokens - _OVERLAP, room - _OVERLAP)
