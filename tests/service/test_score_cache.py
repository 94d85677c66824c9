"""Repeated texts: answered without a forward pass, with the same numbers, never with another text's."""

import asyncio
import threading
import tracemalloc

import numpy as np
import pytest
import tiny_artifact
from hypothesis import given
from hypothesis import strategies as st
from length_scorer import Lengths

from ensemble.errors import MemberUnavailableError
from ensemble.scorer import Member
from ensemble.text import Text
from service import metrics as m
from service.batching import Batcher
from service.config import GroupConfig
from service.deployments.scorer import ScorerReplica
from service.metrics import Recorder
from service.panel import Group, GroupRefusal, ServicePanel
from service.score_cache import ScoreCache, submit

MEMBERS = (Member("a", "keyword", "1" * 12), Member("b", "probe", "2" * 12))


class World:
    """A scorer, the cache before it, and the batcher between them."""

    def __init__(self, texts=100, **settings):
        self.scorer = Lengths()
        self.cache = ScoreCache(self.scorer, MEMBERS, texts=texts)
        self.batcher = Batcher(self.cache.score, **settings)

    async def ask(self, *texts):
        found, use = await submit(self.cache, self.batcher, [Text(text) for text in texts])
        return found.scores[:, 0].tolist(), use


def run(scenario, **settings):
    """Runs a scenario on a fresh world with a time limit."""

    async def limited():
        world = World(**settings)
        async with asyncio.timeout(20):
            try:
                return await scenario(world)
            finally:
                world.scorer.go.set()
                world.batcher.close()

    return asyncio.run(limited())


def test_a_repeat_costs_no_pass_and_gives_the_same_rows():
    """Known texts are answered from memory, in request order, beside new ones that alone are scored."""

    async def scenario(world):
        assert (await world.ask("a", "bbb"))[0] == [1, 3]
        rows, use = await world.ask("bbb", "cc", "a", "bbb")
        assert rows == [3, 2, 1, 3]
        assert (use.hits, use.misses, use.entries) == (3, 1, 3)
        assert world.scorer.passes == [["a", "bbb"], ["cc"]]

    run(scenario)


def test_a_known_text_does_not_wait_for_the_pass_under_way():
    """What is known is answered at once while the scorer is busy with something else."""

    async def scenario(world):
        await world.ask("known")
        world.scorer.go.clear()
        other = asyncio.create_task(world.ask("other"))
        await asyncio.sleep(0.02)
        assert (await world.ask("known"))[0] == [5]
        assert not other.done()
        world.scorer.go.set()
        await other

    run(scenario)


def test_requests_at_the_same_time_share_one_computation():
    """A text under way, waiting, or twice in a request is scored once, whoever asks for it."""

    async def scenario(world):
        world.scorer.go.clear()
        first = asyncio.create_task(world.ask("same", "first"))
        await asyncio.sleep(0.02)
        others = [asyncio.create_task(world.ask("same", "same", "later")) for _ in range(3)]
        await asyncio.sleep(0.02)
        world.scorer.go.set()
        assert [(await one)[0] for one in [first, *others]] == [[4, 5], *[[4, 4, 5]] * 3]
        assert world.scorer.passes == [["same", "first"], ["later"]]

    run(scenario)


def test_a_failed_pass_keeps_nothing_and_harms_only_its_own_request():
    """After a failure the texts are scored again; the good ones packed with a bad one are answered."""

    async def scenario(world):
        world.scorer.go.clear()
        busy = asyncio.create_task(world.ask("busy"))
        await asyncio.sleep(0.02)
        bad = asyncio.create_task(world.ask("poison", "shared"))
        good = asyncio.create_task(world.ask("shared"))
        await asyncio.sleep(0.02)
        world.scorer.go.set()
        assert (await good)[0] == [6]
        with pytest.raises(MemberUnavailableError, match="cannot digest"):
            await bad
        with pytest.raises(MemberUnavailableError, match="endpoint down"):
            await world.ask("down", "beside")
        await busy
        assert world.cache.entries == 2  # busy and shared
        passes = len(world.scorer.passes)
        assert (await world.ask("beside"))[0] == [6]
        assert len(world.scorer.passes) == passes + 1

    run(scenario)


def test_an_abandoned_request_leaves_what_it_has_scored():
    """A request given up between two passes has not wasted the first: asked again, it goes on behind it."""

    async def scenario(world):
        world.scorer.go.clear()
        asked = asyncio.create_task(world.ask("a", "bb", "ccc", "dddd"))
        await asyncio.sleep(0.02)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        world.scorer.go.set()
        assert (await world.ask("a", "bb", "ccc", "dddd"))[0] == [1, 2, 3, 4]
        assert sorted(text for texts in world.scorer.passes for text in texts) == ["a", "bb", "ccc", "dddd"]

    run(scenario, max_batch_size=2)


def test_a_row_that_is_no_number_is_not_kept():
    """A member that gave nan is asked again next time."""
    cache = ScoreCache(Lengths(), MEMBERS, texts=10)
    assert np.isnan(cache.score([Text("nan"), Text("fine")])[0, 1])
    assert cache.entries == 1


def test_scores_of_the_wrong_shape_are_refused():
    """Rows that cannot be told apart are an error, not an answer."""
    cache = ScoreCache(lambda texts: np.zeros((len(texts), 1)), MEMBERS, texts=10)
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        cache.score([Text("x")])


