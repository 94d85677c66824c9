"""A small plotting area in SVG: two scales, a grid, and marks; colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from service.report.markup import tag

WIDTH, HEIGHT = 360.0, 300.0
"""Units of a chart; as wide as a phone, so that its text is as large there as the page's."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 20.0, 8.0, 40.0


@dataclass(frozen=True)
class Scale:
    """From a value to a place between 0 and 1.

    Attributes:
        place: rising.
        ticks: values with a line and a label.
        label: how a tick is written.
    """

    place: Callable[[float], float]
    ticks: tuple[float, ...]
    label: Callable[[float], str]


def linear(ticks: Sequence[float] = (0, 0.2, 0.4, 0.6, 0.8, 1)) -> Scale:
    """Shares from the first tick to the last."""
    low, high = ticks[0], ticks[-1]
    return Scale(lambda value: (min(max(value, low), high) - low) / (high - low), tuple(ticks), percent)


def probit(low: float, high: float) -> Scale:
    """Shares on the scale of the normal quantile, on which two normal score distributions make a straight line.

    Args:
        low: lower end, inside (0, 1); what lies below is drawn at it.
        high: upper end, above `low`; what lies above is drawn at it.
    """
    from scipy.special import ndtri

    bottom, top = float(ndtri(low)), float(ndtri(high))
    known = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
    return Scale(
        lambda value: (float(ndtri(min(max(value, low), high))) - bottom) / (top - bottom),
        tuple(tick for tick in known if low <= tick <= high),
        percent,
    )


def percent(value: float) -> str:
    """A share as a person reads it: 0.05 -> 5 %."""
    return f"{100 * value:.4g} %"


class Chart:
    """One plot; marks are added to it and `element` is put into the page."""

    def __init__(self, title: str, x: Scale, y: Scale, *, x_label: str, y_label: str, height: float = HEIGHT) -> None:
        self._x, self._y, self._height = x, y, height
        self.element = tag("svg", tag("title", title), viewBox=f"0 0 {WIDTH:g} {height:g}", role="img", class_="chart")
        self._grid(x_label, y_label)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pair of values is drawn, in units of the chart."""
        right, bottom = WIDTH - _RIGHT, self._height - _BOTTOM
        return _LEFT + self._x.place(x) * (right - _LEFT), bottom - self._y.place(y) * (bottom - _TOP)

    def line(self, xs: Sequence[float], ys: Sequence[float], series: str) -> None:
        """A line through the points, in the series' colour and dashes."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*pair) for pair in zip(xs, ys, strict=True)))
        self._add("polyline", points=points, class_=f"line {series}")

    def dot(self, x: float, y: float, series: str, *, radius: float = 4.0) -> None:
        """A point."""
        left, top = self.at(x, y)
        self._add("circle", cx=left, cy=top, r=radius, class_=f"dot {series}")

    def whisker(self, start: tuple[float, float], end: tuple[float, float], series: str) -> None:
        """An interval, from one pair of values to another."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"whisker {series}")

    def rule(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A line to compare with, such as a diagonal."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="rule")

    def _grid(self, x_label: str, y_label: str) -> None:
        right, bottom = WIDTH - _RIGHT, self._height - _BOTTOM
        for tick in self._x.ticks:
            left = _LEFT + self._x.place(tick) * (right - _LEFT)
            self._add("line", x1=left, y1=_TOP, x2=left, y2=bottom, class_="grid")
            self._text(self._x.label(tick), left, bottom + 14, "middle")
        for tick in self._y.ticks:
            top = bottom - self._y.place(tick) * (bottom - _TOP)
            self._add("line", x1=_LEFT, y1=top, x2=right, y2=top, class_="grid")
            self._text(self._y.label(tick), _LEFT - 5, top + 4, "end")
        middle = (_TOP + bottom) / 2
        self._text(x_label, (_LEFT + right) / 2, self._height - 6, "middle", class_="axis")
        self._text(y_label, 11, middle, "middle", class_="axis", transform=f"rotate(-90 11 {middle:g})")

    def _text(self, text: str, x: float, y: float, anchor: str, **more: str) -> None:
        self.element.append(tag("text", text, x=x, y=y, text_anchor=anchor, **more))

    def _add(self, name: str, **attributes: object) -> Element:
        element = tag(name, **attributes)
        self.element.append(element)
        return element
