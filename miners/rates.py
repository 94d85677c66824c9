"""How often the deployed member fails among all texts it passes, told from texts that were chosen because it may fail.

A campaign draws its texts in rounds, each text with a known probability q > 0 given all that was answered before. Each
round alone then gives an unbiased estimate of the failures in the whole pool: those found before it, plus 1/q for every
failure drawn in it (Horvitz and Thompson 1952, JASA 47). The estimates are averaged with the weights of LURE (Farquhar,
Gal and Rainforth 2021, ICLR, "On Statistical Bias in Active Learning"), here for rounds of any size: they depend on
sizes alone, so the average stays unbiased however the answers shape later rounds, and where everything is drawn evenly
it is the plain share. For one text a round these are their v_m; for a single round it is Horvitz and Thompson's.
Using the posterior as a control variate (the difference estimator) was tried and left out: where failures are rare it
took 1 to 2 % off the standard deviation.

The interval inverts a test. A few failures with large weights make the estimate's distribution skewed, and an estimate
of its variance from the failures that were seen is too small just when none with a large weight was seen; intervals
from that cover far too seldom. Here variance and skewness at each possible rate come from a model instead: the chance
of failure as a power of the weight, fitted to all labels, with half a failure spread evenly over them, so that no part
of the pool is ever taken for flawless. Estimates stay unbiased if the model is wrong; only the interval rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from miners.acquisition.strategy import Choice, FloatArray

SLOPE, SLOPE_SPREAD = 0.5, 0.5
"""Normal prior of the power of the weight with which failures get rarer, between evenly (0) and as chosen for (1)."""

SPREAD_FAILURES = 0.5
"""Failures assumed evenly over the labelled texts beside those that the power of the weight foretells."""

_STEPS = 50
_CLOSE = 1e-9
_WIDEST, _STRIDE = 40.0, 0.5
"""Logits within which chances of failure are looked for, and in which steps."""


@dataclass(frozen=True)
class Round:
    """Texts of one round that all have their label.

    Attributes:
        probabilities: with which each was drawn in this round given everything before it, shape (k,), in (0, 1].
        failures: whether each is a failure, shape (k,).
        left: texts that it was drawn from: all that had not been drawn in earlier rounds; at least k.
    """

    probabilities: FloatArray
    failures: NDArray[np.bool_]
    left: int

    @property
    def by_chance(self) -> bool:
        """Whether every text that was left could have been drawn: not if some were taken for certain and no others."""
        return len(self.probabilities) in (0, self.left) or float(self.probabilities.min()) < 1


class Rate(BaseModel):
    """How often the deployed member fails among the texts that it passes.

    Attributes:
        rate: unbiased estimate, so it can come out below the share of failures found, and with few labels above 1.
        interval: at `confidence`; never below the share of failures found, never above what labels have ruled out.
        confidence: how often the interval is to hold the truth.
        texts: texts in the pool.
        labels: labels that the estimate rests on.
        found: failures among these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float
    interval: tuple[float, float]
    confidence: float
    texts: int
    labels: int
    found: int


def failure_rate(rounds: Sequence[Round], confidence: float = 0.95) -> Rate:
    """The rate in the pool that the first round was drawn from.

    Args:
        rounds: in order; each is drawn from what the one before it left. Rounds without texts are passed over. Sizes
            that depend on answers, as second votes make them do, leave the estimate only nearly unbiased.
        confidence: of the interval, in (0, 1).

    Raises:
        InputError: no label, a probability outside (0, 1], lengths or sizes that do not fit together, or a round that
            left nothing to chance.
    """
    drawn = [each for each in rounds if len(each.probabilities)]
    _check(drawn, confidence)
    weights = label_weights(drawn)
    failing = np.concatenate([each.failures for each in drawn]).astype(np.bool_)
    texts, found = drawn[0].left, int(failing.sum())
    low, high = _limits(weights, failing, confidence) if len(failing) < texts else (float(found), float(found))
    most = texts - (len(failing) - found)
    return Rate(
        rate=float(weights[failing].sum()) / texts,
        interval=(min(max(low, found), most) / texts, max(min(high, most), found) / texts),
        confidence=confidence,
        texts=texts,
        labels=len(failing),
        found=found,
    )


def rounds_of(choices: Sequence[Choice], labels: FloatArray) -> list[Round]:
    """The rounds of a campaign as far as all their texts have labels; second votes are no draws and left out.

    Args:
        choices: what the strategy chose, in order, each out of all texts that had not been chosen before.
        labels: what is known of the pool, shape (n,): 1 = failure, 0 = none, nan = not known.
    """
    seen, rounds = np.zeros(len(labels), dtype=np.bool_), []
    for choice in choices:
        new = ~seen[choice.indices]
        places = choice.indices[new]
        if np.isnan(labels[places]).any():
            break
        rounds.append(Round(choice.probabilities[new], labels[places] == 1, int((~seen).sum())))
        seen[places] = True
    return rounds


