"""`mine --bulk`: the cheap members over any number of shards, then a campaign on what they kept."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, redirect_stdout
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.interrupts import plain_interrupts
from service.cli.output import bar, printable, put, put_json, say, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ensemble.artifacts import Artifact
    from miners.bulk.plan import BulkSettings, Plan
    from miners.bulk.shortlist import BulkReport
    from miners.campaigns.spec import CampaignSpec
    from service.cli.campaigning import CampaignOptions
    from service.runtime_state import RuntimeState

Bulk = Annotated[
    bool, typer.Option("--bulk", help="With --input: let the cheap members read it all first; for large corpora.")
]
Keep = Annotated[int | None, typer.Option("--keep", min=1, help="With --bulk: texts kept for the whole panel.")]
Look = Annotated[
    float | None,
    typer.Option(
        "--look", min=0.001, max=1.0, help="With --bulk: share of the texts to read; the rest is judged by its words."
    ),
]

_PLAIN_NAME = re.compile(r"[\w-][\w.-]{0,80}")
_SETTINGS, _LOG = "settings.json", "ray.log"


def mine_bulk(
    state: RuntimeState,
    name: str,
    inputs: Sequence[str],
    *,
    keep: int | None,
    look: float | None,
    asked: CampaignOptions,
    as_json: bool,
) -> None:
    """Reads the shards, then runs the campaign on the shortlist; both go on under the same name.

    Raises:
        InputError: no input, or a budget that does not pay for the whole shortlist.
        CampaignError: the name belongs to something else, or the run or the campaign fails.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from miners.bulk.shortlist import FILE
    from service.cli.campaign_summary import show_summary
    from service.cli.campaigning import campaign_spec, run_campaign, show_top

    members = len(current_artifact(load_task(state.task).name).joint.members)
    kept = _affordable(keep, asked["budget"], members, state.mining.budget_texts)
    settings = bulk_settings(state, keep=kept, look=look, seed=asked["seed"])
    paid: CampaignOptions = {**asked, "budget": asked["budget"] or max(kept * members, 8)}
    spec = campaign_spec(state, [], shortlist=bulk_folder(name) / FILE, **paid)
    check_name(name, spec)
    report = run(state, name, inputs, settings)
    if not as_json:
        show_report(report)
    summary = run_campaign(name, spec)
    if as_json:
        put_json({"bulk": report.model_dump(mode="json"), "campaign": summary.model_dump(mode="json")})
    else:
        show_summary(summary)
        show_top()


def refuse_without_bulk(*, keep: int | None, look: float | None) -> None:
    """Refuses options that mean nothing without `--bulk`.

    Raises:
        InputError: one of them is given.
    """
    from ensemble.errors import InputError

    for option, given in (("--keep", keep), ("--look", look)):
        if given is not None:
            raise InputError("needs --bulk", field=option)


