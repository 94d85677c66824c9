"""Fanning out to the member groups and joining what comes back in time."""

import asyncio
import time

import numpy as np
import pytest

from ensemble.errors import ArtifactError
from ensemble.panel import Joint, fit_joint
from ensemble.scorer import Member
from service import metrics as m
from service.errors import NoAnswerError
from service.metrics import Recorder
from service.panel import Group, GroupRefusal, GroupScores, ServicePanel

ENCODER = (Member("encoder", "encoder", "e" * 12),)
LANGUAGE = (Member("judge", "judge", "a" * 12), Member("probe", "probe", "b" * 12))
NAMES = ("encoder", "judge", "probe")


@pytest.fixture(scope="module")
def joint():
    """A rule fitted on numbers in which every member is somewhat right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300).astype(float)
    noisy = 1 / (1 + np.exp(-(labels[:, None] * 4 - 2 + rng.normal(0, 1.5, (300, 3)))))
    return fit_joint(noisy, labels, members=NAMES, deployed="encoder")


def answering(members, value, seconds=0.0):
    """A group that gives every text the same probability after some time."""

    async def ask(texts):
        await asyncio.sleep(seconds)
        return GroupScores(np.full((len(texts), len(members)), value), members, 0.01, (len(texts),))

    return ask


def refusing(reason):
    async def ask(_):
        return GroupRefusal(reason, f"it is {reason}")

    return ask


async def failing(_):
    raise ConnectionError("the process is gone")


def build(joint, encoder, language, deadline=5.0):
    recorder = Recorder()
    groups = [Group("encoder", ENCODER, deadline, encoder), Group("language_model", LANGUAGE, deadline, language)]
    return ServicePanel(groups, joint, recorder), recorder


def test_all_groups_answer_at_the_same_time(joint):
    """The groups are asked at once, so that the slowest alone decides how long it takes."""
    panel, _ = build(joint, answering(ENCODER, 0.9, 0.5), answering(LANGUAGE, 0.8, 0.5))
    started = time.perf_counter()
    verdicts = asyncio.run(panel.verdicts([("a", ""), ("b", "c")], ["x", None]))
    assert time.perf_counter() - started < 0.95
    assert verdicts[0].id == "x"
    assert len(verdicts[1].id) == 32
    assert set(verdicts[0].members) == set(NAMES)
    assert verdicts[0].degraded == []


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (refusing("overloaded"), "overloaded"),
        (refusing("unavailable"), "unavailable"),
        (failing, "failed"),
        (answering(LANGUAGE, 0.01, 60), "deadline"),
        (answering(LANGUAGE[:1], 0.01), "failed"),
        (answering(LANGUAGE, float("nan")), "failed"),
    ],
)
def test_a_missing_group_degrades_and_flags(joint, ask, reason):
    """However a group fails, its members are named as missing and the text is flagged; the reason is counted."""
    panel, recorder = build(joint, answering(ENCODER, 0.01), ask, deadline=0.2)
    verdict = asyncio.run(panel.verdicts([("a", "")]))[0]
    assert verdict.degraded == ["judge", "probe"]
    assert (verdict.decision, verdict.review) == ("flag", True)
    assert set(verdict.members) == {"encoder"}
    assert recorder.value(m.FAILURES, group="language_model", reason=reason) == 1
    assert recorder.value(m.VERDICTS, decision="flag", degraded="true") == 1


def test_no_group_means_no_verdict(joint):
    """Where no group answers there is no verdict at all, and the error says why."""
    panel, _ = build(joint, refusing("overloaded"), failing)
    with pytest.raises(NoAnswerError, match=r"encoder: it is overloaded.*language_model: ConnectionError"):
        asyncio.run(panel.verdicts([("a", "")]))


def test_a_group_that_is_down_is_not_waited_for(joint):
    """A group known to be down is left out at once; one that goes down while asked is left out then."""

    async def scenario():
        panel, _ = build(joint, answering(ENCODER, 0.5), answering(LANGUAGE, 0.5, 60), deadline=30)
        language = panel.groups[1]
        asked = asyncio.create_task(panel.verdicts([("a", "")]))
        await asyncio.sleep(0.05)
        language.down.set()
        async with asyncio.timeout(5):
            assert (await asked)[0].degraded == ["judge", "probe"]
            assert (await panel.verdicts([("a", "")]))[0].degraded == ["judge", "probe"]

    asyncio.run(scenario())


def test_giving_up_a_request_gives_up_its_calls(joint):
    """A caller who goes away takes the groups' work along."""
    given_up = []

    async def slow(_):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    async def scenario():
        panel, _ = build(joint, slow, slow)
        asked = asyncio.create_task(panel.verdicts([("a", "")]))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert given_up == [True, True]


def test_probing_notes_the_first_answer(joint):
    """A group counts as having answered once it has scored a text, not before."""

    async def scenario():
        panel, _ = build(joint, answering(ENCODER, 0.5), refusing("unavailable"))
        for group in panel.groups:
            await panel.probe(group)
        return [group.answered for group in panel.groups]

    assert asyncio.run(scenario()) == [True, False]


def test_texts_and_batches_are_counted_by_member(joint):
    """Scoring counts texts by member, passes by group and verdicts by decision."""
    panel, recorder = build(joint, answering(ENCODER, 0.9), answering(LANGUAGE, 0.9))
    asyncio.run(panel.verdicts([("a", ""), ("b", "")]))
    assert [recorder.value(m.TEXTS, member=name) for name in NAMES] == [2, 2, 2]
    assert recorder.value(m.VERDICTS, decision="flag", degraded="false") == 2
    snapshot = recorder.snapshot()["metrics"]
    assert snapshot["hungjury_batch_texts"][0]["mean"] == 2
    assert snapshot["hungjury_disagreement"][0]["count"] == 2


def test_panel_and_members_must_fit(joint):
    """A rule fitted for other members is refused when the panel is built."""
    with pytest.raises(ArtifactError, match="fitted for"):
        ServicePanel([Group("encoder", ENCODER, 1.0, answering(ENCODER, 0.5))], joint, Recorder())


def test_joint_survives_the_way_to_another_process(joint):
    """The rule is the same after serialisation."""
    assert Joint.model_validate_json(joint.model_dump_json()) == joint


def test_every_second_of_a_group_has_its_stage(joint):
    """Hop, wait and forward pass add up to what asking the group took; fan-out and join are noted apart."""

    async def ask(texts):
        await asyncio.sleep(0.05)
        return GroupScores(np.full((len(texts), 1), 0.9), ENCODER, 0.01, (1,), forward_seconds=0.01, wait_seconds=0.02)

    panel, recorder = build(joint, ask, answering(LANGUAGE, 0.9))
    asyncio.run(panel.verdicts([("a", "")]))
    metrics = recorder.snapshot()["metrics"]
    parts = {tuple(one["tags"].values()): one["mean"] for one in metrics["hungjury_member_stage_seconds"]}
    whole = {one["tags"]["group"]: one["mean"] for one in metrics["hungjury_member_seconds"]}
    assert (parts["encoder", "forward"], parts["encoder", "wait"]) == (0.01, 0.02)
    assert sum(part for (group, _), part in parts.items() if group == "encoder") == pytest.approx(whole["encoder"])
    stages = {one["tags"]["stage"]: one["mean"] for one in metrics["hungjury_stage_seconds"]}
    assert set(stages) == {"members", "join"}
    assert stages["members"] >= whole["encoder"]
