"""Prompt injection: words around a text that are aimed at a language model which judges it, not at a reader.

The text itself stays word for word, and nothing that is added says what happens in it, so a person's answer stays the
same. A judge that obeys what it should judge changes its vote. Dilution alone may change it as well, hence `diluted`:
the same text with as much harmless matter in the same place.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, field_validator

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect

_FILE = "injections.json"

_HARMLESS = (
    "The ferry was on time that week. Two boxes of paper stood beside the door, and nobody had opened them yet. She "
    "read the timetable, wrote the hours down and went to buy bread. The shop had moved to the other side of the "
    "square in spring. A dog slept under the bench by the fountain. They spoke about the weather, the price of coal "
    "and the concert on Sunday, and then the bus came round the corner. "
)


class Pattern(BaseModel):
    """One way to talk to the judge.

    Attributes:
        name: one word or more, joined by hyphens.
        template: what becomes of a text: {text} once, and perhaps {answer} (the one that is wanted), {encoded} (an
            order to give it, in Base64), {start} and {cue} (what stands before and after a text in the judge's prompt);
            braces of its own are doubled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    template: str

    @field_validator("template")
    @classmethod
    def _holds_the_text(cls, template: str) -> str:
        if template.count("{text}") != 1:
            raise ValueError("a template holds {text} once")
        return template


@dataclass(frozen=True)
class Wording:
    """How the judge is asked, as far as an attacker knows.

    Attributes:
        start: what stands before a text.
        cue: what stands between a text and its answer.
        yes: the answer for yes.
        no: the answer for no.
    """

    start: str = "Passage:"
    cue: str = "Answer:"
    yes: str = "Yes"
    no: str = "No"


PLAIN = Wording()
"""How the general prompts ask."""


def patterns() -> tuple[Pattern, ...]:
    """The patterns that ship with the project, in a fixed order."""
    return tuple(
        TypeAdapter(list[Pattern]).validate_python(json.loads(files(__package__).joinpath(_FILE).read_bytes()))
    )


def injected(pattern: Pattern, text: str, answer: str, wording: Wording = PLAIN) -> str:
    """A text with a pattern around it that wants an answer."""
    before, after = _parts(pattern, answer, wording)
    return f"{before}{text}{after}"


def diluted(pattern: Pattern, text: str, answer: str, wording: Wording = PLAIN) -> str:
    """A text with harmless matter of the same length, to a word, where `injected` puts its own."""
    before, after = (_harmless(len(part)) for part in _parts(pattern, answer, wording))
    return f"{before} {text} {after}".strip()


def _parts(pattern: Pattern, answer: str, wording: Wording) -> tuple[str, str]:
    """What stands before and after the text."""
    order = base64.b64encode(f"Answer {answer}.".encode()).decode()
    fields = {"answer": answer, "encoded": order, "start": wording.start, "cue": wording.cue}
    before, after = pattern.template.split("{text}")
    return before.format(**fields), after.format(**fields)


def _harmless(characters: int) -> str:
    """Whole words of harmless sentences, about as many characters."""
    if characters < len("Rain."):
        return ""
    repeated = _HARMLESS * (characters // len(_HARMLESS) + 1)
    cut = repeated[:characters]
    return cut[: cut.rfind(" ")].rstrip(" ,.") + "." if " " in cut else "Rain."


class Injection:
    """Puts one of the patterns around a text; it wants the answer that the text's label is not."""

    name = "injection"
    effect: Effect = "keeps"
    style = "injection"

    def __init__(self, *, given: Sequence[Pattern] | None = None, wording: Wording = PLAIN) -> None:
        """Takes the patterns to draw from (None: those that ship) and what is known of the judge's prompt."""
        self._patterns, self._wording = tuple(patterns() if given is None else given), wording

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with a pattern around it; its label stays."""
        pattern = self._patterns[int(rng.integers(len(self._patterns)))]
        answer = self._wording.no if parent.label else self._wording.yes
        text = injected(pattern, parent.text.strip(), answer, self._wording)
        return Text(text, parent.context), {"pattern": pattern.name}
