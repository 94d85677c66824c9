"""Reading a JSON array, or values one behind the other, without holding the whole file in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO

from ensemble.errors import InputError
from ensemble.row_formats import NOT_UTF8, Found

MAX_RECORD_CHARS = 32 << 20
"""Longest element that is read."""

_CHUNK = 1 << 18
_BLANK = " \t\r\n\ufeff"


def _refuse(name: str) -> None:
    raise InputError(f"is not valid JSON: {name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


class _Window:
    """The part of the text that is looked at, and on which line it begins."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8")()
        self.text, self.at, self.line, self._ended = "", 0, 1, False

    def more(self) -> bool:
        """Reads on; False at the end of the file."""
        if self._ended:
            return False
        block = self._stream.read(_CHUNK)
        self._ended = not block
        self.text = self.text[self.at :] + self._decoder.decode(block, final=self._ended)
        self.at = 0
        return True

    def skip(self, characters: str) -> str:
        """Passes over these; the next character, "" at the end of the file."""
        while True:
            while self.at < len(self.text):
                character = self.text[self.at]
                if character not in characters:
                    return character
                self.line += character == "\n"
                self.at += 1
            if not self.more():
                return ""

    def take(self) -> object:
        """The value that begins here.

        Raises:
            InputError: it is no JSON, or too long.
        """
        wanted = 0  # of a long value: how much must be there before it is worth another try
        while True:
            problem = "more is needed"
            if len(self.text) - self.at >= wanted or self._ended:
                try:
                    value, end = _DECODER.raw_decode(self.text, self.at)
                except json.JSONDecodeError as error:
                    problem = error.msg
                except RecursionError:
                    raise InputError("is not valid JSON: nested too deeply") from None
                else:
                    if end < len(self.text) or self._ended:  # a number at the very end may go on
                        self.line += self.text.count("\n", self.at, end)
                        self.at = end
                        return value
            self._long(problem)
            wanted = max(wanted, 2 * (len(self.text) - self.at))
            if not self.more():
                raise InputError(f"is not valid JSON: {problem}")

    def _long(self, problem: str) -> None:
        if len(self.text) - self.at > MAX_RECORD_CHARS:
            raise InputError(f"is longer than {MAX_RECORD_CHARS >> 20} million characters, or {problem}")


def read_values(stream: IO[bytes]) -> Iterator[Found]:
    """The elements of a JSON array, or values that follow each other.

    `line` is the element's number, from 1, for an array often stands on one line; else the line where a value begins.

    What is no JSON ends the reading: behind it nobody can say where the next element begins.

    Raises:
        InputError: nothing could be read at all.
    """
    window = _Window(stream)
    try:
        inside = window.skip(_BLANK) == "["
        window.at += inside
        number = 0
        while (character := window.skip(_BLANK + ",")) not in ("", "]"):
            number += 1
            line = number if inside else window.line
            try:
                yield Found(line, window.take())
            except (InputError, ValueError) as error:
                yield Found(line, problem=f"{error}; what follows is not read")
                return
        if inside and character != "]":
            yield Found(number + 1, problem="ends before its array does; is the file whole?")
    except UnicodeDecodeError:
        yield Found(window.line, problem=f"{NOT_UTF8}; what follows is not read")
