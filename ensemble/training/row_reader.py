"""Reads labelled rows through a prompt once, however many fits ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ensemble.members.asking import Pass, ask
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt
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
        draft: the same model in a faster, coarser number format, or None; see `read`.
    """

    def __init__(
        self,
        model: LanguageModel,
        layers: Sequence[int],
        progress: Progress = lambda _step, _share: None,
        *,
        draft: LanguageModel | None = None,
    ) -> None:
        self.model, self.layers = model, tuple(layers)
        self._draft = draft or model
        self._progress = progress
        self._kept: dict[tuple[LanguageModel, Prompt, Text], Pass] = {}

    def read(self, prompt: Prompt, rows: Sequence[Text], *, draft: bool = False) -> Pass:
        """One pass over all rows, in their order; rows read before are not read again.

        Args:
            prompt: asks.
            rows: texts.
            draft: read with the draft where there is one. Its rounding is small beside what a penalised fit to train
                rows leaves open; calibration is for the model that serves, and always reads with that.
        """
        model = self._draft if draft else self.model
        plain = [Text(row.text, row.context) for row in rows]
        fresh = [text for text in dict.fromkeys(plain) if (model, prompt, text) not in self._kept]
        for start in range(0, len(fresh), _CHUNK):
            chunk = fresh[start : start + _CHUNK]
            self._keep(model, prompt, chunk, ask(model, prompt, chunk, self.layers))
            self._progress(_STEP, min(1.0, (start + len(chunk)) / len(fresh)))
        return _joined([self._kept[model, prompt, text] for text in plain])

    def _keep(self, model: LanguageModel, prompt: Prompt, texts: Sequence[Text], read: Pass) -> None:
        for row, text in enumerate(texts):
            of = read.rows == row
            self._kept[model, prompt, text] = Pass(read.rows[of] * 0, read.answers[of], read.hidden[of])


def _joined(passes: Sequence[Pass]) -> Pass:
    return Pass(
        np.repeat(np.arange(len(passes)), [len(one.rows) for one in passes]),
        np.concatenate([one.answers for one in passes]),
        np.concatenate([one.hidden for one in passes]),
    )
