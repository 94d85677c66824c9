"""A scorer whose numbers are known beforehand, for what stands around scorers."""

import threading

import numpy as np

from ensemble.errors import MemberUnavailableError, UnansweredTextError


class Lengths:
    """Scores a text by its length in two columns; remembers its passes, can be held up, and minds a few words."""

    def __init__(self):
        self.passes, self.go = [], threading.Event()
        self.go.set()

    def __call__(self, texts):
        self.go.wait(10)
        self.passes.append([text.text for text in texts])
        if any("poison" in text.text for text in texts):
            raise RuntimeError("cannot digest")
        if any("unspeakable" in text.text for text in texts):
            raise UnansweredTextError("it refuses to read a text")
        if any("down" in text.text for text in texts):
            raise MemberUnavailableError("endpoint down")
        rows = np.array([[len(text.text), -len(text.text)] for text in texts], dtype=float)
        rows[[i for i, text in enumerate(texts) if "nan" in text.text], 1] = np.nan
        return rows
