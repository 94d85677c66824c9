"""All strategies by name, as they are back-tested: labels are what the rows say, so nobody is asked twice."""

from __future__ import annotations

from collections.abc import Sequence

from ensemble.errors import InputError
from miners.acquisition.adaptive import Adaptive
from miners.acquisition.consensus_entropy import ConsensusEntropy
from miners.acquisition.deployed_margin import DeployedMargin
from miners.acquisition.jensen_shannon import JensenShannon
from miners.acquisition.max_kl import MaxKL
from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.stacked_posterior import StackedPosterior
from miners.acquisition.strategy import Strategy
from miners.acquisition.uniform import Random
from miners.acquisition.vote_entropy import VoteEntropy

ALL = "all"


def strategies() -> dict[str, Strategy]:
    """A fresh one of each, by name, ours first."""
    found: Sequence[Strategy] = (
        Adaptive(AdaptiveSettings(rater_error=0.0)),
        Random(),
        DeployedMargin(),
        StackedPosterior(),
        VoteEntropy(),
        ConsensusEntropy(),
        MaxKL(),
        JensenShannon(),
    )
    return {strategy.name: strategy for strategy in found}


def chosen(names: str) -> list[Strategy]:
    """The strategies that a comma-separated list names, or all of them for "all".

    Raises:
        InputError: one of them does not exist.
    """
    known, wanted = strategies(), [name.strip() for name in names.split(",") if name.strip()]
    if ALL in wanted:
        return list(known.values())
    if unknown := [name for name in wanted if name not in known]:
        raise InputError(f"{unknown[0]!r} is unknown; there are {', '.join(known)}, or {ALL}", field="strategy")
    if not wanted:
        raise InputError(f"names none; there are {', '.join(known)}, or {ALL}", field="strategy")
    return [known[name] for name in dict.fromkeys(wanted)]
