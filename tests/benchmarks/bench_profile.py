"""Single texts over HTTP: the chosen Serve profile beside the plain one and beside Ray Serve without any setting.

Run by `make bench`. The member answers at once (a bag of words), so that the path to it is what is measured; the three
services run side by side and are asked in turns, so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_artifact
from live_service import LiveService

from ensemble.tasks.task import load_task
from ensemble.training import prepare

pytestmark = pytest.mark.service

CLIENTS = (1, 32)
REPEATS = 5
SECONDS = 3.0
TEXT = "He broke his arm when the ladder slid from the wall."
GENERATOR = Path(__file__).resolve().parents[1] / "support" / "load_generator.py"

DEFAULT = {"RAY_SERVE_USE_GRPC_BY_DEFAULT": "0", "RAY_SERVE_PROXY_USE_GRPC": "0", "RAY_SERVE_LOG_TO_STDERR": "1"}
"""Undoes what the plain profile sets: Ray Serve as it comes."""

PROFILES: dict[str, tuple[str, dict[str, str]]] = {
    "chosen": ("auto", {}),
    "plain": ("plain", {}),
    "Serve's default": ("plain", DEFAULT),
}
"""Name -> setting and variables."""


@pytest.fixture
def services(free_port, monkeypatch) -> Iterator[dict[str, LiveService]]:
    """One running service a profile, each with the one trivial member."""
    with ExitStack() as down:
        folder = Path(tempfile.mkdtemp(prefix="hj-bench-"))
        down.callback(shutil.rmtree, folder)
        prepared = trivial_member(folder / "prepared", monkeypatch)
        running = {}
        for number, (name, (profile, variables)) in enumerate(PROFILES.items()):
            place = folder / str(number)
            place.mkdir()
            live = LiveService(place, prepared, free_port(), config=f"server: {{profile: {profile}}}\n")
            live.environment |= variables
            down.callback(live.down)
            live.up()
            running[name] = live
        yield running


def trivial_member(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose artifact `hungjury up` takes for the prepared one."""
    monkeypatch.setenv("HUNGJURY_HOME", str(home))
    (home / "models").mkdir(parents=True)
    fingerprint = prepare._fingerprint(load_task("injury"), prepare.DEFAULT_MEMBERS, 0)
    tiny_artifact.make(members=("encoder",), fingerprint=fingerprint)
    return home


@pytest.mark.timeout(3600)
def test_single_texts(services):
    """The chosen profile answers at least as many single texts a second as the plain one, whatever the machine."""
    keys = {name: live.key("score", "bench") for name, live in services.items()}
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    stages: dict[int, dict[str, float]] = {}
    chosen = services["chosen"]
    with chosen.client(chosen.key("admin", "reader")) as reader:
        for clients in CLIENTS:
            for name, live in services.items():
                load(live, keys[name], clients)  # warm, and not counted
            before = totals(reader)
            for _ in range(REPEATS):
                for name, live in services.items():
                    turn = load(live, keys[name], clients)
                    found.setdefault((name, clients), []).append(turn)
                    print(f"  {clients} clients, {name}: {turn['rate']:.0f} requests/s", flush=True)
            stages[clients] = means(before, totals(reader))
    show(found, chosen.state["ray"]["profile"])
    show_stages(stages, {clients: middle(found["chosen", clients], "mean") for clients in CLIENTS})
    assert middle(found["chosen", max(CLIENTS)], "rate") > 0.9 * middle(found["plain", max(CLIENTS)], "rate")


