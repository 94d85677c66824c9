"""How much scoring goes on at once."""

import asyncio

import pytest
from fastapi import HTTPException

from service import metrics as m
from service.admission import Admission
from service.config import ServerConfig
from service.metrics import Recorder


def admission(**limits):
    recorder = Recorder()
    return Admission(ServerConfig(**limits), recorder), recorder


def test_so_many_run_so_many_wait_and_the_next_is_refused():
    """With one running and one waiting allowed, the third is told to come back; then the second runs."""

    async def scenario():
        line, recorder = admission(max_ongoing_requests=1, max_queued_requests=1, retry_after_seconds=7)
        go, order = asyncio.Event(), []

        async def request(name):
            async with line.turn():
                order.append(name)
                await go.wait()

        tasks = [asyncio.create_task(request(name)) for name in ("first", "second")]
        await asyncio.sleep(0.02)
        with pytest.raises(HTTPException) as refused:
            await request("third")
        assert order == ["first"]
        go.set()
        await asyncio.gather(*tasks)
        assert order == ["first", "second"]
        assert recorder.value(m.REFUSED, reason="overloaded") == 1
        return refused.value

    error = asyncio.run(scenario())
    assert (error.status_code, error.headers["Retry-After"]) == (503, "7")


def test_a_request_that_takes_too_long_is_given_up_and_frees_its_place():
    """After its time a request ends with 503, and the next one gets its turn."""

    async def scenario():
        line, _ = admission(max_ongoing_requests=1, request_timeout_seconds=0.05)
        with pytest.raises(HTTPException) as refused:
            async with line.turn():
                await asyncio.sleep(5)
        async with line.turn():
            pass
        return refused.value

    assert asyncio.run(scenario()).status_code == 503
