"""Reads labelled rows through a prompt once, however many fits ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ensemble.members.asking import Pass, ask
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt
from ensemble.memory import give_back
from ensemble.text import Text

Progress = Callable[[str, float], None]
"""Told the step's name and the share of it that is done, 0 to 1."""

_CHUNK = 64
_STEP = "reading rows with the language model"


class RowReader:
    """Remembers what each prompt read of each text.

    Args:
        model: reads.
        layers: hidden layers kept, the same for all prompts.
        progress: told how far a reading is.
    """

    def __init__(
        self, model: LanguageModel, layers: Sequence[int], progress: Progress = lambda _step, _share: None
    ) -> None:
        self.model, self.layers = model, tuple(layers)
        self._progress = progress
        self._kept: dict[tuple[Prompt, Text], Pass] = {}

    def read(self, prompt: Prompt, rows: Sequence[Text]) -> Pass:
        """One pass over all rows, in their order; rows read before are not read again."""
        plain = [Text(row.text, row.context) for row in rows]
        fresh = [text for text in dict.fromkeys(plain) if (prompt, text) not in self._kept]
        for start in range(0, len(fresh), _CHUNK):
            chunk = fresh[start : start + _CHUNK]
            self._keep(prompt, chunk, ask(self.model, prompt, chunk, self.layers))
            give_back()
            self._progress(_STEP, min(1.0, (start + len(chunk)) / len(fresh)))
        return _joined([self._kept[prompt, text] for text in plain])

    def _keep(self, prompt: Prompt, texts: Sequence[Text], read: Pass) -> None:
        for row, text in enumerate(texts):
            of = read.rows == row
            self._kept[prompt, text] = Pass(read.rows[of] * 0, read.answers[of], read.hidden[of])


def _joined(passes: Sequence[Pass]) -> Pass:
    return Pass(
        np.repeat(np.arange(len(passes)), [len(one.rows) for one in passes]),
        np.concatenate([one.answers for one in passes]),
        np.concatenate([one.hidden for one in passes]),
    )
