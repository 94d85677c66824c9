"""Building HTML and SVG as a tree, so that whatever stands in a text is escaped when the tree is written."""

from __future__ import annotations

from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from service.cli.output import printable

Node: TypeAlias = Element | str
"""What an element may hold."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Kept by the browser: no script runs and nothing is fetched, whatever the page holds."""


def tag(name: str, *children: Node | None, **attributes: object) -> Element:
    """An element.

    Args:
        name: of the element.
        children: texts, shown with `printable`, and elements; None is left out.
        attributes: None is left out; a trailing underscore is dropped (`class_`), inner ones become dashes. Numbers
            are written with two decimals at most, which is finer than any screen.
    """
    element = Element(name)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.rstrip("_").replace("_", "-"), _attribute(value))
    for child in children:
        _append(element, child)
    return element


def _append(element: Element, child: Node | None) -> None:
    if isinstance(child, Element):
        element.append(child)
    elif child is not None and len(element):
        element[-1].tail = (element[-1].tail or "") + printable(child)
    elif child is not None:
        element.text = (element.text or "") + printable(child)


def _attribute(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return printable(str(value))


def document(title: str, style: str, body: Element) -> str:
    """A whole page.

    Args:
        title: of the page.
        style: CSS of our own, written as it is.
        body: its `<body>`.
    """
    sheet = Element("style")
    sheet.text = style
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        sheet,
    )
    page = tag("html", head, body, lang="en")
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"
