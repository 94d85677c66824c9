"""Raters over HTTP, who keep account of all that was acknowledged to them."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Body = dict[str, Any]
Opinion = Callable[[Mapping[str, Any]], Body]
"""What a rater says of a lease: the body of the answer."""

GIVE_UP_SECONDS = 120.0
"""Longest that one request is repeated while the service is away."""


@dataclass
class Rater:
    """One rater, with everything that the service ever told them.

    Attributes:
        leased: items in the order in which they were given out.
        acknowledged: (item, answer id, body) of every answer that was acknowledged.
        heard: every response to this rater.
        repeats: requests that had to be repeated, by what was wrong.
        answered_at: when the last answer was acknowledged, by the monotonic clock.
    """

    client: httpx.Client
    opinion: Opinion
    leased: list[str] = field(default_factory=list)
    acknowledged: list[tuple[str, str, Body]] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)
    answered_at: float = 0.0

    def work(self, count: int = 1) -> int:
        """Takes up to `count` items and answers them; how many there were."""
        given = self._post("/v1/leases", {"count": count}, {"Idempotency-Key": uuid.uuid4().hex})["leases"]
        self.leased += [lease["item_id"] for lease in given]
        for lease in given:
            self._answer(lease)
        return len(given)

    def work_until_empty(self, count: int = 4) -> None:
        """Answers until nothing is due for this rater."""
        while self.work(count):
            pass

    def _answer(self, lease: Mapping[str, Any]) -> None:
        body = self.opinion(lease)
        receipt = self._post(f"/v1/leases/{lease['lease_id']}/answer", body)
        self.answered_at = time.monotonic()
        self.acknowledged.append((receipt["item_id"], receipt["answer_id"], body))

    def _post(self, path: str, body: Body, headers: Mapping[str, str] | None = None) -> Any:
        """Repeats a request while the service is away, as both requests allow; any other refusal is an error."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                response = self.client.post(path, json=body, headers=headers)
            except httpx.TransportError as error:
                wrong = type(error).__name__
            else:
                if response.status_code == httpx.codes.OK:
                    self.heard.append(response.json())
                    return self.heard[-1]
                assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
                assert response.headers["Retry-After"]
                wrong = "503"
            self.repeats[wrong] += 1
            assert time.monotonic() < deadline, f"{path}: {wrong} for {GIVE_UP_SECONDS:g} s"
            time.sleep(0.2)


class Shift:
    """Several raters at work at once, each in a thread, until told to stop; a context manager.

    A rater who fails ends the shift with that failure.
    """

    def __init__(self, raters: list[Rater], *, pause: float) -> None:
        """Args: `raters`, and the pause in seconds between two items of one rater."""
        self.raters, self._pause = raters, pause
        self._stop, self._failures = threading.Event(), list[BaseException]()
        self._threads = [threading.Thread(target=self._work, args=(rater,)) for rater in raters]

    def __enter__(self) -> Shift:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if kind is None and self._failures:
            raise self._failures[0]

    def acknowledged(self) -> int:
        """Answers acknowledged so far; raises what a rater failed with."""
        if self._failures:
            raise self._failures[0]
        return sum(len(rater.acknowledged) for rater in self.raters)

    def answered_since(self, moment: float) -> bool:
        """Whether an answer was acknowledged after a moment of the monotonic clock."""
        self.acknowledged()
        return any(rater.answered_at > moment for rater in self.raters)

    def _work(self, rater: Rater) -> None:
        try:
            while not self._stop.wait(self._pause):
                rater.work()
        except BaseException as error:  # noqa: BLE001 (raised again in the test's own thread)
            self._failures.append(error)


def check_accounts(raters: Mapping[str, Rater], items: list[dict[str, Any]]) -> int:
    """Compares what raters were told with what is stored; how many acknowledged answers were found.

    Args:
        raters: by the id of their key.
        items: all items with their answers, as JSON.

    Raises:
        AssertionError: an acknowledged answer is missing or different, or an item went twice to one rater.
    """
    stored = {answer["answer_id"]: answer for item in items for answer in item["answers"]}
    for item in items:
        given = Counter(answer["rater"] for answer in item["answers"])
        assert set(given.values()) <= {1}, f"{item['new']['id']} was answered twice by one rater: {given}"
        assert item["new"]["gold"] or len(item["answers"]) <= item["new"]["needed"]
    found = 0
    for name, rater in raters.items():
        assert max(Counter(rater.leased).values(), default=0) <= 1, f"{name} was given an item twice"
        for item_id, answer_id, body in rater.acknowledged:
            answer = stored[answer_id]
            assert (answer["item_id"], answer["rater"]) == (item_id, name)
            assert {key: answer["body"][key] for key in body} == body
            found += 1
    return found
