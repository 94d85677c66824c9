"""Frames: a text set whole into other words, which say what it is: a letter, a dream, what somebody told.

A frame holds the text once, as one of these:

- `{text}`: as it is;
- `{quoted}`: between double quotes of the frame, so that quotes inside become single ones;
- `{speech}`: the same with a comma for its last full stop, before "she said";
- `{clause}`: a single sentence without capital and full stop, behind "that".

Other words in braces are drawn from the table's lists, once for a text.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from ensemble.text import LabelledText, Text
from miners.rewrites.english import quotable, small_start
from miners.rewrites.tables import Table
from miners.sentences import split_sentences

FORMS = ("text", "quoted", "speech", "clause")

_FIELD = re.compile(r"\{(\w+)\}")


class Frame(Table):
    """One frame.

    Attributes:
        name: one word or more, joined by hyphens.
        template: what stands around a text, see the module.
    """

    name: str
    template: str

    @property
    def form(self) -> str:
        """As what the text stands in it."""
        return next(form for form in FORMS if f"{{{form}}}" in self.template)


class Frames(Table):
    """A table of frames.

    Attributes:
        frames: what is drawn from, alike.
        lists: what other words in braces may become.
    """

    frames: tuple[Frame, ...] = Field(min_length=1)
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fields_are_known(self) -> Frames:
        for frame in self.frames:
            fields = _FIELD.findall(frame.template)
            if sum(field in FORMS for field in fields) != 1:
                raise ValueError(f"frame {frame.name!r} must hold one of {', '.join(FORMS)}, once")
            if unknown := {field for field in fields if field not in FORMS and not self.lists.get(field)}:
                raise ValueError(f"frame {frame.name!r} names lists that are not there: {', '.join(sorted(unknown))}")
        return self


def framed(table: Frames, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
    """The parent in a frame that can hold it; None where none can."""
    frames = list(table.frames)
    drawn = {name: str(words[int(rng.integers(len(words)))]) for name, words in sorted(table.lists.items())}
    for index in rng.permutation(len(frames)):
        frame = frames[index]
        inner = _as(frame.form, parent.text.strip())
        if inner is not None:
            return Text(_filled(frame, {**drawn, frame.form: inner}), parent.context), {"frame": frame.name}
    return None


def _filled(frame: Frame, words: dict[str, str]) -> str:
    return _FIELD.sub(lambda match: words[match[1]], frame.template)


def _as(form: str, text: str) -> str | None:
    if form == "text":
        return text
    if form == "clause":
        return _clause(text)
    quoted = quotable(text)
    if quoted is None or not _ends(quoted):
        return None
    return quoted[:-1] + "," if form == "speech" and quoted.endswith(".") else quoted


def _ends(text: str) -> bool:
    """Whether it ends as a sentence does, so that nothing is needed before a closing quote."""
    return re.search(r"[.!?][\"'\u2019]?$", text) is not None


def _clause(text: str) -> str | None:
    """A single sentence without direct speech and final stop, to go on behind "that"."""
    if '"' in text or "\u201c" in text or split_sentences(text) != [text] or not text.endswith(".") or ";" in text:
        return None
    start = small_start(text)
    return None if start is None else start[:-1]
