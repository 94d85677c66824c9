"""Reading a page as a browser would, as far as a test needs it: elements, texts, and whether all are closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}


@dataclass
class ParsedPage(HTMLParser):
    """What stands in a page.

    Attributes:
        elements: name and attributes of every element, in order.
        texts: everything that is shown, in order.
        unclosed: elements that were closed out of turn, or never.
    """

    source: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Reads the page."""
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        self.unclosed += self._open

    def names(self) -> set[str]:
        """Which elements there are."""
        return {name for name, _ in self.elements}

    def text(self) -> str:
        """All that is shown."""
        return " ".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        """A text."""
        if "style" not in self._open[-1:]:
            self.texts.append(data + " ")