def label_weights(rounds: Sequence[Round]) -> FloatArray:
    """How many texts of the pool each labelled one stands for, in the order of the rounds, shape (labels,).

    With N texts, M labels and M_t of them up to round t, the rounds after t weigh W_t = N/M - (N/M)(N - M)/(N - M_t)
    together and round t weighs w_t = W_(t-1) - W_t; a text drawn in it with q stands for w_t / q + W_t.
    """
    sizes = np.array([len(each.probabilities) for each in rounds])
    texts, labels = rounds[0].left, int(sizes.sum())
    later = np.zeros(len(rounds))
    later[:-1] = (texts / labels) * (1 - (texts - labels) / (texts - np.cumsum(sizes)[:-1]))
    own = np.concatenate([[1.0], later[:-1]]) - later
    return np.concatenate([w / each.probabilities + rest for each, w, rest in zip(rounds, own, later, strict=True)])


def _check(rounds: Sequence[Round], confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"must lie between 0 and 1, not {confidence:g}", field="confidence")
    if not rounds:
        raise InputError("no labels, so nothing can be said of the rate; label at least one text")
    left = rounds[0].left
    for number, each in enumerate(rounds, start=1):
        q = each.probabilities
        if q.shape != each.failures.shape:
            raise InputError(f"round {number} has {len(q)} probabilities for {len(each.failures)} labels")
        if not (np.isfinite(q).all() and (q > 0).all() and (q <= 1).all()):
            raise InputError(f"round {number} has a probability outside (0, 1]: {q.min():g} to {q.max():g}")
        if each.left != left or len(q) > left:
            raise InputError(
                f"round {number} draws {len(q)} of {each.left} texts, where the rounds before it left {left}; a round"
                " draws from all texts that have no label yet"
            )
        if not each.by_chance:
            raise InputError(
                f"round {number} took {len(q)} of {left} texts for certain, so that the others had no chance; a rate"
                " can be told only from strategies that leave every text a chance, such as adaptive and random"
            )
        left -= len(q)


def _limits(weights: FloatArray, failing: NDArray[np.bool_], confidence: float) -> tuple[float, float]:
    """Numbers of failures in the pool between which the one that was estimated is not surprising."""
    tail, estimate = (1 - confidence) / 2, float(weights[failing].sum())
    logits = np.log(_odds(weights, failing))

    def chances(size: float) -> FloatArray:
        """Chance of failure of each labelled text where the odds are exp(size) times the model's."""
        return np.asarray(1 / (1 + np.exp(-np.clip(size + logits, -_WIDEST, _WIDEST))), dtype=np.float64)

    def surprise(size: float) -> float:
        """P(an estimate no higher than this one), where failures are as likely as that."""
        return _below(estimate - number(size), weights, chances(size))

    def number(size: float) -> float:
        return float(weights @ chances(size))

    low = 0.0 if estimate == 0 else number(_crossing(lambda size: surprise(size) - (1 - tail)))
    return low, number(_crossing(lambda size: surprise(size) - tail))


def _crossing(falling: Callable[[float], float]) -> float:
    """The lowest place within the widest range of logits at which a function falls below 0; the highest if none is.

    The chance of an estimate no higher than this one falls as failures get likelier, except where nearly all texts fail
    and no estimate could be higher; so the first crossing is looked for, and not any.
    """
    from scipy.optimize import brentq

    before = -_WIDEST
    if falling(before) <= 0:
        return before
    for place in np.arange(-_WIDEST, _WIDEST, _STRIDE)[1:].tolist():
        if falling(place) <= 0:
            return float(brentq(falling, before, place, xtol=1e-6))
        before = place
    return _WIDEST


def _below(distance: float, weights: FloatArray, chance: FloatArray) -> float:
    """P(estimate - truth <= distance), by a gamma distribution with the variance and skewness of the difference.

    A labelled text that fails with chance p adds weight - 1 to the difference, each of the weight - 1 texts that it
    stands for beside itself takes 1 away; all are taken as independent, which systematic draws are not quite.
    """
    from scipy.stats import gamma, norm

    beside = weights - 1
    second = float((beside**2 + beside) @ (chance * (1 - chance)))
    third = float((beside**3 - beside) @ (chance * (1 - chance) * (1 - 2 * chance)))
    if second <= _CLOSE:
        return float(distance >= -_CLOSE)
    if third <= _CLOSE:
        return float(norm.cdf(distance / np.sqrt(second)))
    shape, scale = 4 * second**3 / third**2, third / (2 * second)
    return float(gamma.cdf(distance / scale + shape, shape))


def _odds(weights: FloatArray, failing: NDArray[np.bool_]) -> FloatArray:
    """Odds of failure of each labelled text up to a common factor, positive, shape (labels,).

    Logistic regression on the weight's logarithm, its slope with a normal prior (Newton's method), plus a constant.
    """
    spread = np.full(len(weights), SPREAD_FAILURES / len(weights))
    if not failing.any() or failing.all():
        return spread
    design = np.column_stack([np.ones(len(weights)), -np.log(np.maximum(weights, _CLOSE))])
    share = failing.mean()
    beta, prior = np.array([np.log(share / (1 - share)), 0.0]), np.diag([_CLOSE, SLOPE_SPREAD**-2])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -_WIDEST, _WIDEST)))
        gradient = design.T @ (failing - chance) - prior @ (beta - np.array([0.0, SLOPE]))
        step = np.linalg.solve(design.T @ (design * (chance * (1 - chance))[:, None]) + prior, gradient)
        beta = beta + step / max(1.0, float(np.abs(step).max()) / 2)
        if float(np.abs(step).max()) < _CLOSE:
            break
    return np.asarray(np.exp(np.clip(design @ beta, -_WIDEST, _WIDEST)) + spread, dtype=np.float64)
