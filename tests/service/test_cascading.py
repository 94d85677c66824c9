"""The cascade in the service: who is asked, what verdicts say of it, and the numbers about it."""

import asyncio

import numpy as np
import pytest
import tiny_artifact

from ensemble.calibration import sigmoid
from ensemble.errors import ArtifactError, InputError
from ensemble.panel import fit_joint
from ensemble.scorer import Member
from ensemble.text import Text, identity
from service import metrics as m
from service.cascading import Gate, gate_of
from service.config import CascadeConfig
from service.metrics import Recorder
from service.panel import Group, GroupRefusal, GroupScores, ServicePanel

CHEAP = (Member("encoder", "encoder", "e" * 12),)
LANGUAGE = (Member("judge", "judge", "a" * 12), Member("probe", "probe", "b" * 12))
MEMBERS = {"encoder": CHEAP, "language_model": LANGUAGE}
NAMES = ("encoder", "judge", "probe")


@pytest.fixture(scope="module")
def joint():
    """A rule fitted on numbers in which every member is somewhat right."""
    rng = np.random.default_rng(0)
    labels = (rng.random(600) < 0.3).astype(float)
    noisy = sigmoid(labels[:, None] * 5 - 3 + rng.normal(0, 1.5, (600, 3)))
    return fit_joint(noisy, labels, members=NAMES, deployed="encoder")


def number(text):
    """P(yes) that a text asks for: the number it ends with."""
    return float(text.rsplit(" ", 1)[-1])


class Asked:
    """A group whose members say what the text asks for; keeps what it was asked."""

    def __init__(self, members, answer=None, seconds=0.0):
        self.members, self.answer, self.seconds = members, answer, seconds
        self.texts = []

    async def __call__(self, texts):
        await asyncio.sleep(self.seconds)
        self.texts += [text for text, _ in texts]
        if isinstance(self.answer, GroupRefusal):
            return self.answer
        column = [self.answer or number(text) for text, _ in texts]
        return GroupScores(np.tile(np.array(column)[:, None], len(self.members)), self.members, 0.0, (len(texts),))


def build(joint, language, encoder=None, deadline=5.0, **settings):
    """A panel with a cascade, and what counts for it."""
    recorder = Recorder()
    given = {"enabled": True, "audit_share": 1e-9, **settings}
    groups = [
        Group("encoder", CHEAP, deadline, encoder or Asked(CHEAP)),
        Group("language_model", LANGUAGE, deadline, language),
    ]
    return ServicePanel(groups, joint, recorder, Gate(CascadeConfig(**given), joint, MEMBERS)), recorder


def verdicts(panel, *texts):
    return asyncio.run(panel.verdicts([(text, "") for text in texts]))


def test_only_texts_on_which_it_can_matter_reach_the_expensive_group(joint):
    """A text at the threshold is given to the judge; one that passes or is flagged for sure is not."""
    language = Asked(LANGUAGE)
    panel, recorder = build(joint, language)
    sure, edge, flagged = verdicts(panel, "sure 0.00001", "edge 0.5", "flagged 0.99999")
    assert language.texts == ["edge 0.5"]
    assert (set(sure.members), sure.skipped) == ({"encoder"}, ["judge", "probe"])
    assert (set(edge.members), edge.skipped) == (set(NAMES), [])
    assert (sure.decision, edge.decision, flagged.decision) == ("pass", "flag", "flag")
    assert not any(verdict.degraded or verdict.review for verdict in (sure, edge, flagged))
    assert (sure.asked_probability, edge.asked_probability) == (1e-9, 1.0)
    assert [recorder.value(m.TEXTS, member=name) for name in NAMES] == [3, 1, 1]
    assert [recorder.value(m.CASCADE_SAVED, member=name) for name in NAMES] == [0, 2, 2]
    assert recorder.value(m.VERDICTS, decision="pass", degraded="false") == 1


