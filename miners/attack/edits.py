"""What a person did to a text, step by step, so that anybody can do it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ensemble.errors import InputError
from ensemble.text import MAX_TEXT_CHARS

MOST_EDITS = 2_000
"""Edits that one attack may consist of."""


class Edit(BaseModel):
    """One step: characters taken out at a place, and others put in there.

    Attributes:
        at: where, in characters (Unicode code points) of the text as it stood before this step.
        removed: what stood there.
        inserted: what stands there now.
        by: whether it was typed, or taken from what the bench suggested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: int = Field(ge=0, le=MAX_TEXT_CHARS)
    removed: str = Field(default="", max_length=MAX_TEXT_CHARS)
    inserted: str = Field(default="", max_length=MAX_TEXT_CHARS)
    by: Literal["typing", "suggestion"] = "typing"

    def apply(self, text: str) -> str:
        """The text after this step.

        Raises:
            InputError: something else stands there.
        """
        end = self.at + len(self.removed)
        if text[self.at : end] != self.removed or self.at > len(text):
            raise InputError(f"what it takes out does not stand at character {self.at}")
        return text[: self.at] + self.inserted + text[end:]


def replay(start: str, edits: Sequence[Edit]) -> str:
    """What a text becomes by some edits.

    Raises:
        InputError: an edit does not fit; `field` names it.
    """
    text = start
    for number, edit in enumerate(edits):
        try:
            text = edit.apply(text)
        except InputError as error:
            raise InputError(str(error), field=f"edits[{number}]") from None
        if len(text) > MAX_TEXT_CHARS:
            message = f"the text has {len(text):,} characters after it; the limit is {MAX_TEXT_CHARS:,}"
            raise InputError(message, field=f"edits[{number}]")
    return text
