"""Misses and false alarms on rewrites, by operator and style."""

import pytest

from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Candidate, Provenance, Scored
from miners.rewrite_counts import RewriteCounts, counted_rewrites, rewrite_lines


@pytest.fixture
def scored():
    """Makes a scored text: `scored(operators, style, expected, vote)`; vote None = no answer of the deployed member."""

    def make(operators, style, expected, vote):
        provenance = Provenance(
            source="rewrite:x", operators=operators, family="f", expected_label=expected, meta={"style": style}
        )
        members = {} if vote is None else {"encoder": MemberScore(probability=0.5, vote=vote, version="1")}
        members["judge"] = MemberScore(probability=0.5, vote="yes", version="1")
        verdict = Verdict(
            id="i", probability=0.5, decision="flag", disagreement=0.1, miss_score=0.0, members=members, degraded=(),
            review=False,
        )  # fmt: skip
        return Scored(Candidate(Text("a text"), provenance), verdict)

    return make


def test_misses_and_false_alarms_are_counted_by_operator_and_style(scored):
    """Yes rewrites count as passed, no rewrites as flagged, by the deployed member's vote; unknown ones apart."""
    found = counted_rewrites(
        {},
        [
            scored(("typos",), "disguise", 1, "no"),
            scored(("typos",), "disguise", 1, "yes"),
            scored(("typos",), "disguise", 0, "yes"),
            scored(("genre", "casual"), "disguise", 0, "no"),
            scored(("script",), "form", None, "no"),
            scored(("typos",), "disguise", 1, None),
            scored((), "disguise", 1, "no"),
        ],
        "encoder",
    )
    assert found == {
        "operator:typos": RewriteCounts(yes=2, passed=1, no=1, flagged=1),
        "operator:casual": RewriteCounts(no=1),
        "operator:script": RewriteCounts(unknown=1),
        "style:disguise": RewriteCounts(yes=2, passed=1, no=2, flagged=1),
        "style:form": RewriteCounts(unknown=1),
    }


def test_counts_go_on_from_what_was_counted(scored):
    """Counted in two parts it is the same as in one."""
    items = [scored(("typos",), "disguise", n % 2, "no") for n in range(5)]
    whole = counted_rewrites({}, items, "encoder")
    assert counted_rewrites(counted_rewrites({}, items[:2], "encoder"), items[2:], "encoder") == whole


def test_people_read_the_worst_first():
    """Styles, then the operators that miss most; what is not there is not said, and what is left out is counted."""
    counts = {
        "style:quiet": RewriteCounts(yes=1_200, passed=600, no=3, flagged=1),
        "operator:typos": RewriteCounts(yes=10, passed=1),
        "operator:unreal": RewriteCounts(no=4, flagged=2),
        "operator:euphemism": RewriteCounts(yes=10, passed=5, unknown=2),
    }
    assert rewrite_lines(counts, most=2) == [
        "style quiet: passed 600 of 1,200 yes, flagged 1 of 3 no",
        "operator euphemism: passed 5 of 10 yes, 2 of unknown label",
        "operator typos: passed 1 of 10 yes",
        "and 1 more, see --json",
    ]
    assert rewrite_lines(counts)[-1] == "operator unreal: flagged 2 of 4 no"
    assert rewrite_lines({}) == []
