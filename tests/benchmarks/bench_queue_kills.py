"""Fifty raters at work over HTTP while the store and the service's processes are killed with -9 at random moments.

The real service with one member. Every answer that was acknowledged must be stored as it was given; items of raters
who vanished must be served again within a second of their lease's end, or of the end of the outage they ended in. That
takes somebody who asks: raters come back at random, but right after an outage, with their answers sent, nearly all of
them pause. So it is told as well how many of the late items were overtaken: others were leased meanwhile.

Environment:
    HUNGJURY_QUEUE_KILLS: how many (default 30).
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from keyword_service import Service, fitted_artifacts
from queue_items import queue_items
from raters import Rater, check_accounts

from miners.queue.api_keys import KeyStore, RedisKeyRecords
from miners.queue.connect import Store

pytestmark = pytest.mark.shared_home

KILLS = int(os.environ.get("HUNGJURY_QUEUE_KILLS", "30"))
RATERS, PAUSE, ITEMS, LEASE_SECONDS = 50, 2.0, 20_000, 10.0
VANISHING = 0.1
"""Share of leases whose rater is not heard of again."""
_AT_ONCE = 0.1
"""Seconds within which it is not told who was first: clients note the time when the reply is there."""
TARGETS = {"store": 0.5, "ingress": 0.4, "supervisor": 0.1}
"""What is killed, and how often. With its supervisor the whole service goes, and is started again by hand."""


@dataclass
class Desk(Rater):
    """A rater who now and then vanishes with an item in hand, and is somebody who works on afterwards.

    Attributes:
        vanished: when the leases left behind end, by item.
        served: when each item was leased.
    """

    vanished: dict[str, float] = field(default_factory=dict)
    served: list[tuple[str, float]] = field(default_factory=list)
    rng: random.Random = field(default_factory=random.Random)

    def work(self, count: int = 1) -> int:
        """Takes an item, and answers it or vanishes."""
        body = {"count": count, "seconds": LEASE_SECONDS}
        given = self._post("/v1/leases", body, {"Idempotency-Key": uuid.uuid4().hex})["leases"]
        for lease in given:
            self.served.append((lease["item_id"], time.time()))
            if self.rng.random() < VANISHING:
                self.vanished[lease["item_id"]] = datetime.fromisoformat(lease["expires_at"]).timestamp()
            else:
                self.leased.append(lease["item_id"])
                with contextlib.suppress(AssertionError):  # 409: the lease ended while the service was away
                    self._answer(lease)
        return len(given)


def test_killed_again_and_again(free_port):
    """Prints what was killed, what was acknowledged and lost, and when items were served again."""
    with tempfile.TemporaryDirectory(prefix="hj-kills-") as name:
        folder = Path(name)
        service = Service(folder, free_port())
        service.prepare(fitted_artifacts(folder / "fitted"))
        service.up()
        try:
            _measure(service)
        finally:
            service.call("down")


def _measure(service: Service) -> None:
    with Store((service.home / "run" / "redis_url").read_text()) as store:
        store.queue("injury").enqueue(list(queue_items(0, ITEMS)))
        keys = KeyStore(RedisKeyRecords(store.client))
        made = [keys.create("label", f"rater {number}") for number in range(RATERS)]
    stop, desks, failures = threading.Event(), {}, []
    for number, (key, record) in enumerate(made):
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.Client(base_url=service.url, headers=headers, timeout=60)
        desks[record.id] = Desk(
            client, lambda lease: {"answer": "no", "note": lease["item_id"]}, rng=random.Random(number)
        )

    def work(desk: Desk) -> None:
        try:
            while not stop.wait(desk.rng.expovariate(1 / PAUSE)):
                desk.work()
        except BaseException as error:  # noqa: BLE001 (told at the end)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(desk,)) for desk in desks.values()]
    for thread in threads:
        thread.start()
    time.sleep(5)
    outages = [_kill(service, desks, random.Random(number)) for number in range(KILLS)]
    time.sleep(2 * LEASE_SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    for desk in desks.values():
        desk.client.close()
    assert not failures, failures
    _tell(service, desks, outages)


def _kill(service: Service, desks: dict[str, Desk], rng: random.Random) -> tuple[str, float, float]:
    """Kills one process and waits until leases are given again, and some seconds more; what, from when to when."""
    what = rng.choices(list(TARGETS), list(TARGETS.values()))[0]
    began = time.time()
    _victim(service, what).kill()
    if what == "supervisor":
        service.up()
    while max(desk.served[-1][1] for desk in desks.values() if desk.served) < began + 0.2:
        assert time.time() < began + 180, f"no lease within three minutes of killing the {what}"
        time.sleep(0.05)
    ended = min(moment for desk in desks.values() for _, moment in desk.served if moment > began + 0.2)
    time.sleep(rng.uniform(2, 8))
    return what, began, ended


def _victim(service: Service, what: str) -> psutil.Process:
    if what == "supervisor":
        return service.process
    sought = "valkey-server" if what == "store" else "ray::ServeReplica:hungjury:ingress"
    for _ in range(600):
        with contextlib.suppress(psutil.Error):
            for process in service.family():
                if " ".join(process.cmdline()).startswith(sought) or (what == "store" and sought in process.name()):
                    return process
        time.sleep(0.1)
    raise AssertionError(f"there is no {sought}")


def _tell(service: Service, desks: dict[str, Desk], outages: list[tuple[str, float, float]]) -> None:
    command = [sys.executable, "-m", "service.cli.main", "export", "items"]
    done = subprocess.run(command, env=service.environment, capture_output=True, text=True, check=True)
    items = [json.loads(line) for line in done.stdout.splitlines()]
    stored = {answer["answer_id"] for item in items for answer in item["answers"]}
    said = {answer for desk in desks.values() for _, answer, _ in desk.acknowledged}
    late = _waits(desks, outages)
    waits = sorted(served - due for due, served in late)
    overtaken = _overtaken(desks, [(due, served) for due, served in late if served > due + 1])
    kills = Counter(what for what, _, _ in outages)
    away = {what: [end - begin for kind, begin, end in outages if kind == what] for what in kills}
    repeats = sum((desk.repeats for desk in desks.values()), Counter())
    print(f"\n{sum(kills.values())} kills ({dict(kills)}) while {RATERS} raters work over HTTP")
    for what, seconds in away.items():
        print(f"  {what} killed: a lease again after {np.median(seconds):.1f} s (median), {max(seconds):.1f} s at most")
    print(
        f"  {len(said):,} answers acknowledged, {len(said - stored)} lost (target 0); requests repeated {dict(repeats)}"
    )
    print(
        f"  {len(waits)} items of vanished raters served again, {np.mean(np.array(waits) <= 1):.1%} within a second "
        f"of its end or the outage's; median {np.median(waits):.2f} s, the last {waits[-1]:.2f} s (target 1 s); "
        f"{overtaken} of the others overtaken"
    )
    assert check_accounts(desks, items) == len(said) > 0


def _waits(desks: dict[str, Desk], outages: list[tuple[str, float, float]]) -> list[tuple[float, float]]:
    """When each vanished rater's lease ended, or the outage in which it did, and when its item was leased again."""
    served: dict[str, list[float]] = {}
    for desk in desks.values():
        for item, moment in desk.served:
            served.setdefault(item, []).append(moment)
    found = []
    for desk in desks.values():
        for item, deadline in desk.vanished.items():
            due = max([deadline, *(end for _, begin, end in outages if begin - 0.5 <= deadline <= end)])
            later = [moment for moment in served[item] if moment >= deadline - 0.5]
            if due < time.time() - 2 * LEASE_SECONDS or later:
                found.append((due, max(due, min(later)) if later else time.time()))
    return found


def _overtaken(desks: dict[str, Desk], late: list[tuple[float, float]]) -> int:
    """How many late items had another leased between, that had not been left behind itself."""
    left = {item for desk in desks.values() for item in desk.vanished}
    moments = np.array([moment for desk in desks.values() for item, moment in desk.served if item not in left])
    return sum(bool(np.any((moments > due + _AT_ONCE) & (moments < served - _AT_ONCE))) for due, served in late)
