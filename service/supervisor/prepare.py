"""Preparing models in a process of its own, so that the memory that training takes goes back when it is done.

The process writes its progress as JSON lines to a file that the waiting side reads, and ends with the waiting side.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble.errors import ArtifactError, InputError
from ensemble.home import home
from ensemble.members.specs import DEFAULT_MEMBERS, MemberSpecs
from service.config import Config
from service.errors import StartError
from service.profile import THREADS
from service.runtime_state import logs_dir, run_dir

if TYPE_CHECKING:
    from ensemble.artifacts import Artifact

Listener = Callable[[str, float], None]
"""Told the name of the step and how much of it is done, 0 to 1."""

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.2


def is_prepared(task: str) -> bool:
    """Whether some models of a task are there; `prepare_apart` also sees whether they are of this task as it is now."""
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task

    try:
        current_artifact(load_task(task).name)
    except ArtifactError:
        return False
    return True


def check_panel(config: Config) -> None:
    """Refuses a configuration that asks for another panel than the one that stays in use because it was chosen.

    Raises:
        InputError: it names members that the pinned artifact was not fitted with; the message says what to do.
    """
    from ensemble.artifacts import current_artifact, is_pinned
    from ensemble.tasks.task import load_task

    if "panel" not in config.model_fields_set:
        return
    name = load_task(config.task).name
    if not is_pinned(name):
        return
    artifact = current_artifact(name)
    if other := differences(artifact, config.panel):
        raise InputError(
            f"panel asks for other members than artifact {artifact.path.name}, which stays in use for task {name!r} as "
            f"it was trained or chosen ({other}); run `hungjury train` with this configuration, put an artifact with "
            "these members into use by `hungjury artifacts use`, run `hungjury prepare --force` to fit them on the "
            "task's seed rows, or leave panel out of the file",
            field="panel",
        )


def differences(artifact: Artifact, panel: MemberSpecs) -> str:
    """In what an artifact's members differ from those asked for, in words; empty where they do not."""
    wanted = panel.fitted_by()
    known = artifact.manifest.panel
    if known is None:  # made by an older version, which kept only their names
        has = sorted(member.name for group in artifact.groups for member in artifact.members(group))
        wants = sorted(one["name"] for one in wanted.values() if isinstance(one, dict))
        return "" if has == wants else f"it has {', '.join(has)}, not {', '.join(wants)}"
    return "; ".join(f"{path}: {_shown(old)} there, {_shown(new)} here" for path, old, new in _unlike(known, wanted))


def _unlike(known: Mapping[str, Any], wanted: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted path, there, here) of what is not the same."""
    for name in dict.fromkeys([*known, *wanted]):
        old, new = known.get(name), wanted.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _unlike(old, new, f"{above}{name}.")
        elif old != new:
            yield f"{above}{name}", old, new


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", "there"))
    return "none" if value is None else str(value)


def key_variables(config: Config) -> list[str]:
    """Names of the environment variables with keys that the members in use and the webhooks need."""
    from ensemble.artifacts import current_artifact
    from ensemble.members.remote_judge import read_file
    from ensemble.members.specs import REMOTE_GROUP
    from ensemble.tasks.task import load_task

    judges = [config.panel.judge]
    artifact = current_artifact(load_task(config.task).name)
    if REMOTE_GROUP in artifact.groups:  # a pinned one may have another judge than a configuration without a panel
        judges.append(read_file(artifact.path / REMOTE_GROUP).spec)
    names = [judge.api_key_env for judge in judges if judge is not None and judge.api_key_env]
    return [*names, *(hook.secret_env for hook in config.webhooks)]


def prepare_apart(task: str, listener: Listener, *, panel: MemberSpecs = DEFAULT_MEMBERS, force: bool = False) -> None:
    """Prepares a task's models in another process; returns when they are there, soon if they were.

    Args:
        task: name or folder.
        listener: told how far it is.
        panel: which members.
        force: prepare even where models made from the same inputs are there.

    Raises:
        StartError: it failed; the message says why and where its log is.
    """
    with tempfile.TemporaryDirectory(dir=run_dir(), prefix="prepare-") as folder:
        report = Path(folder) / "progress.jsonl"
        report.touch()
        with (logs_dir() / "prepare.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    sys.executable,
                    "-m",
                    "service.supervisor.prepare",
                    task,
                    str(report),
                    str(os.getpid()),
                    str(int(force)),
                    panel.model_dump_json(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**THREADS, **os.environ},
                start_new_session=True,  # Ctrl-C ends the waiting side, and this process with it
            )
            try:
                failure = _follow(process, report, listener)
            finally:
                process.kill()
                process.wait()
    if failure is not None or process.returncode != 0:
        why = failure or f"its process ended with status {process.returncode}"
        raise StartError(f"preparing the models failed: {why}; see {logs_dir() / 'prepare.log'}")


def _follow(process: subprocess.Popen[bytes], report: Path, listener: Listener) -> str | None:
    """Passes progress on until the process ends; the failure it reported, if any."""
    failure, ended = None, False
    with report.open(encoding="utf-8") as stream:
        while not ended:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it goes on working
                process.wait(_POLL_SECONDS)
            ended = process.returncode is not None
            for line in stream:
                event = json.loads(line)
                failure = event.get("failure", failure)
                if "step" in event:
                    listener(event["step"], event["fraction"])
    return failure


def main() -> None:
    """Prepares: `python -m service.supervisor.prepare TASK REPORT PARENT FORCE PANEL`."""
    task, report, parent, force = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1"
    panel = MemberSpecs.model_validate_json(sys.argv[5])
    _end_with(parent)
    with report.open("a", encoding="utf-8", buffering=1) as stream:
        try:
            with alone():
                _prepare(task, panel, lambda step, done: _write(stream.write, step=step, fraction=done), force=force)
        except Exception as error:  # whatever it is, the waiting side must be told in one line
            _write(stream.write, failure=f"{type(error).__name__}: {' '.join(str(error).split())}")
            raise


def _prepare(task: str, panel: MemberSpecs, listener: Listener, *, force: bool) -> None:
    from ensemble.tasks.task import load_task
    from ensemble.training.prepare import prepare

    prepare(load_task(task), panel, progress=listener, force=force)


def _write(write: Callable[[str], int], **event: object) -> None:
    write(json.dumps(event) + "\n")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Preparations and trainings of one state directory go one after the other; a second alike finds the work done."""
    with (home() / "prepare.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end_with(parent: int) -> None:
    """Asks the kernel to end this process with its parent (Linux; elsewhere the parent's `finally` must do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)


if __name__ == "__main__":
    main()
