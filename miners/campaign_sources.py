"""The proposers of a campaign, out of its spec and its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ensemble.tasks.task import Task
from miners.campaign_spec import CampaignSpec
from miners.proposer import Proposer
from miners.rewrites.dilution import Dilution
from miners.rewrites.seeds import SeedRewrites
from miners.rewrites.typos import Typos
from miners.sources.completions import Completions, Generate
from miners.sources.corpus import Corpus
from miners.sources.shortlist import Shortlist

CORPUS, BULK, COMPLETIONS, DILUTION, TYPOS = "corpus", "bulk", "completions", "rewrite:dilution", "rewrite:typos"


def proposers_for(spec: CampaignSpec, task: Task, generate: Generate | None) -> list[Proposer]:
    """All sources with a share above 0, in a fixed order.

    Args:
        spec: names inputs, shortlist, shares, seed, limits and the splits that may be rewritten.
        task: brings openings and labelled seed rows; sources for which it has none are left out.
        generate: continues openings; None leaves that source out.

    Raises:
        SourceError: an input cannot be read, or the task lacks what a source needs.
    """
    made: list[tuple[str, Callable[[], Proposer]]] = []
    if spec.inputs:
        made.append((CORPUS, lambda: Corpus(spec.inputs, seed=spec.seed if spec.shuffle else None)))
    if (shortlist := spec.shortlist) is not None:
        made.append((BULK, lambda: Shortlist(Path(shortlist))))
    if generate is not None and task.openings:
        made.append((COMPLETIONS, lambda: _completions(spec, task.openings, generate)))
    if task.rows():
        made += [(name, lambda name=name: _rewrites(name, spec, task)) for name in (DILUTION, TYPOS)]  # type: ignore[misc] # bound by default
    return [make() for name, make in made if spec.share(name) > 0]


def _completions(spec: CampaignSpec, openings: Sequence[str], generate: Generate) -> Proposer:
    return Completions(openings, generate, seed=spec.seed, limit=spec.limits.get(COMPLETIONS))


def _rewrites(name: str, spec: CampaignSpec, task: Task) -> Proposer:
    operator = Dilution(task.rows()) if name == DILUTION else Typos()
    return SeedRewrites(
        operator, task.rows(), splits=spec.rewrite_splits, seed=spec.seed, limit=spec.limits.get(name, 10**9)
    )