def test_a_skipped_verdict_is_that_of_the_members_asked(joint):
    """Posterior, decision and miss score come from the rule of the members that answered."""
    panel, _ = build(joint, Asked(LANGUAGE))
    verdict = verdicts(panel, "sure 0.00001")[0]
    expected = joint.join(["x"], np.array([[0.00001, np.nan, np.nan]]), panel.members)[0]
    assert verdict.probability == verdict.miss_score == expected.probability


def test_everything_is_asked_at_tolerance_zero(joint):
    """With no tolerance the cascade changes nothing but the order of asking."""
    panel, recorder = build(joint, Asked(LANGUAGE), tolerance=0.0)
    alone = ServicePanel(panel.groups, joint, Recorder())
    texts = ["a 0.00001", "b 0.5", "c 0.99999"]
    assert verdicts(panel, *texts) == verdicts(alone, *texts)
    assert recorder.value(m.CASCADE_TEXTS, outcome="needed") == 3


def test_nothing_is_asked_of_an_expensive_group_that_no_text_needs(joint):
    """A request of sure texts does not wait for the judge at all."""
    language = Asked(LANGUAGE, seconds=60)
    panel, recorder = build(joint, language)
    assert verdicts(panel, "sure 0.00001")[0].skipped == ["judge", "probe"]
    assert recorder.value(m.FAILURES, group="language_model", reason="deadline") == 0


def test_an_expensive_group_that_fails_degrades_only_what_was_given_to_it(joint):
    """Needed texts are flagged for want of the judge; texts that did without it pass as before."""
    panel, recorder = build(joint, Asked(LANGUAGE, GroupRefusal("unavailable", "it is gone")))
    sure, edge = verdicts(panel, "sure 0.00001", "edge 0.45")
    assert (sure.degraded, sure.skipped, sure.decision) == ([], ["judge", "probe"], "pass")
    assert (edge.degraded, edge.skipped, edge.decision) == (["judge", "probe"], [], "flag")
    assert recorder.value(m.FAILURES, group="language_model", reason="unavailable") == 1


def test_without_a_cheap_group_everybody_else_is_asked(joint):
    """Where a cheap member fails nothing can be foretold, so the judge gets every text."""
    language = Asked(LANGUAGE)
    panel, _ = build(joint, language, encoder=Asked(CHEAP, GroupRefusal("down", "it is gone")))
    verdict = verdicts(panel, "sure 0.00001")[0]
    assert language.texts == ["sure 0.00001"]
    assert (verdict.degraded, verdict.skipped, verdict.decision) == (["encoder"], [], "flag")
    assert verdict.asked_probability == 1.0


def test_the_deadline_counts_from_the_start_of_the_request(joint):
    """A group that is asked second has only what is left of its time."""
    panel, recorder = build(joint, Asked(LANGUAGE, seconds=0.35), encoder=Asked(CHEAP, seconds=0.35), deadline=0.5)
    assert verdicts(panel, "edge 0.5")[0].degraded == ["judge", "probe"]
    assert recorder.value(m.FAILURES, group="language_model", reason="deadline") == 1


def test_audited_texts_are_asked_with_the_stated_probability_and_always_alike(joint):
    """A share of what could be skipped is asked all the same, the same texts each time."""
    panel, recorder = build(joint, Asked(LANGUAGE), audit_share=0.2)
    texts = [f"text {i} 0.00001" for i in range(1000)]
    first, again = verdicts(panel, *texts), verdicts(panel, *texts)
    assert first == again
    audited = [verdict for verdict in first if not verdict.skipped]
    assert len(audited) == pytest.approx(200, abs=50)
    assert {verdict.asked_probability for verdict in first} == {0.2}
    assert recorder.value(m.CASCADE_TEXTS, outcome="audited") == 2 * len(audited)
    assert recorder.value(m.CASCADE_TEXTS, outcome="skipped") == 2 * (1000 - len(audited))


def test_the_callers_id_does_not_change_the_draw(joint):
    """The draw goes by the text's identity, whatever the caller calls it."""
    language = Asked(LANGUAGE)
    panel, _ = build(joint, language, audit_share=0.5)
    texts = [(f"text {i} 0.00001", "") for i in range(40)]
    plain = asyncio.run(panel.verdicts(texts))
    named = asyncio.run(panel.verdicts(texts, [f"mine {i}" for i in range(40)]))
    assert [verdict.skipped for verdict in plain] == [verdict.skipped for verdict in named]
    assert {verdict.id for verdict in plain} == {identity(text) for text, _ in texts}


