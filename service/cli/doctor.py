"""`doctor`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.cli.output import Json, mebibytes, printable, put, put_json
from service.cli.prepare import TaskName

MEMORY_BYTES = 6 * 2**30
"""What preparing and the running service take together, at most."""

DISK_BYTES = 3 * 2**30
"""What models, artifacts and some months of answers take."""

SHARED_BYTES = 128 * 2**20
"""Shared memory below which Ray keeps its objects on disk."""

FAST_INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8", "avx2", "asimd")


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    remedy: str = ""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


Measure = Annotated[
    bool, typer.Option("--measure", help="Measure how many threads and replicas the members should have here.")
]


def doctor(task: TaskName = "injury", measure: Measure = False, as_json: Json = False) -> None:
    """Check the machine, the models, the store and Ray, and say what to do. Exit 1 where something must be done."""
    if measure:
        _measure(task)
    checks: list[Callable[[], Finding]] = [
        _python,
        _cpu,
        _memory,
        _disk,
        _shared_memory,
        lambda: _models(task),
        _sizes,
        _ray,
        _store,
        _service,
    ]
    findings = [_safely(check) for check in checks]
    if as_json:
        put_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            put(f"{finding.state:8} {finding.name}: {printable(finding.found)}")
            if finding.remedy:
                put(f"{'':8} -> {printable(finding.remedy)}")
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)


def _safely(check: Callable[[], Finding]) -> Finding:
    """A check that breaks is a finding too; the others must still be heard."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 (whatever it is, the person who asks is told)
        return Finding("a check broke", "failed", f"{type(error).__name__}: {error}")


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()} in {sys.prefix}")


def _cpu() -> Finding:
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text(encoding="utf-8").split()) if info.is_file() else set()
    fast = [name for name in FAST_INSTRUCTIONS if name in flags]
    found = f"{os.cpu_count()} cores, {platform.machine()}, {', '.join(fast) or 'no fast instructions known'}"
    return Finding("processor", "ok", found)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{mebibytes(memory.available)} of {mebibytes(memory.total)} free"
    if memory.available < MEMORY_BYTES:
        return Finding("memory", "warning", found, f"preparing models and serving take up to {mebibytes(MEMORY_BYTES)}")
    return Finding("memory", "ok", found)


def _disk() -> Finding:
    from ensemble.home import home

    free = shutil.disk_usage(home()).free
    found = f"{mebibytes(free)} free in {home()}"
    if free < DISK_BYTES:
        remedy = f"free some; {mebibytes(DISK_BYTES)} are needed, or put HUNGJURY_HOME on another disk"
        return Finding("disk", "failed", found, remedy)
    return Finding("disk", "ok", found)


def _shared_memory() -> Finding:
    shared = Path("/dev/shm")  # noqa: S108 (only its size is looked at)
    if not shared.is_dir():
        return Finding("shared memory", "ok", "none on this system; Ray keeps objects on disk")
    free = shutil.disk_usage(shared).free
    if free < SHARED_BYTES:
        return Finding(
            "shared memory", "warning", f"{mebibytes(free)} free", "start the container with --shm-size=256m"
        )
    return Finding("shared memory", "ok", f"{mebibytes(free)} free")


def _models(task: str) -> Finding:
    from ensemble.artifacts import current_artifact
    from ensemble.errors import ArtifactError
    from ensemble.tasks.task import load_task

    try:
        artifact = current_artifact(load_task(task).name)
        artifact.verify()
    except ArtifactError as error:
        return Finding("models", "warning", str(error), "run `hungjury prepare`, or let `hungjury up` do it")
    return Finding("models", "ok", f"{', '.join(artifact.groups)} in {artifact.path}, files as in the manifest")


def _measure(task: str) -> None:
    """A few seconds for each member group; a service that runs keeps its sizes until its next start."""
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from service.sizing import measure

    measure(current_artifact(load_task(task).name))


def _sizes() -> Finding:
    from service.sizing import kept

    sizing = kept()
    if not sizing.trials:
        return Finding("sizes", "ok", "not measured on this machine; `hungjury doctor --measure` takes some seconds")
    sizes = {group: sizing.size(group) for group in sizing.trials}
    return Finding(
        "sizes", "ok", "; ".join(f"{g}: threads {s.threads}, replicas {s.replicas}" for g, s in sizes.items())
    )


def _ray() -> Finding:
    version = importlib.metadata.version("ray")
    address = os.environ.get("RAY_ADDRESS")
    return Finding("Ray", "ok", f"{version}, {f'cluster {address}' if address else 'a local one is started'}")


def _store() -> Finding:
    from miners.errors import QueueError
    from miners.queue.connect import Store
    from service.config import load_config
    from service.runtime_state import running
    from service.supervisor.store import store_url

    given = load_config().redis.url
    url = given.get_secret_value() if given else (store_url() if running() else None)
    if url is None:
        return Finding("queue store", "ok", "an embedded Valkey is started with the service")
    try:
        with Store(url, timeout=2.0) as store:
            warnings = store.check()
    except QueueError as error:
        return Finding("queue store", "failed", str(error), "start it, or correct HUNGJURY_REDIS_URL")
    if warnings:
        return Finding("queue store", "warning", "; ".join(warnings))
    return Finding("queue store", "ok", "answers, append-only, no eviction")


def _service() -> Finding:
    from service.config import load_config
    from service.errors import StartError
    from service.runtime_state import owner, running
    from service.supervisor.cluster import check_port

    if (state := running()) is not None:
        return Finding("service", "ok", f"runs at {state.url}")
    if (mark := owner()) is not None:
        return Finding("service", "ok", f"is starting (process {mark.pid})")
    server = load_config().server
    try:
        check_port(server.host, server.port)
    except StartError as error:
        return Finding("service", "failed", str(error))
    return Finding("service", "ok", f"not running; {server.host}:{server.port} is free for it")
