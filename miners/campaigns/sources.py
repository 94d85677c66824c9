"""The proposers of a campaign, out of its spec and its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ensemble.tasks.task import Task
from ensemble.text import LabelledText
from miners.campaigns.spec import CampaignSpec
from miners.constraints import Limits, Meaning
from miners.proposer import Proposer
from miners.queue.traffic import TrafficStore
from miners.rewrites.guided import NAME as GUIDED
from miners.rewrites.guided import GuidedRewrites
from miners.rewrites.modelled import BY_GRADIENT, BY_WORDS, FLUENCY, MEANING, WRITTEN, RewriteModels
from miners.rewrites.operator import Operator
from miners.rewrites.registry import operators
from miners.rewrites.seeds import CostlyRewrites, SeedRewrites
from miners.search.constraint import Constraint, Length, Measured
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

DISGUISE = "disguise"
"""The style of operators that change how words are spelt. They fool models so easily that a guided choice would hardly
take another, and no model could tell whether such a text still reads well; each is a source by itself."""

LIMITS = Limits(perplexity_ratio=1.5)
"""What rewrites of a campaign keep to. One odd word in a short text doubles the perplexity; people need not read it."""

_AT_ONCE = 16
"""Rewrites that one operator proposes at once; there are many operators, and each should get its turn."""


def proposers_for(
    spec: CampaignSpec,
    task: Task,
    generate: Generate | None,
    traffic: TrafficStore | None = None,
    patience: LivePatience = lambda call: call(),
    models: RewriteModels | None = None,
) -> list[Proposer]:
    """All sources with a share above 0, in a fixed order.

    Args:
        spec: names inputs, shortlist, shares, seed, limits and the splits that may be rewritten.
        task: brings openings and labelled seed rows; sources for which it has none are left out.
        generate: continues prompts; None leaves the sources out that need it.
        traffic: the sample of live traffic; None leaves that source out.
        patience: how long to wait for that sample while its store is away.
        models: what rewrites go by beside rules; None leaves those sources and tests out.

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
    rows = task.rows()  # shared by all sources: a campaign has one for each of many operators
    if generate is not None and can_steer(rows):
        made.append((STEERED, lambda: _steered(spec, task.openings, rows, generate)))
    if rows:
        found, given = operators(task, rows), models or RewriteModels()
        made += [(f"{REWRITE}:{name}", partial(_rewrites, found[name], spec, rows)) for name in found]
        made += _modelled(spec, found, rows, given)
        made.append((SEARCH, lambda: _search(spec, found, rows, given)))
    return [make() for name, make in made if spec.share(name) > 0]


def goes_by_models(spec: CampaignSpec) -> bool:
    """Whether any source of a campaign would rewrite by models, or test rewrites by them."""
    return any(spec.share(name) > 0 for name in (GUIDED, SEARCH, *(f"{REWRITE}:{one}" for one in _asked(spec))))


def missing_sources(spec: CampaignSpec, task: Task, models: RewriteModels) -> dict[str, str]:
    """Sources with a share above 0 that cannot be had, and why."""
    parts = {f"{REWRITE}:{name}": name for name in _asked(spec)} | {GUIDED: MEANING}
    known = {*parts, *(f"{REWRITE}:{name}" for name in (*operators(task), *WRITTEN))}
    unknown = [name for name in spec.shares if name.startswith(f"{REWRITE}:") and name not in known]
    why = {name: models.missing[part] for name, part in parts.items() if part in models.missing}
    why |= dict.fromkeys(unknown, f"task {task.name!r} has no rewriting operator of this name")
    return {name: reason for name, reason in why.items() if spec.share(name) > 0}


def _asked(spec: CampaignSpec) -> list[str]:
    """Modelled operators that take part: those that a language model writes only if they are named."""
    written = [name for name in WRITTEN if spec.shares.get(f"{REWRITE}:{name}", 0.0) > 0]
    return [BY_GRADIENT, BY_WORDS, *written]


def _modelled(
    spec: CampaignSpec, found: Mapping[str, Operator], rows: Sequence[LabelledText], models: RewriteModels
) -> list[tuple[str, Callable[[], Proposer]]]:
    """The sources that go by models."""
    wanted = _asked(spec)
    made: list[tuple[str, Callable[[], Proposer]]] = [
        (f"{REWRITE}:{name}", partial(_rewrites, operator, spec, rows, kind=CostlyRewrites))
        for name, operator in models.operators(written=wanted).items()
    ]
    if models.meaning is not None:
        made.append((GUIDED, partial(_guided, spec, found, rows, models, models.meaning)))
    return made


def _guided(
    spec: CampaignSpec,
    found: Mapping[str, Operator],
    rows: Sequence[LabelledText],
    models: RewriteModels,
    meaning: Meaning,
) -> Proposer:
    wanted = _asked(spec)
    modelled = models.operators(written=wanted)
    rules = [operator for operator in found.values() if operator.style != DISGUISE]
    return GuidedRewrites(
        [*rules, *modelled.values()],
        rows,
        meaning=meaning,
        constraints=models.constraints(LIMITS),
        deployed=spec.deployed,
        threshold=models.threshold,
        splits=spec.rewrite_splits,
        seed=spec.seed,
        limit=spec.limits.get(GUIDED),
        at_once=_AT_ONCE,
        remember=False,
        read=modelled,
        without=models.missing_of([*wanted, FLUENCY]),
        twins=True,
    )


def _completions(spec: CampaignSpec, openings: Sequence[str], generate: Generate) -> Proposer:
    return Completions(openings, generate, seed=spec.seed, limit=spec.limits.get(COMPLETIONS))


def _steered(spec: CampaignSpec, openings: Sequence[str], rows: Sequence[LabelledText], generate: Generate) -> Proposer:
    return Steered(rows, generate, openings=openings, seed=spec.seed, limit=spec.limits.get(STEERED))


def _rewrites(
    operator: Operator, spec: CampaignSpec, rows: Sequence[LabelledText], *, kind: type[SeedRewrites] = SeedRewrites
) -> Proposer:
    limit = spec.limits.get(f"{REWRITE}:{operator.name}", 10**9)
    return kind(operator, rows, splits=spec.rewrite_splits, seed=spec.seed, limit=limit, at_once=_AT_ONCE)


def _search(
    spec: CampaignSpec, found: Mapping[str, Operator], rows: Sequence[LabelledText], given: RewriteModels
) -> Proposer:
    wanted = _asked(spec)
    constraints: list[Constraint] = [Length(most=spec.search.most_characters)]
    modelled = given.operators(written=wanted)
    tests, disguises = given.constraints(LIMITS), [one.name for one in found.values() if one.style == DISGUISE]
    if given.meaning is not None:
        constraints.append(Measured(tests.screen, name=MEANING, spared=disguises))
    if given.writer is not None:
        constraints.append(
            Measured(tests.check, name=FLUENCY, take_read=tests.take_read, spared=disguises, only=modelled)
        )
    return Search(
        [*found.values(), *modelled.values()],
        rows,
        deployed=spec.deployed,
        splits=spec.rewrite_splits,
        seed=spec.seed,
        limit=spec.limits.get(SEARCH),
        near_duplicate=spec.near_duplicate,
        constraints=constraints,
        settings=spec.search,
        without=given.missing_of([*wanted, FLUENCY, MEANING]),
    )
