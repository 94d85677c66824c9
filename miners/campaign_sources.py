"""The proposers of a campaign, out of its spec and its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ensemble.tasks.task import Task
from miners.campaign_spec import CampaignSpec
from miners.proposer import Proposer
from miners.rewrites.operator import Operator
from miners.rewrites.registry import operators
from miners.rewrites.seeds import SeedRewrites
from miners.sources.completions import Completions, Generate
from miners.sources.corpus import Corpus

CORPUS, COMPLETIONS, REWRITE = "corpus", "completions", "rewrite"

_AT_ONCE = 16
"""Rewrites that one operator proposes at once; there are many operators, and each should get its turn."""


def proposers_for(spec: CampaignSpec, task: Task, generate: Generate | None) -> list[Proposer]:
    """All sources with a share above 0, in a fixed order.

    Args:
        spec: names inputs, shares, seed, limits and the splits that may be rewritten.
        task: brings openings and labelled seed rows; sources for which it has none are left out.
        generate: continues openings; None leaves that source out.

    Raises:
        SourceError: an input cannot be read, or the task lacks what a source needs.
    """
    made: list[tuple[str, Callable[[], Proposer]]] = []
    if spec.inputs:
        made.append((CORPUS, lambda: Corpus(spec.inputs, seed=spec.seed if spec.shuffle else None)))
    if generate is not None and task.openings:
        made.append((COMPLETIONS, lambda: _completions(spec, task.openings, generate)))
    if task.rows():
        found = operators(task)
        made += [(f"{REWRITE}:{name}", partial(_rewrites, found[name], spec, task)) for name in found]
    return [make() for name, make in made if spec.share(name) > 0]


def _completions(spec: CampaignSpec, openings: Sequence[str], generate: Generate) -> Proposer:
    return Completions(openings, generate, seed=spec.seed, limit=spec.limits.get(COMPLETIONS))


def _rewrites(operator: Operator, spec: CampaignSpec, task: Task) -> Proposer:
    limit = spec.limits.get(f"{REWRITE}:{operator.name}", 10**9)
    return SeedRewrites(
        operator, task.rows(), splits=spec.rewrite_splits, seed=spec.seed, limit=limit, at_once=_AT_ONCE
    )