def _affordable(keep: int | None, budget: int | None, members: int, texts: int) -> int:
    """Texts to keep: no more than the campaign can score, because those it left out would speak for nothing."""
    from ensemble.errors import InputError

    most = texts if budget is None else max(1, budget // members)
    if keep is not None and budget is not None and keep > most:
        raise InputError(
            f"{keep:,} kept texts cost {keep * members:,} member calls, more than --budget {budget:,}; keep {most:,}",
            field="--keep",
        )
    return keep or most


def check_name(name: str, spec: CampaignSpec) -> None:
    """Makes sure, before hours are spent, that the campaign can be begun under its name, or goes on.

    Raises:
        CampaignError: it belongs to a campaign with another spec.
    """
    from miners.campaigns.spec import CampaignSpec
    from miners.errors import CampaignError
    from service.supervisor.store import open_store

    with open_store() as store:
        campaigns = store.campaigns
        taken = name in campaigns.names() and CampaignSpec.model_validate(campaigns.spec(name)) != spec
    if taken:
        raise CampaignError(f"campaign {name!r} exists with other settings; choose another --name")


def bulk_folder(name: str) -> Path:
    """Where a bulk run keeps what it has finished: `<home>/bulk/NAME`, or a hash of a name that no folder can have."""
    from ensemble.home import home

    safe = name if _PLAIN_NAME.fullmatch(name) else blake2b(name.encode(), digest_size=12).hexdigest()
    return home() / "bulk" / safe


def bulk_settings(state: RuntimeState, *, keep: int, look: float | None, seed: int | None) -> BulkSettings:
    """Which members read every text, and how much is kept.

    Args:
        state: of the running service.
        keep: texts kept in all.
        look: share of the texts that are read; None = all.
        seed: None = as campaigns are told.

    Raises:
        InputError: the deployed member's group is an expensive one.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from miners.bulk.plan import BulkSettings

    artifact = current_artifact(load_task(state.task).name)
    groups = _cheap(artifact, state.expensive)
    return BulkSettings(
        task=state.task,
        artifact=str(artifact.path),
        groups=groups,
        versions={member.name: member.version for group in groups for member in artifact.members(group)},
        keep=keep,
        look=1.0 if look is None else look,
        seed=state.mining.seed if seed is None else seed,
    )


def _cheap(artifact: Artifact, expensive: Sequence[str]) -> tuple[str, ...]:
    from ensemble.errors import InputError

    groups = tuple(group for group in artifact.groups if group not in expensive)
    deployed = artifact.joint.deployed
    if not any(member.name == deployed for group in groups for member in artifact.members(group)):
        raise InputError(
            f"--bulk needs the deployed member {deployed!r} for every text, but its group is one of "
            f"{', '.join(expensive)}, which cascade.expensive calls expensive; take it out of that list",
            field="--bulk",
        )
    return groups


def run(state: RuntimeState, name: str, inputs: Sequence[str], settings: BulkSettings) -> BulkReport:
    """Reads the shards in the service's Ray, or goes on where it stopped.

    Raises:
        InputError: no shard, or none with a row.
        CampaignError: the name was begun with other settings, or the run fails.
    """
    from ensemble.errors import InputError
    from miners.bulk.gate import FILE as GATE
    from miners.bulk.plan import find_shards

    if not inputs:
        raise InputError("must name files, folders or patterns for --bulk to read", field="--input")
    folder = bulk_folder(name)
    shards = find_shards(inputs)
    begin(folder, name, settings)
    plan = _looked_at(shards, settings)
    members = ", ".join(settings.versions)
    say(f"bulk run {printable(name)}: {plan.shards:,} shards, {plan.rows:,} rows, read by {members}")
    if settings.look < 1 and not (folder / GATE).is_file():
        say("the gate on words is fitted first, to some thousand texts")
    try:
        with plain_interrupts():
            report = _read(state, plan, settings, folder)
    except KeyboardInterrupt:
        say(f"what is finished stays in {folder}; go on with the same command and --name {printable(name)}")
        raise
    return report


def begin(folder: Path, name: str, settings: BulkSettings) -> None:
    """Writes down what a run was begun with, or compares.

    Raises:
        CampaignError: it was begun with other settings.
    """
    from miners.bulk.piece import write_safely
    from miners.bulk.plan import BulkSettings
    from miners.errors import CampaignError

    path = folder / _SETTINGS
    if not path.is_file():
        write_safely(path, settings.model_dump_json(indent=1))
        return
    kept, wanted = BulkSettings.model_validate_json(path.read_bytes()).model_dump(), settings.model_dump()
    if differing := sorted(key for key in wanted if key != "artifact" and kept[key] != wanted[key]):
        raise CampaignError(
            f"bulk run {name!r} was begun with other settings ({', '.join(differing)}); choose another --name"
        )


def _looked_at(shards: Sequence[Path], settings: BulkSettings) -> Plan:
    from miners.bulk.plan import make_plan

    with bar("looking at shards", float(len(shards))) as tell:
        return make_plan(shards, settings, progress=lambda n: tell(float(n), f"{n:,} of {len(shards):,}"))


def _read(state: RuntimeState, plan: Plan, settings: BulkSettings, folder: Path) -> BulkReport:
    from ensemble.home import home
    from service.supervisor.cluster import joined

    with _quiet(folder / _LOG), joined(state.ray, home()):
        from miners.bulk.run import run_bulk

        with bar("reading", float(plan.rows or 1)) as tell:
            return run_bulk(
                plan, settings, folder, progress=lambda rows: tell(float(rows), f"{rows:,} of {plan.rows:,} rows")
            )


@contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """Leaves the terminal to the progress bar, and standard output to the result.

    Ray tells of dead processes on standard output, and its core writes past Python into the stream of errors, which
    goes into a file meanwhile.
    """
    before = sys.stderr
    before.flush()
    with log.open("ab") as file, os.fdopen(os.dup(2), "w", buffering=1) as shown:
        os.dup2(file.fileno(), 2)
        sys.stderr = shown
        try:
            with redirect_stdout(shown):
                yield
        finally:
            os.dup2(shown.fileno(), 2)
            sys.stderr = before


def show_report(report: BulkReport) -> None:
    """Prints what a bulk run did."""
    put(
        f"bulk: {report.rows:,} rows of {report.shards:,} shards in {seconds(report.seconds)}"
        f"{f' ({report.rows_per_second:,.0f} rows/s)' if report.rows_per_second else ' (all read before)'}; "
        f"{report.scored:,} scored, {sum(report.kept.values()):,} kept"
    )
    noted = {
        "passed over by their words": report.passed_over,
        "repeated texts": report.repeats,
        "bad rows": report.bad_rows,
        "broken shards": len(report.broken),
    }
    if said := ", ".join(f"{count:,} {what}" for what, count in noted.items() if count):
        put(f"left out or noted: {said}")
    for niche, count in report.kept.items():
        there = f"about {report.stood_for[niche]:,.0f}" if report.passed_over else f"{report.seen[niche]:,}"
        read = f" ({report.seen[niche]:,} read)" if report.passed_over else ""
        put(f"  {niche}: {count:,} kept of {there}{read}")
    for example in report.bad_examples[:3]:
        say(printable(example))
    for path, why in list(report.broken.items())[:3]:
        say(printable(f"{path} was read only in part: {why}"))
