"""Packing texts of concurrent requests into forward passes."""

import asyncio
import threading
import time

import pytest
from length_scorer import Lengths

from ensemble.errors import MemberUnavailableError
from ensemble.text import Text
from service.batching import Batcher
from service.errors import OverloadedError


def texts(*lengths):
    return [Text("x" * length) for length in lengths]


def run(scenario):
    """Runs a scenario in a fresh event loop with a time limit."""

    async def limited():
        async with asyncio.timeout(20):
            return await scenario()

    return asyncio.run(limited())


async def held(scorer, batcher):
    """Starts a pass of one text and holds it up, so that what follows has to wait."""
    scorer.go.clear()
    first = asyncio.create_task(batcher.submit(texts(1)))
    await asyncio.sleep(0.02)
    return first


def test_each_request_gets_its_own_rows_in_order():
    """Rows come back to the request and the place that their texts came from, whatever they were packed with."""

    async def scenario():
        batcher = Batcher(Lengths(), max_batch_size=4)
        lists = [[1, 2, 3, 4, 5, 6, 7], [8], [9, 10], [11, 12, 13, 14, 15]]
        answers = await asyncio.gather(*(batcher.submit(texts(*lengths)) for lengths in lists))
        assert [answer.scores[:, 0].tolist() for answer in answers] == lists
        assert [answer.scores[:, 1].tolist() for answer in answers] == [[-n for n in lengths] for lengths in lists]
        batcher.close()

    run(scenario)


def test_waiting_requests_share_a_pass():
    """Requests that come while a pass runs go into one pass together."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer, max_batch_size=8)
        first = await held(scorer, batcher)
        rest = [asyncio.create_task(batcher.submit(texts(n, n))) for n in (2, 3, 4)]
        await asyncio.sleep(0.02)
        scorer.go.set()
        answers = await asyncio.gather(first, *rest)
        assert [len(batch) for batch in scorer.passes] == [1, 6]
        assert answers[1].batches == (6,)
        batcher.close()

    run(scenario)


def test_one_text_is_not_held_up_by_a_long_list():
    """A lone text that comes after a long list is in the very next pass."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer, max_batch_size=4)
        first = await held(scorer, batcher)
        long = asyncio.create_task(batcher.submit(texts(*[7] * 40)))
        short = asyncio.create_task(batcher.submit(texts(9)))
        await asyncio.sleep(0.02)
        scorer.go.set()
        await short
        assert "x" * 9 in scorer.passes[1]
        assert not long.done()
        await asyncio.gather(first, long)
        assert all(len(batch) <= 4 for batch in scorer.passes)
        batcher.close()

    run(scenario)


def test_full_line_refuses_at_once():
    """Texts beyond the limit are refused without waiting, and those in line are still scored."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer, max_batch_size=2, max_queued=5)
        first = await held(scorer, batcher)
        waiting = asyncio.create_task(batcher.submit(texts(1, 2, 3)))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="limit is 5"):
            await batcher.submit(texts(1, 2, 3))
        scorer.go.set()
        assert len((await waiting).scores) == 3
        await first
        batcher.close()

    run(scenario)


def test_abandoned_request_is_not_scored():
    """A request that is given up while it waits costs no pass."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer, max_batch_size=4)
        first = await held(scorer, batcher)
        given_up = asyncio.create_task(batcher.submit(texts(5)))
        kept = asyncio.create_task(batcher.submit(texts(6)))
        await asyncio.sleep(0.02)
        given_up.cancel()
        scorer.go.set()
        await asyncio.gather(first, kept)
        assert scorer.passes[1:] == [["xxxxxx"]]
        batcher.close()

    run(scenario)


@pytest.mark.parametrize(("text", "said"), [("poison", "cannot digest"), ("unspeakable", "refuses to read")])
def test_a_poisonous_text_harms_only_its_own_request(text, said):
    """Where a pass fails over a text, its requests are tried alone, so that one bad text costs the others nothing."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer, max_batch_size=8)
        first = await held(scorer, batcher)
        bad = asyncio.create_task(batcher.submit([Text(text)]))
        good = asyncio.create_task(batcher.submit(texts(3)))
        await asyncio.sleep(0.02)
        scorer.go.set()
        assert (await good).scores[0, 0] == 3
        with pytest.raises(MemberUnavailableError, match=said):
            await bad
        await first
        batcher.close()

    run(scenario)


def test_unavailable_member_is_not_tried_again():
    """A scorer that says it is down is believed by every request of the pass, and asked again by the next one."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer)
        with pytest.raises(MemberUnavailableError, match="endpoint down"):
            await batcher.submit([Text("down")])
        assert len(scorer.passes) == 1
        assert (await batcher.submit(texts(2))).scores[0, 0] == 2
        batcher.close()

    run(scenario)


def test_event_loop_goes_on_during_a_pass():
    """A forward pass runs beside the event loop, and how long it has run can be seen."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer)
        assert batcher.busy_seconds == 0
        first = await held(scorer, batcher)
        started = time.perf_counter()
        await asyncio.sleep(0.01)
        assert time.perf_counter() - started < 5
        assert batcher.busy_seconds > 0
        scorer.go.set()
        await first
        assert batcher.busy_seconds == 0
        batcher.close()

    run(scenario)


def test_other_work_runs_between_passes():
    """Work on the same model waits for its turn in the one thread."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer)
        first = await held(scorer, batcher)
        other = asyncio.create_task(batcher.run(lambda: (threading.current_thread().name, len(scorer.passes))))
        await asyncio.sleep(0.02)
        assert not other.done()
        scorer.go.set()
        name, passes = await other
        assert name.startswith("scorer")
        assert passes == 1
        await first
        batcher.close()

    run(scenario)


def test_closing_refuses_what_waits():
    """Closing ends the line with an error instead of leaving it hanging."""

    async def scenario():
        scorer = Lengths()
        batcher = Batcher(scorer)
        first = await held(scorer, batcher)
        waiting = asyncio.create_task(batcher.submit(texts(4)))
        await asyncio.sleep(0.02)
        batcher.close()
        with pytest.raises(MemberUnavailableError, match="shutting down"):
            await waiting
        scorer.go.set()
        first.cancel()

    run(scenario)


def test_an_empty_request_is_a_mistake():
    """A request without texts is refused instead of waiting for ever."""
    with pytest.raises(ValueError, match="at least one"):
        run(lambda: Batcher(Lengths()).submit([]))
