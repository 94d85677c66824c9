"""The page stands alone, shows all there is, and shows texts as texts."""

import re

import pytest
from parsed_page import ParsedPage

from service.report.page import Heading, page

HEADING = Heading(task="injury", data="rows.jsonl", when="2026-01-01 00:00 UTC")
HOSTILE = "<script>alert(1)</script>\"'&amp;</svg><img src=x onerror=alert(2)>"
FETCHING = {"src", "href", "srcset", "data", "action", "formaction", "poster", "xlink:href", "background"}


@pytest.fixture(scope="module")
def sliced(make_report):
    """A report with slices, one of which has a hostile name and one an odd direction."""
    names = [("<b>bold</b>",), (HOSTILE,), ("\u202egnp.exe\x1b[31m",), ()]
    return make_report(slices={"style<i>": [names[i % 4] for i in range(600)]})


@pytest.fixture(scope="module")
def parsed(sliced):
    """Its page, read."""
    return ParsedPage(page(sliced, HEADING))


def test_every_element_is_closed_in_turn(parsed):
    """A browser sees the tree that was built."""
    assert parsed.unclosed == []
    assert {"html", "head", "style", "body", "h1", "table", "svg", "details"} <= parsed.names()


def test_nothing_runs_and_nothing_is_fetched(parsed, sliced):
    """No script, no handler, no address but in words; the page's own policy forbids the rest."""
    assert not parsed.names() & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "img",
        "image",
        "use",
        "foreignobject",
        "a",
    }
    attributes = {name for _, attributes in parsed.elements for name in attributes}
    assert not attributes & FETCHING
    assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?:|//", page(sliced, HEADING))
    policies = [found["content"] for name, found in parsed.elements if found.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_texts_are_shown_as_they_are(parsed, sliced):
    """A slice named like markup stands in the table to be read; what would turn the text round is shown by its code."""
    assert HOSTILE in parsed.text()
    assert "<b>bold</b>" in parsed.text()
    assert "By style<i>" in parsed.text()
    assert "\\u202egnp.exe\\u001b[31m" in parsed.text()
    assert not set("\u202e\x1b") & set(page(sliced, HEADING))


def test_hostile_names_of_task_data_and_members_are_texts_too(make_report):
    """Whatever came from outside."""
    told = ParsedPage(page(make_report(names=(HOSTILE, "b")), Heading(task=HOSTILE, data=HOSTILE, when="now")))
    assert told.unclosed == []
    assert not told.names() & {"script", "img"}
    assert told.text().count(HOSTILE) > 8


def test_every_plot_has_a_name(parsed, sliced):
    """Trade-off, precision and recall, one reliability plot each, one plot of slices; each says what it shows."""
    charts = [found for name, found in parsed.elements if name == "svg" and found.get("class") == "chart"]
    assert len(charts) == 2 + len(sliced.members) + 1 + 1
    assert all(found["role"] == "img" for found in charts)
    for title in ("Misses against false alarms", "Precision against recall", "Reliability of judge", "Misses by"):
        assert title in parsed.text()


def test_every_figure_of_the_tables_is_there(parsed, sliced):
    """Areas, rates, intervals and counts of each member and the panel; both matrices; every slice."""
    text = parsed.text()
    for each in [*sliced.members.values(), sliced.panel]:
        for value in (each.auc, *each.auc_interval, each.average_precision, each.fnr, *each.fpr_interval, each.ece):
            assert f"{value:.3f}" in text
        assert f"{each.misses} of {each.positives}" in text
        for at in each.at_fpr:
            assert f"{at.misses} of {each.positives}" in text
    correlation, faults = sliced.independence.error_correlation, sliced.independence.double_fault
    assert all(f"{value:.2f}" in text for row in correlation.values() for value in row.values())
    assert all(f"{value:.3f}" in text for row in faults.values() for value in row.values())
    for each in sliced.slices[0].slices:
        assert f"{each.yes} yes of {each.rows}" in text
        assert f"{each.deployed.misses} of {each.deployed.positives}" in text


def test_points_lie_inside_their_charts(parsed):
    """No mark is drawn outside the box, whatever the scale."""
    points = [found["points"] for name, found in parsed.elements if name == "polyline"]
    places = [tuple(map(float, point.split(","))) for line in points for point in line.split()]
    assert places
    assert all(0 <= x <= 360 and 0 <= y <= 300 for x, y in places)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_makes_a_page_without_curves(make_report, label):
    """It says what cannot be measured instead of drawing it."""
    told = ParsedPage(page(make_report([label] * 50), HEADING))
    assert told.unclosed == []
    assert f"No row is labelled {'no' if label else 'yes'}" in told.text()
    assert "Precision against recall" not in told.text()
    assert not re.search(r"\b(?:nan|inf|None)\b", told.source)


def test_a_slice_without_yes_rows_has_no_line_in_the_plot(make_report):
    """It is in the table all the same."""
    labels = [1, 0] * 30 + [0] * 30
    slices = {"x": [("mixed",)] * 60 + [("calm",)] * 30}
    told = ParsedPage(page(make_report(labels, slices=slices), HEADING))
    assert told.text().count("calm") == 1
    assert told.text().count("mixed") == 2


def test_a_report_of_one_row_and_one_member_has_a_page(make_report):
    """The least there can be."""
    assert ParsedPage(page(make_report([1], names=("only",)), HEADING)).unclosed == []


def test_the_page_is_for_phones_and_for_the_dark_and_not_heavy(parsed, sliced):
    """It takes the width of the screen and the colours that the reader chose, and weighs little."""
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in parsed.elements
    source = page(sliced, HEADING)
    assert "prefers-color-scheme: dark" in source
    assert len(source) < 150_000
