"""Independence on the labelled texts of the running service, as `evaluate --adjudicated` and `status` show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.cli.output import printable, put

if TYPE_CHECKING:
    from ensemble.evaluation.independence import Independence
    from miners.adjudicated import LiveIndependence
    from service.runtime_state import RuntimeState


def fetch(state: RuntimeState) -> LiveIndependence:
    """What the running service has measured.

    Raises:
        ServiceError: it does not answer, or has not read the labels yet.
    """
    from miners.adjudicated import LiveIndependence

    return LiveIndependence.model_validate(ask(state, "/v1/independence"))


def ask(state: RuntimeState, path: str) -> Any:
    """JSON that the service answers to an admin's GET.

    Raises:
        ServiceError: it does not answer, or not with success.
    """
    import httpx

    from service.errors import ServiceError
    from service.supervisor.store import local_key

    try:
        response = httpx.get(state.url + path, headers={"Authorization": f"Bearer {local_key()}"}, timeout=10)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise ServiceError(f"{state.url} does not answer ({error}); see the logs") from error
    return response.json()


def show(found: LiveIndependence) -> None:
    """Prints the figures: both kinds side by side, then the tables of the weighted ones."""
    from service.cli.evaluation import show_independence, show_kinds

    put(f"{found.items:,} labelled texts, {found.positives:,} of them yes")
    for sentence in found.warnings:
        put(f"- {printable(sentence)}")
    if found.weighted is None or found.unweighted is None:
        return
    put("")
    put("over these texts alone: " + said(found.unweighted))
    put("for all texts that campaigns scored, weighted by 1/q: " + said(found.weighted))
    put("")
    put("The tables are weighted by 1/q, but for the last; counts are of labelled texts.")
    show_independence(found.weighted, found.deployed)
    show_kinds(found.kinds, found.deployed)


def summary(found: LiveIndependence) -> str:
    """One line for `status`."""
    if found.weighted is None:
        return "independence: no labelled text was scored by all members at their present versions"
    return f"independence on {found.items:,} labelled texts, weighted: {said(found.weighted)}"


def said(found: Independence) -> str:
    """Effective votes, capture and disagreement in a line."""
    votes = "-" if found.n_eff is None else f"{found.n_eff:.2f}{_between(found.n_eff_interval)}"
    capture = "-" if found.capture is None else f"{found.capture:.2f}{_between(found.capture_interval)}"
    return (
        f"{votes} effective votes of {len(found.error_correlation)}, capture {capture} of {found.misses:,} misses,"
        f" votes differ on {100 * found.disagreeing_share:.1f} %"
    )


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"