def test_the_least_recently_used_goes_first():
    """At the bound the text goes that was asked for longest ago."""

    async def scenario(world):
        await world.ask("a")
        await world.ask("bb")
        await world.ask("a")
        await world.ask("ccc")
        assert world.cache.entries == 2
        assert (await world.ask("a"))[1].hits == 1
        assert (await world.ask("bb"))[1].hits == 0

    run(scenario, texts=2)


def test_more_texts_than_fit_are_all_answered():
    """A request larger than the cache still gets all its rows."""

    async def scenario(world):
        texts = ["x" * n for n in range(1, 30)]
        assert (await world.ask(*texts))[0] == list(range(1, 30))
        assert (await world.ask(*texts[::-1]))[0] == list(range(1, 30))[::-1]
        assert world.cache.entries == 3

    run(scenario, texts=3, max_batch_size=4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Text("he fell"), Text("he  fell")),
        (Text("he fell"), Text("He fell")),
        (Text("\u00e9"), Text("e\u0301")),
        (Text("b", "a"), Text("ab")),
        (Text("bc", "a"), Text("c", "ab")),
        (Text("a", "b"), Text("b", "a")),
    ],
)
def test_texts_that_a_member_reads_differently_are_kept_apart(one, other):
    """Spacing, case, Unicode form and the place of the context count, also where the identity is the same."""
    cache = ScoreCache(Lengths(), MEMBERS, texts=10)
    assert cache.key(one) != cache.key(other)


@given(st.text(), st.text(), st.text(), st.text())
def test_keys_are_equal_only_for_equal_texts(text, context, other_text, other_context):
    """Whatever stands in them, lone surrogates too."""
    cache = ScoreCache(Lengths(), MEMBERS, texts=10)
    same = (text, context) == (other_text, other_context)
    assert (cache.key(Text(text, context)) == cache.key(Text(other_text, other_context))) == same


def test_keys_depend_on_the_members_versions():
    """A new version of any member knows nothing of the old one's answers."""
    newer = (MEMBERS[0], Member("b", "probe", "3" * 12))
    keys = {ScoreCache(Lengths(), members, texts=1).key(Text("x")) for members in (MEMBERS, newer, MEMBERS[:1])}
    assert len(keys) == 3


def test_an_entry_is_small_however_long_its_text():
    """A thousand texts of 20,000 characters take less than 400 kB."""
    cache = ScoreCache(lambda texts: np.random.default_rng(0).random((len(texts), 2)), MEMBERS, texts=5000)
    tracemalloc.start()
    try:
        for number in range(1000):
            cache.score([Text(f"{number} " + "x" * 20_000)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.entries == 1000
    assert held < 400_000


@pytest.fixture
def artifact():
    """Members that are bags of words, run by the real scorers."""
    return tiny_artifact.make()


def replica(artifact, group, cache_texts):
    settings = GroupConfig(cache_texts=cache_texts)
    return ScorerReplica(lambda: artifact.load_scorer(group), settings, artifact.members(group))


def test_a_replica_gives_the_same_scores_with_and_without(artifact):
    """The real encoder's numbers are equal to the last bit, the first time and the second."""
    texts = [("He broke his arm.", ""), ("Rain  fell.", ""), ("She shot him.", "At the gate.")]

    async def scenario():
        kept, plain = replica(artifact, "encoder", 100), replica(artifact, "encoder", 0)
        first, second, uncached = [await one.score(texts) for one in (kept, kept, plain)]
        assert first.scores.tobytes() == second.scores.tobytes() == uncached.scores.tobytes()
        assert (first.cache.hits, first.cache.misses) == (0, 3)
        assert (second.cache.hits, second.cache.misses, second.cache.entries) == (3, 0, 3)
        assert (second.batches, uncached.cache) == ((), None)

    asyncio.run(scenario())


def test_the_panel_counts_hits_misses_and_entries(artifact):
    """Verdicts from memory are the same verdicts, and each group's cache shows in the numbers."""

    async def scenario():
        replicas = {name: replica(artifact, name, 100) for name in artifact.groups}
        groups = [Group(name, artifact.members(name), 10.0, one.score) for name, one in replicas.items()]
        recorder = Recorder()
        panel = ServicePanel(groups, artifact.joint, recorder)
        texts = [("He broke his arm.", ""), ("She shot him a glance.", "")]
        assert await panel.verdicts(texts) == await panel.verdicts(texts)
        for name in artifact.groups:
            assert recorder.value(m.CACHE_HITS, group=name) == 2
            assert recorder.value(m.CACHE_MISSES, group=name) == 2
            assert recorder.value(m.CACHE_ENTRIES, group=name) == 2

    asyncio.run(scenario())


def test_an_overloaded_replica_still_answers_what_it_knows(artifact):
    """With the line full, known texts are answered and new ones refused."""

    async def scenario():
        settings = GroupConfig(cache_texts=10, max_queued=1, max_batch_size=1)
        one = ScorerReplica(lambda: artifact.load_scorer("encoder"), settings, artifact.members("encoder"))
        await one.score([("known", "")])
        started, go = threading.Event(), threading.Event()
        held = asyncio.create_task(one._batcher.run(lambda: started.set() or go.wait(10)))
        await asyncio.to_thread(started.wait, 10)
        waiting = [asyncio.create_task(one.score([(f"new {n}", "")])) for n in range(3)]
        await asyncio.sleep(0.05)
        assert (await one.score([("known", "")])).cache.hits == 1
        go.set()
        answers = await asyncio.gather(*waiting)
        assert any(isinstance(answer, GroupRefusal) and answer.reason == "overloaded" for answer in answers)
        await held

    asyncio.run(scenario())
