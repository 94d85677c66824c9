"""`demo`: the whole loop in one command."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.campaign_summary import show_summary
from service.cli.campaigning import campaign_spec, new_name, run_campaign, show_top
from service.cli.memory import MemoryPeak
from service.cli.output import mebibytes, put, say, seconds
from service.cli.status import show_ray
from service.cli.steps import Steps

if TYPE_CHECKING:
    from miners.campaigns.spec import CampaignSpec, Summary
    from service.runtime_state import RuntimeState

TEXTS = 240
"""Texts that the demo scores when no file is given: enough to see the loop, soon enough to wait for."""

QUEUE = 30

SHARES = {"corpus": 3.0, "completions": 1.0, "rewrite": 1.0, "steered": 0.0, "live": 0.0, "search": 0.0}

COMPLETIONS = 32
"""Completions are the slow part on a processor."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    file: Annotated[Path | None, typer.Option("--input", help="Mine these texts instead.", metavar="FILE")] = None,
    once: Annotated[bool, typer.Option("--once", help="Shut down after the campaign.")] = False,
) -> None:
    """Show the whole loop: prepare, start, mine, and wait for a labeler until Ctrl-C."""
    _end_on_signals()
    began, taken = time.monotonic(), dict[str, float]()
    with MemoryPeak() as memory, _service(taken) as state:
        begun = time.monotonic()
        summary = run_campaign(f"demo-{new_name()}", _spec(state, file))
        taken["campaign"] = time.monotonic() - begun
        _show(state, summary)
        if not once:
            say("\nCtrl-C ends it.")
            _stay()
    taken["all"] = time.monotonic() - began
    put("wall time: " + ", ".join(f"{step} {seconds(value)}" for step, value in taken.items()))
    put(f"memory at the peak: {mebibytes(memory.pss)} (with shared pages once a process: {mebibytes(memory.rss)})")


def _end_on_signals() -> None:
    """Ctrl-C and a polite kill both end the demo in order.

    A shell starts its background jobs with Ctrl-C ignored, which Python keeps unless told otherwise.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def _service(taken: dict[str, float]) -> Iterator[RuntimeState]:
    """The running service, or one that is started for the demo and ends with it."""
    from service.runtime_state import running
    from service.supervisor.launch import Launch

    if (state := running()) is not None:
        say(f"using the service that runs at {state.url}")
        yield state
        return
    with Steps() as steps:
        launch = Launch(bound=True)
        try:
            state = launch.wait(steps.show)
            taken.update(steps.taken)
            yield state
        finally:
            launch.stop(steps.show)
            taken.update(steps.taken)


def _spec(state: RuntimeState, file: Path | None) -> CampaignSpec:
    """A campaign whose items need one answer, so that one labeler sees what comes of it."""
    if file is not None:
        return campaign_spec(state, [file], answers=1)
    spec = campaign_spec(state, [_corpus(state)], queue=QUEUE, answers=1, generated=True)
    members = spec.budget // state.mining.budget_texts
    limits = {"completions": COMPLETIONS}
    return spec.model_copy(update={"budget": TEXTS * members, "shares": SHARES, "limits": limits})


def _corpus(state: RuntimeState) -> Path:
    """The task's test rows as a corpus; no member has seen them."""
    from ensemble.tasks.task import load_task
    from service.runtime_state import run_dir

    path = run_dir() / "demo.jsonl"
    rows = load_task(state.task).rows("test")
    lines = [json.dumps({"id": row.row_id, "context": row.context, "text": row.text}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _show(state: RuntimeState, summary: Summary) -> None:
    from service.cli.auditing import act_here
    from service.supervisor.store import open_store

    show_summary(summary)
    show_top()
    with open_store() as store:
        label, labeler = store.keys.create("label", "demo labeler")
        score, scorer = store.keys.create("score", "demo caller")
        for key in (labeler, scorer):
            store.audit.add(act_here("key create", key.id, detail={"role": key.role, "name": key.name}))
    put(f"labeler page:  {state.url}/label   (key: {label})")
    put(f"API docs:      {state.url}/docs")
    show_ray(state.ray.model_dump(mode="json"))
    body = json.dumps({"inputs": [{"text": "The wire opened his palm to the bone."}]})
    put("score a text:")
    headers = f"-H 'Authorization: Bearer {score}' -H 'Content-Type: application/json'"
    put(f"  curl -s {state.url}/v1/score {headers} -d '{body}'")


def _stay() -> None:
    """Waits for Ctrl-C, or for the service to end by other hands."""
    from service.runtime_state import running

    with contextlib.suppress(KeyboardInterrupt):
        while running() is not None:
            time.sleep(0.5)
        say("the service ended")
