"""`artifacts list`, `artifacts compare`, `artifacts use`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.output import Json, put, put_json, say, table

if TYPE_CHECKING:
    from ensemble.artifacts import Artifact

OfTask = Annotated[str | None, typer.Option("--task", help="Only of this task.", metavar="NAME|DIR")]

_MEASURES = ("auc", "average_precision", "fnr", "fpr", "ece")


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="What was prepared or trained: list, compare, go back.", invoke_without_command=True)
    group.callback()(_by_default)
    group.command(name="list")(list_artifacts)
    group.command()(compare)
    group.command()(use)
    app.add_typer(group, name="artifacts")


def _by_default(context: typer.Context) -> None:
    """Prepared and trained artifacts; lists them when no command is given."""
    if context.invoked_subcommand is None:
        list_artifacts()


def list_artifacts(task: OfTask = None, as_json: Json = False) -> None:
    """List artifacts, oldest first; `*` marks the one in use for its task."""
    from ensemble.artifacts import all_artifacts

    found = [summary(artifact) for artifact in all_artifacts(_name(task))]
    if as_json:
        put_json(found)
    elif not found:
        put("nothing is prepared; run `hungjury prepare`, or `hungjury train` with rows of yours")
    else:
        columns = ("", "id", "task", "made", "data", "rows", "members", "panel AUC", "FNR", "threshold")
        table("", columns, [_cells(each) for each in found], wide=("data", "members"))


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Id, or the beginning of one.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Id, or the beginning of one.")],
    as_json: Json = False,
) -> None:
    """Show two artifacts side by side: data, members, and what each measured on its own test split."""
    from ensemble.artifacts import find_artifact

    pair = [find_artifact(name) for name in (first, second)]
    known = [summary(artifact) for artifact in pair]
    measured = [_measured(artifact) for artifact in pair]
    if as_json:
        put_json([{**one, "metrics": artifact.manifest.metrics} for one, artifact in zip(known, pair, strict=True)])
        return
    facts = [(name, *(_text(one[name]) for one in known)) for name in known[0] if name not in {"id", "current"}]
    names = list(dict.fromkeys([*measured[0], *measured[1]]))
    numbers = [(name, *(_number(one.get(name)) for one in measured)) for name in names]
    heads = tuple(f"{one['id']}{' (in use)' if one['current'] else ''}" for one in known)
    table("", ("", *heads), [*facts, *numbers], wide=heads)
    if known[0]["data_fingerprint"] != known[1]["data_fingerprint"] or known[0]["task"] != known[1]["task"]:
        say("measured on different test rows; `hungjury evaluate` on the same file compares them fairly")


def use(
    artifact_id: Annotated[str, typer.Argument(metavar="ID", help="Or the beginning of one.")], as_json: Json = False
) -> None:
    """Put an artifact into use, as to go back to an older one; its files are checked first."""
    from ensemble.artifacts import find_artifact
    from ensemble.artifacts import use as put_into_use

    artifact = find_artifact(artifact_id)
    put_into_use(artifact)
    if as_json:
        put_json(summary(artifact))
    else:
        put(f"{artifact.path.name} is in use for task {artifact.manifest.task}")
        say("a running service takes it when it is started again")


def summary(artifact: Artifact) -> dict[str, Any]:
    """What a list shows of an artifact."""
    manifest = artifact.manifest
    training, panel = manifest.training, manifest.metrics.get("panel", {})
    data = training.data if training else None
    return {
        "id": artifact.path.name,
        "current": artifact.is_current,
        "task": manifest.task,
        "made_at": artifact.made_at.isoformat(timespec="seconds"),
        "data": data.source if data else "seed rows",
        "data_fingerprint": data.fingerprint if data else None,
        "rows": sum(size.rows for size in data.splits.values()) if data else None,
        "split_by": data.split_by if data else None,
        "members": [name for members in manifest.groups.values() for name, _, _ in members],
        "auc": panel.get("auc"),
        "fnr": panel.get("fnr"),
        "fnr_interval": panel.get("fnr_interval"),
        "threshold": training.operating.threshold if training else None,
        "seed": manifest.seed,
    }


def _name(task: str | None) -> str | None:
    from ensemble.tasks.task import load_task

    return None if task is None else load_task(task).name


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    made = each["made_at"].replace("T", " ")[:16]
    first = ("*" if each["current"] else "", each["id"], each["task"], made, each["data"], _text(each["rows"]))
    return (*first, _text(each["members"]), *(_number(each[name]) for name in ("auc", "fnr", "threshold")))


def _measured(artifact: Artifact) -> dict[str, float | None]:
    """Test-split measures by "member measure"."""
    metrics = artifact.manifest.metrics
    columns = {**metrics.get("members", {}), "panel": metrics.get("panel", {})}
    found = {f"{name} {measure}": values.get(measure) for name, values in columns.items() for measure in _MEASURES}
    return {**found, "effective votes": metrics.get("independence", {}).get("n_eff")}


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
