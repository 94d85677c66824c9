"""`status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from service.cli.output import Json, printable, put, put_json, seconds, table

if TYPE_CHECKING:
    from miners.adjudicated import LiveIndependence
    from service.runtime_state import RuntimeState


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)


def status(as_json: Json = False) -> None:
    """Show the running service: members, queue, answers, findings, addresses. Exit 1 where none runs."""
    from service.runtime_state import running

    state = running()
    if state is None:
        _absent(as_json=as_json)
        raise typer.Exit(1)
    found = collect(state)
    if as_json:
        put_json(found)
    else:
        _show(found)


def _absent(*, as_json: bool) -> None:
    from ensemble.home import home
    from service.runtime_state import owner

    starting = owner()
    if as_json:
        put_json({"running": False, "starting": starting is not None, "home": str(home())})
    elif starting is not None:
        put(f"the service is starting (process {starting.pid})")
    else:
        put(f"no service runs for {home()}; start it with `hungjury up`")


def collect(state: RuntimeState) -> dict[str, Any]:
    """Everything that `status` knows, as JSON."""
    from ensemble.home import home
    from service.cli.adjudicated import ask
    from service.supervisor.store import open_store

    summary = ask(state, "/v1/metrics/summary")
    independence = _independence(state)
    with open_store() as store:
        campaigns = [store.campaigns.status(name).model_dump(mode="json") for name in store.campaigns.names()]
    return {
        "running": True,
        "home": str(home()),
        "pid": state.process.pid,
        "url": state.url,
        "labelers": f"{state.url}/label",
        "docs": f"{state.url}/docs",
        "task": state.task,
        "redis": state.redis.model_dump(mode="json"),
        "ray": state.ray.model_dump(mode="json"),
        "uptime_seconds": summary["uptime_seconds"],
        "members": _members(state, summary["metrics"]),
        "remote_judges": _remote(summary["metrics"]),
        "queue": summary["queue"],
        "independence": None if independence is None else independence.model_dump(mode="json"),
        "campaigns": campaigns,
    }


def _independence(state: RuntimeState) -> LiveIndependence | None:
    """What the service has measured on labelled texts; None while it has not read them."""
    from service.cli.adjudicated import fetch
    from service.errors import ServiceError

    try:
        return fetch(state)
    except ServiceError:
        return None


def _members(state: RuntimeState, metrics: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from service.metrics import GROUP_UP, SCORE_SECONDS, TEXTS

    artifact = current_artifact(load_task(state.task).name)
    texts = {entry["tags"]["member"]: entry["value"] for entry in metrics.get(TEXTS.name, [])}
    took = {entry["tags"]["group"]: entry["mean"] for entry in metrics.get(SCORE_SECONDS.name, [])}
    answering = {entry["tags"]["group"]: bool(entry["value"]) for entry in metrics.get(GROUP_UP.name, [])}
    return [
        {
            "name": member.name,
            "kind": member.kind,
            "version": member.version,
            "group": group,
            "deployed": member.name == artifact.joint.deployed,
            "answering": answering.get(group),
            "texts": int(texts.get(member.name, 0)),
            "mean_seconds": took.get(group),
        }
        for group in artifact.groups
        for member in artifact.members(group)
    ]


def _remote(metrics: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """By member, what its endpoint was used for since the service started; empty without a remote judge."""
    from service.metrics import JUDGE_COST, JUDGE_REQUESTS, JUDGE_SECONDS, JUDGE_TOKENS

    found: dict[str, dict[str, float]] = {}
    for metric, unit in (
        (JUDGE_REQUESTS, ""),
        (JUDGE_TOKENS, "_tokens"),
        (JUDGE_SECONDS, "seconds"),
        (JUDGE_COST, "cost"),
    ):
        for entry in metrics.get(metric.name, []):
            kind = entry["tags"].get("kind", "")
            found.setdefault(entry["tags"]["member"], {})[f"{kind}{unit}"] = entry["value"]
    return found


def _remote_line(name: str, used: dict[str, float]) -> str:
    told = (
        f"{name} at its endpoint: {used['answered']:,.0f} requests answered, {used['failed']:,.0f} failed, "
        f"{used['input_tokens'] + used['cached_tokens']:,.0f} tokens in, {used['output_tokens']:,.0f} out"
    )
    return f"{told}, cost {used['cost']:.4g}" if used["cost"] else told


def _show(found: dict[str, Any]) -> None:
    put(f"up for {seconds(found['uptime_seconds'])}, task {found['task']}, state in {found['home']}")
    rows = [
        (
            member["name"] + (" (deployed)" if member["deployed"] else ""),
            member["kind"],
            member["version"],
            {True: "answers", False: "DOWN", None: "-"}[member["answering"]],
            f"{member['texts']:,}",
            "-" if member["mean_seconds"] is None else f"{member['mean_seconds']:.3f}",
        )
        for member in found["members"]
    ]
    table("", ("member", "kind", "version", "state", "texts", "mean seconds a request"), rows)
    for name, used in found["remote_judges"].items():
        put(_remote_line(name, used))
    queue = found["queue"]
    put("queue: " + ", ".join(f"{queue[state]:,} {state}" for state in ("waiting", "leased", "done", "dead")))
    put(f"answers: {queue['answers']:,} from {queue['raters']:,} raters")
    put(f"findings: {queue['findings_fn']:,} FN (passed, label yes), {queue['findings_fp']:,} FP (flagged, label no)")
    if found["independence"] is not None:
        put(_measured(found["independence"]))
    for campaign in found["campaigns"]:
        summary = campaign["summary"]
        done = f": {summary['ended']}, {summary['queued']:,} queued" if summary else ""
        put(f"campaign {printable(campaign['name'])} {campaign['state']}{done}")
    put(f"labelers: {found['labelers']}   API: {found['docs']}")
    show_ray(found["ray"])


def _measured(independence: dict[str, Any]) -> str:
    from miners.adjudicated import LiveIndependence
    from service.cli.adjudicated import summary

    return summary(LiveIndependence.model_validate(independence))


def show_ray(ray: dict[str, Any]) -> None:
    """Prints where Ray's dashboard and metrics are, and how to get in."""
    if ray["dashboard_url"]:
        how = f" (asks for a token; it is in {ray['token_path']})" if ray["token_path"] else ""
        put(f"Ray dashboard: {ray['dashboard_url']}{how}")
    if ray["metrics_url"]:
        put(f"metrics for Prometheus: {ray['metrics_url']}")
