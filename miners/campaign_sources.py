"""The proposers of a campaign, out of its spec and its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ensemble.tasks.task import Task
from miners.campaign_spec import CampaignSpec
from miners.proposer import Proposer
from miners.queue.traffic import TrafficStore
from miners.rewrites.operator import Operator
from miners.rewrites.registry import operators
from miners.rewrites.seeds import SeedRewrites
from miners.search.lineage import SOURCE as SEARCH
from miners.search.search import Search
from miners.sources.completions import Completions, Generate
from miners.sources.corpus import Corpus
from miners.sources.live import LiveTraffic
from miners.sources.live import Patience as LivePatience
from miners.sources.shortlist import Shortlist
from miners.sources.shots import can_steer
from miners.sources.steered import Steered

CORPUS, BULK, LIVE, COMPLETIONS, STEERED = "corpus", "bulk", "live", "completions", "steered"
REWRITE = "rewrite"

_AT_ONCE = 16
"""Rewrites that one operator proposes at once; there are many operators, and each should get its turn."""


def proposers_for(
    spec: CampaignSpec,
    task: Task,
    generate: Generate | None,
    traffic: TrafficStore | None = None,
    patience: LivePatience = lambda call: call(),
) -> list[Proposer]:
    """All sources with a share above 0, in a fixed order.

    Args:
        spec: names inputs, shortlist, shares, seed, limits and the splits that may be rewritten.
        task: brings openings and labelled seed rows; sources for which it has none are left out.
        generate: continues prompts; None leaves the sources out that need it.
        traffic: the sample of live traffic; None leaves that source out.
        patience: how long to wait for that sample while its store is away.

    Raises:
        SourceError: an input cannot be read, or the task lacks what a source needs.
    """
    made: list[tuple[str, Callable[[], Proposer]]] = []
    if spec.inputs:
        made.append((CORPUS, lambda: Corpus(spec.inputs, seed=spec.seed if spec.shuffle else None)))
    if traffic is not None:
        made.append((LIVE, lambda: LiveTraffic(traffic, limit=spec.limits.get(LIVE), patience=patience)))
    if (shortlist := spec.shortlist) is not None:
        made.append((BULK, lambda: Shortlist(Path(shortlist))))
    if generate is not None and task.openings:
        made.append((COMPLETIONS, lambda: _completions(spec, task.openings, generate)))
    if generate is not None and can_steer(task.rows()):
        made.append((STEERED, lambda: _steered(spec, task, generate)))
    if task.rows():
        found = operators(task)
        made += [(f"{REWRITE}:{name}", partial(_rewrites, found[name], spec, task)) for name in found]
        made.append((SEARCH, lambda: _search(spec, task)))
    return [make() for name, make in made if spec.share(name) > 0]


def _completions(spec: CampaignSpec, openings: Sequence[str], generate: Generate) -> Proposer:
    return Completions(openings, generate, seed=spec.seed, limit=spec.limits.get(COMPLETIONS))


def _steered(spec: CampaignSpec, task: Task, generate: Generate) -> Proposer:
    return Steered(task.rows(), generate, openings=task.openings, seed=spec.seed, limit=spec.limits.get(STEERED))


def _rewrites(operator: Operator, spec: CampaignSpec, task: Task) -> Proposer:
    limit = spec.limits.get(f"{REWRITE}:{operator.name}", 10**9)
    return SeedRewrites(
        operator, task.rows(), splits=spec.rewrite_splits, seed=spec.seed, limit=limit, at_once=_AT_ONCE
    )


def _search(spec: CampaignSpec, task: Task) -> Proposer:
    return Search(
        list(operators(task).values()),
        task.rows(),
        deployed=spec.deployed,
        splits=spec.rewrite_splits,
        seed=spec.seed,
        limit=spec.limits.get(SEARCH),
        near_duplicate=spec.near_duplicate,
        settings=spec.search,
    )