def test_what_was_missed_is_told_from_the_audited(joint):
    """A judge that is sure of what all others pass shows: decisions and priorities lost, weighted by the share."""
    panel, recorder = build(joint, Asked(LANGUAGE, 0.999999), audit_share=0.25)
    texts = [f"text {i} 0.00001" for i in range(400)]
    audited = sum(not verdict.skipped for verdict in verdicts(panel, *texts))
    assert recorder.value(m.CASCADE_MISSED, what="decision") == audited / 0.25
    assert recorder.value(m.CASCADE_MISSED, what="priority") == audited / 0.25
    assert recorder.value(m.CASCADE_MISSED_SHARE, what="decision") == 1.0
    assert 0.5 < recorder.value(m.CASCADE_MISSED_SHARE, what="posterior") < 1.0


def test_a_judge_that_agrees_misses_nothing(joint):
    """Where audited texts come out the same, the share missed is 0 and is there to be seen."""
    panel, recorder = build(joint, Asked(LANGUAGE), audit_share=0.25)
    verdicts(panel, *[f"text {i} 0.00001" for i in range(400)])
    shown = recorder.snapshot()["metrics"]["hungjury_cascade_missed_share"]
    assert {one["tags"]["what"] for one in shown} == {"decision", "posterior", "priority"}
    assert recorder.value(m.CASCADE_MISSED_SHARE, what="decision") == 0
    assert recorder.value(m.CASCADE_MISSED_SHARE, what="posterior") < 0.05


def test_settings_that_do_not_fit_the_panel_are_refused(joint):
    """No expensive group on the panel, or the deployed member among them: said with the setting's name."""
    with pytest.raises(InputError, match="none of these groups is on the panel, which has encoder, language_model"):
        Gate(CascadeConfig(enabled=True, expensive=("remote_judge",)), joint, MEMBERS)
    with pytest.raises(InputError, match=r"cascade\.expensive: .*deployed member 'encoder'"):
        Gate(CascadeConfig(enabled=True, expensive=("encoder",)), joint, MEMBERS)


def test_off_is_the_default_and_needs_nothing(joint):
    """Unless it is enabled there is no gate, and an older panel is served as before."""
    older = joint.model_copy(update={"sample": ()})
    assert gate_of(CascadeConfig(), older, MEMBERS) is None
    with pytest.raises(ArtifactError, match="prepare --force"):
        gate_of(CascadeConfig(enabled=True), older, MEMBERS)


def test_real_scorers_behind_the_gate(tmp_path, monkeypatch):
    """With scorers loaded from an artifact, the keyword member is spared where the encoder suffices."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    artifact = tiny_artifact.make()
    members = {group: artifact.members(group) for group in artifact.groups}
    texts = [("He broke his arm, then he shot and broke it.", ""), ("They drank tea.", "")]

    def asker(scorer):
        async def ask(given):
            return GroupScores(scorer.score([Text(*text) for text in given]), scorer.members, 0.0, (len(given),))

        return ask

    scorers = {group: artifact.load_scorer(group) for group in artifact.groups}
    groups = [Group(name, scorer.members, 10.0, asker(scorer)) for name, scorer in scorers.items()]
    found = {}
    for tolerance in (0.0, 0.6):
        settings = CascadeConfig(enabled=True, tolerance=tolerance, audit_share=1e-9, expensive=("keyword",))
        panel = ServicePanel(groups, artifact.joint, Recorder(), Gate(settings, artifact.joint, members))
        found[tolerance] = asyncio.run(panel.verdicts(texts))
    for scorer in scorers.values():
        scorer.close()
    assert [verdict.skipped for verdict in found[0.0]] == [[], []]
    assert [verdict.skipped for verdict in found[0.6]] == [["keyword"], ["keyword"]]
    assert [v.decision for v in found[0.0]] == [v.decision for v in found[0.6]]
