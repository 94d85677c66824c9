"""Ranking: what a text is worth, and the line that says why."""

import pytest

from miners.ranking import Weights, rank


def test_a_likely_miss_is_worth_more_than_a_likely_false_alarm(verdict):
    """With mirrored numbers, a text that the deployed member passes outranks one that it flags."""
    miss = rank(verdict({"encoder": 0.1, "judge": 0.9, "probe": 0.9}), "encoder")
    alarm = rank(verdict({"encoder": 0.9, "judge": 0.1, "probe": 0.1}), "encoder")
    assert miss.value > 3 * alarm.value > 0
    assert miss.deployed_passed
    assert not alarm.deployed_passed
    assert miss.parts["false_alarm"] == 0.0
    assert alarm.parts["miss_score"] == 0.0


def test_a_higher_posterior_of_a_miss_is_worth_more(verdict):
    """Without any vote against it, the numbers of the others still order passed texts."""
    values = [rank(verdict({"encoder": 0.1, "judge": p}), "encoder").value for p in (0.05, 0.2, 0.3, 0.45, 0.6)]
    assert values == sorted(values)
    assert len(set(values)) == 5


def test_the_value_follows_its_parts(verdict):
    """The value is the documented sum of its parts."""
    weights = Weights(miss=0.7, disagreement=0.3, false_alarm=0.5)
    passed = rank(verdict({"encoder": 0.2, "judge": 0.7}), "encoder", weights)
    assert passed.value == pytest.approx(0.7 * passed.parts["miss_score"] + 0.3 * passed.parts["disagreement"])
    flagged = rank(verdict({"encoder": 0.7, "judge": 0.2}), "encoder", weights)
    expected = 0.5 * (0.7 * (1 - flagged.parts["posterior"]) + 0.3 * flagged.parts["disagreement"])
    assert flagged.value == pytest.approx(expected)


WHY = [
    (
        {"encoder": 0.12, "judge": 0.91, "probe": 0.88, "keyword": 0.3},
        (),
        "encoder passes at 0.12, judge 0.91 and probe 0.88 say yes",
    ),
    (
        {"encoder": 0.12, "judge": 0.91, "probe": 0.2},
        (),
        "encoder passes at 0.12, judge 0.91 says yes, the judge says yes and its own activations no",
    ),
    (
        {"encoder": 0.12, "judge": 0.3, "probe": 0.9, "keyword": 0.2},
        (),
        "encoder passes at 0.12, probe 0.90 says yes, the judge says no and its own activations yes",
    ),
    (
        {"encoder": 0.9, "judge": 0.1, "probe": 0.3, "keyword": 0.2},
        (),
        "encoder flags at 0.90, probe 0.30, keyword 0.20 and judge 0.10 say no",
    ),
    ({"judge": 0.9, "probe": 0.8}, ("encoder",), "encoder did not answer, judge 0.90 and probe 0.80"),
    ({"encoder": 0.1, "judge": 0.8}, ("probe",), "encoder passes at 0.10, judge 0.80 says yes, probe did not answer"),
    ({}, ("encoder", "judge"), "encoder did not answer, judge did not answer"),
]


@pytest.mark.parametrize(("probabilities", "missing", "line"), WHY, ids=[line[:40] for _, _, line in WHY])
def test_the_reason_is_one_clear_line(verdict, probabilities, missing, line):
    """The reason names who passes or flags, who disagrees, and who did not answer."""
    assert rank(verdict(probabilities, degraded=missing), "encoder").why == line


def test_the_reason_for_agreement_names_the_highest(verdict):
    """Where all pass, the reason names the member that comes nearest to yes and the panel's posterior."""
    ranked = rank(verdict({"encoder": 0.1, "judge": 0.3, "probe": 0.05}), "encoder")
    assert ranked.why.startswith("encoder passes at 0.10, the others agree (highest judge 0.30), panel 0.1")
    assert ranked.unanimous_pass


def test_a_missing_member_is_marked_and_no_agreement(verdict):
    """A verdict that lacks a member is marked in its parts and never counts as agreement."""
    ranked = rank(verdict({"encoder": 0.1, "judge": 0.1}, degraded=("probe",)), "encoder")
    assert ranked.parts["missing_members"] == 1.0
    assert not ranked.unanimous_pass


def test_a_member_left_out_by_choice_is_told_and_no_lack(verdict):
    """A verdict for which a cascade spared a member can be agreement; reason and parts say what was not asked."""
    spared = verdict({"encoder": 0.1, "keyword": 0.05}).model_copy(
        update={"skipped": ["judge", "probe"], "asked_probability": 0.02}
    )
    ranked = rank(spared, "encoder")
    assert ranked.unanimous_pass
    assert (ranked.parts["missing_members"], ranked.parts["asked_probability"]) == (0.0, 0.02)
    assert ranked.why.endswith("judge and probe not asked")