def load(live: LiveService, key: str, clients: int) -> dict[str, float]:
    """What the load generator saw: verdicts a second, and milliseconds at the median, 99th percentile and mean.

    On a machine so busy that a process is silent for seconds, the service says 503 for it; that share is told as well.
    """
    command = [sys.executable, str(GENERATOR), str(live.port), key, str(clients), str(SECONDS), TEXT]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    took, refused = sorted(1000 * each for each in said["took"]), said["failed"]
    assert all(" 503 " in one.partition("\r\n")[0] for one in refused), refused[0]
    assert len(refused) < len(took), refused[0]
    return {
        "rate": (len(took) - len(refused)) / said["seconds"],
        "refused": len(refused) / len(took),
        "p50": took[len(took) // 2],
        "p99": took[min(len(took) - 1, int(0.99 * len(took)))],
        "mean": statistics.mean(took),
    }


def totals(reader: httpx.Client) -> dict[str, tuple[int, float]]:
    """Stage -> how many, and seconds in all, since the service started."""
    metrics: dict[str, list[dict[str, Any]]] = reader.get("/v1/metrics/summary").json()["metrics"]
    series = metrics.get("hungjury_stage_seconds", []) + metrics.get("hungjury_member_stage_seconds", [])
    return {" ".join(one["tags"].values()): (one["count"], one["count"] * one["mean"]) for one in series}


def means(before: dict[str, tuple[int, float]], after: dict[str, tuple[int, float]]) -> dict[str, float]:
    """Mean milliseconds of every stage between two readings."""
    parts = {name: (after[name][0] - count, after[name][1] - total) for name, (count, total) in before.items()}
    return {name: 1000 * total / count for name, (count, total) in parts.items() if count}


def middle(turns: list[dict[str, float]], what: str) -> float:
    """The median over the turns."""
    return statistics.median(turn[what] for turn in turns)


def show(found: dict[tuple[str, int], list[dict[str, float]]], profile: str) -> None:
    """Prints the table of the profiles."""
    print(f"\nsingle texts, trivial member, chosen = {profile}; median of {REPEATS} turns of {SECONDS:g} s,", end=" ")
    print(f"lowest to highest; {os.cpu_count()} cores")
    columns = ("requests/s", 11), ("range", 18), ("p50 ms", 9), ("p99 ms", 9), ("refused", 9), ("x default", 11)
    print(f"{'clients':>7}  {'profile':18}" + "".join(f"{label:>{width}}" for label, width in columns))
    for (name, clients), turns in found.items():
        rates = sorted(turn["rate"] for turn in turns)
        ratio = middle(turns, "rate") / middle(found["Serve's default", clients], "rate")
        spread = f"{rates[0]:.0f} to {rates[-1]:.0f}"
        print(f"{clients:7}  {name:18}{middle(turns, 'rate'):11.0f}{spread:>18}", end="")
        print(f"{middle(turns, 'p50'):9.2f}{middle(turns, 'p99'):9.2f}{middle(turns, 'refused'):9.1%}{ratio:11.2f}")


def show_stages(stages: dict[int, dict[str, float]], seen: dict[int, float]) -> None:
    """Prints where a request's time goes, from the service's own numbers; client and proxy are the rest."""
    print("\nwhere a request's time goes, chosen profile, mean milliseconds")
    print(f"{'stage':44}" + "".join(f"{f'{clients} clients':>12}" for clients in CLIENTS))
    rows = {
        "key, JSON, limits": "read",
        "waiting for a turn": "line",
        "asking the members": "members",
        "  of it: to the process and back": "encoder hop",
        "  of it: waiting for a forward pass": "encoder wait",
        "  of it: forward pass": "encoder forward",
        "joining": "join",
        "writing JSON": "write",
    }
    inside = {
        clients: sum(stages[clients][s] for s in ("read", "line", "members", "join", "write")) for clients in CLIENTS
    }
    rest = "".join(f"{seen[clients] - inside[clients]:12.3f}" for clients in CLIENTS)
    print(f"{'client, proxy, HTTP server (the rest)':44}{rest}")
    for label, stage in rows.items():
        print(f"{label:44}" + "".join(f"{stages[clients][stage]:12.3f}" for clients in CLIENTS))
    print(f"{'in all, as the client sees it':44}" + "".join(f"{seen[clients]:12.3f}" for clients in CLIENTS))
