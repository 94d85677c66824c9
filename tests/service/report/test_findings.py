"""The sentences say what the numbers say, and what limits them."""

import pytest

from service.report.findings import findings


def test_the_sentences_hold_the_numbers(make_report):
    """Panel against the best member, misses, effective votes, capture against disagreement."""
    report = make_report()
    told = "\n".join(findings(report))
    best = max(report.members, key=lambda name: report.members[name].auc)
    assert f"panel's AUC is {report.panel.auc:.3f}" in told
    assert f"best member, {best}, at {report.members[best].auc:.3f}" in told
    deployed = report.members["encoder"]
    assert f"encoder passes {deployed.misses} of {deployed.positives} yes rows, FNR {deployed.fnr:.3f}" in told
    assert f"3 members are worth {report.independence.n_eff:.2f} independent votes" in told
    assert f"({report.independence.captured} of {report.independence.misses})" in told


@pytest.mark.parametrize(("label", "missing"), [(0, "labelled yes"), (1, "labelled no")])
def test_one_class_is_told_first(make_report, label, missing):
    """And nothing is said that it cannot show."""
    told = findings(make_report([label] * 40))
    assert missing in told[0]
    assert not any("panel's AUC" in sentence for sentence in told)


def test_too_few_no_rows_for_a_limit_are_told(make_report):
    """One of a hundred is not to be had from 30 rows."""
    told = findings(make_report([1] * 30 + [0] * 30))
    assert any("With 30 rows labelled no, an FPR of at most 1 % means none flagged" in sentence for sentence in told)
    assert not any("at most 5 %" in sentence for sentence in told)


def test_errors_that_are_too_few_to_compare_are_told(make_report):
    """A correlation over three errors is hardly known."""
    told = " ".join(findings(make_report([1, 0] * 10)))
    assert "Hardly known" in told or "cannot be said" in told


def test_one_member_has_nobody_to_disagree_with(make_report):
    """No sentence about votes."""
    assert not any("otes" in sentence for sentence in findings(make_report(names=("only",))))
