"""What axe-core says of a page, and the ways in which people see it."""

import os
from importlib import resources

import pytest

KINDS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "small": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "small and dark": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"},
}
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)}`));
}"""
"""Runs axe-core, whose script is there already; its violations."""


def axe_core():
    """The script of axe-core."""
    try:
        return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("axe-playwright-python is not installed; it is in the extra `dev`")
        pytest.skip("axe-playwright-python is not installed (pip install -e '.[dev]')")
