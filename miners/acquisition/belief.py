"""What is believed of every text's label after some answers.

A Gaussian process over corrections to a prior: the latent score of a text is the prior's logit plus a correction that
is alike for texts that are alike (`kernel`), and the label is yes with the score's logistic. Before any answer the
belief is the prior itself: three opinions pooled, see `prior_logit`. The posterior over corrections is Laplace's
approximation (Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, algorithms 3.1 and 3.2), and how
far answers carry is averaged over a few settings, each weighed by its approximate evidence (Hoeting and others 1999,
Statistical Science 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration import logit
from miners.acquisition.kernel import Likeness, Points, Scales, variance
from miners.acquisition.strategy import FloatArray, IntArray, Pool
from miners.acquisition.tally import Tally

MOST = 2000
"""Answered texts that belief is fitted to, at most: time grows with their cube."""

_CHUNK = 8192
_STEPS, _CLOSE = 50, 1e-6
_JITTER = 1e-8
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Belief:
    """Of n texts.

    Attributes:
        mean: of the latent score, in logits, shape (n,).
        deviation: of the latent score, in logits, shape (n,).
        yes: P(label is yes), shape (n,), in (0, 1).
        others: P(label is yes) of the answered texts as told by the other answers alone, in the tally's order.
    """

    mean: FloatArray
    deviation: FloatArray
    yes: FloatArray
    others: FloatArray


@dataclass(frozen=True)
class _Mode:
    """Laplace's approximation at the answered texts (m of them).

    Attributes:
        gradient: of the log likelihood at the mode, shape (m,).
        root: square roots of the negative second derivatives, shape (m,).
        lower: Cholesky factor of I + root K root, shape (m, m).
        latent: the mode, shape (m,).
        evidence: approximate log marginal likelihood; higher is better.
    """

    gradient: FloatArray
    root: FloatArray
    lower: FloatArray
    latent: FloatArray
    evidence: float


def believe(pool: Pool, tally: Tally, candidates: Sequence[Scales], points: Points | None = None) -> Belief:
    """What is believed of all texts of the pool.

    Args:
        pool: n texts.
        tally: what people said; texts without a yes or no teach nothing. Of more than `MOST` the failures come first
            and of the rest as many as have room, evenly over the pool.
        candidates: settings to average over; without answers the first counts alone.
        points: of the pool, if they are known already.
    """
    points, prior = points or Points.of(pool), prior_logit(pool)
    learned = _learned(tally)
    taught = tally.only(learned)
    if not len(taught.indices):
        deviation = np.sqrt(variance(points, candidates[0]))
        return Belief(prior, deviation, averaged(prior, deviation * 0.0), averaged(prior[tally.indices], 0.0))
    at = points.at(taught.indices)
    modes = [
        _mode(kernel, prior[taught.indices], taught.share) for kernel in Likeness.of(at, at).covariances(candidates)
    ]
    weights = _weights(modes)
    kept = [place for place, weight in enumerate(weights) if weight > _NEGLIGIBLE]
    told = _predict(points, at, prior, [candidates[place] for place in kept], [modes[place] for place in kept])
    parts = [
        (float(weights[place]), _one(mean, deviation, (tally.indices, learned), modes[place]))
        for place, (mean, deviation) in zip(kept, told, strict=True)
    ]
    return _mixed(parts)


def prior_logit(pool: Pool) -> FloatArray:
    """What is believed before any answer, in logits, shape (n,): three opinions, their logits averaged.

    A logarithmic pool (Genest and Zidek 1986, Statistical Science 1) of the stacked posterior, the mean of the members'
    P(yes) and the deployed member's. The stacked one alone would be best if its weights were sure; fitted to few labels
    of other texts they are not, and an average with equal weights errs elsewhere. What did not answer has no opinion.
    Weighing several priors by how well they foretell the answers (their evidence) was tried and left out: it found no
    more for several times the work.
    """
    answered = ~np.isnan(pool.probabilities)
    count = np.maximum(answered.sum(axis=1), 1)
    mean = np.where(answered, pool.probabilities, 0.0).sum(axis=1) / count
    deployed = pool.probabilities[:, pool.members.index(pool.deployed)]
    opinions = np.column_stack([pool.posterior, np.where(answered.any(axis=1), mean, np.nan), deployed])
    return np.asarray(np.nanmean(logit(opinions), axis=1), dtype=np.float64)


def _weights(modes: Sequence[_Mode]) -> FloatArray:
    """Share of each setting: its evidence, all being as likely beforehand."""
    evidence = np.array([mode.evidence for mode in modes])
    weights = np.exp(evidence - evidence.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _learned(tally: Tally) -> NDArray[np.bool_]:
    """Which answered texts belief is fitted to, shape (m,)."""
    decided = tally.is_decided
    yes = decided & (tally.yes >= tally.no)
    places = np.concatenate([_evenly(yes, MOST), _evenly(decided & ~yes, max(0, MOST - int(yes.sum())))])
    learned = np.zeros(len(decided), dtype=np.bool_)
    learned[places] = True
    return learned


def _evenly(of: NDArray[np.bool_], most: int) -> IntArray:
    """Places of at most so many of the true ones, evenly over all of them."""
    places = np.flatnonzero(of)
    if len(places) <= most:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, most).astype(np.intp)], dtype=np.intp)


def _one(mean: FloatArray, deviation: FloatArray, answered: tuple[IntArray, NDArray[np.bool_]], mode: _Mode) -> Belief:
    """Belief under one setting; `answered` holds the places of the answered texts and which of them it is fitted to."""
    indices, learned = answered
    others = averaged(mean[indices], deviation[indices])
    others[learned] = _left_out(mode)
    return Belief(mean, deviation, averaged(mean, deviation), others)


def _mixed(parts: Sequence[tuple[float, Belief]]) -> Belief:
    """Belief averaged over settings; the deviation includes how far they differ."""
    weights = np.array([weight for weight, _ in parts])
    weights /= weights.sum()
    mean = sum(w * each.mean for w, (_, each) in zip(weights, parts, strict=True))
    spread = sum(
        w * (np.square(each.deviation) + np.square(each.mean - mean))
        for w, (_, each) in zip(weights, parts, strict=True)
    )
    return Belief(
        mean=np.asarray(mean),
        deviation=np.sqrt(np.asarray(spread)),
        yes=np.asarray(sum(w * each.yes for w, (_, each) in zip(weights, parts, strict=True))),
        others=np.asarray(sum(w * each.others for w, (_, each) in zip(weights, parts, strict=True))),
    )


def averaged(mean: FloatArray, deviation: FloatArray | float) -> FloatArray:
    """The logistic averaged over a normal score (MacKay 1992, Neural Computation 4), same shape, in (0, 1)."""
    shrunk = mean / np.sqrt(1 + np.pi / 8 * np.square(deviation))
    return np.asarray(1 / (1 + np.exp(-np.clip(shrunk, -40, 40))), dtype=np.float64)


def _mode(kernel: FloatArray, prior: FloatArray, share: FloatArray) -> _Mode:
    """Newton's method to the mode (algorithm 3.1 with a prior mean); `share` is the share of yes among the answers."""
    from scipy.linalg import cho_solve, cholesky

    weights, latent, objective = np.zeros(len(prior)), prior.copy(), -np.inf
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-latent))
        curvature = np.maximum(p * (1 - p), 1e-10)
        root, gradient = np.sqrt(curvature), share - p
        lower = cholesky(np.eye(len(prior)) * (1 + _JITTER) + root[:, None] * kernel * root[None, :], lower=True)
        target = curvature * (latent - prior) + gradient
        step = target - root * cho_solve((lower, True), root * (kernel @ target)) - weights
        weights, latent, better = _damped(weights, step, kernel, prior, share)
        if better - objective < _CLOSE:
            break
        objective = better
    p = 1 / (1 + np.exp(-latent))
    root = np.sqrt(np.maximum(p * (1 - p), 1e-10))
    lower = cholesky(np.eye(len(prior)) * (1 + _JITTER) + root[:, None] * kernel * root[None, :], lower=True)
    evidence = _objective(weights, latent, prior, share) - float(np.log(np.diag(lower)).sum())
    return _Mode(share - p, root, lower, latent, evidence)


def _damped(
    weights: FloatArray, step: FloatArray, kernel: FloatArray, prior: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """The longest of a full, half, quarter ... step that does not lead down; Newton alone may overshoot."""
    before = _objective(weights, prior + kernel @ weights, prior, share)
    for halving in range(10):
        tried = weights + step * 0.5**halving
        latent = prior + kernel @ tried
        reached = _objective(tried, latent, prior, share)
        if reached >= before:
            return tried, latent, reached
    return weights, prior + kernel @ weights, before


def _objective(weights: FloatArray, latent: FloatArray, prior: FloatArray, share: FloatArray) -> float:
    return float(-0.5 * weights @ (latent - prior) + (share * latent - np.logaddexp(0, latent)).sum())


def _predict(
    points: Points, at: Points, prior: FloatArray, candidates: Sequence[Scales], modes: Sequence[_Mode]
) -> list[tuple[FloatArray, FloatArray]]:
    """Mean and deviation of all latent scores under each setting (algorithm 3.2), in pieces that keep memory small."""
    from scipy.linalg import solve_triangular

    told = [(prior.copy(), variance(points, scales)) for scales in candidates]
    for start in range(0, len(prior), _CHUNK):
        piece = np.arange(start, min(start + _CHUNK, len(prior)), dtype=np.intp)
        across = Likeness.of(points.at(piece), at).covariances(candidates)
        for (mean, spread), kernel, mode in zip(told, across, modes, strict=True):
            mean[piece] += kernel @ mode.gradient
            explained = solve_triangular(mode.lower, mode.root[:, None] * kernel.T, lower=True)
            spread[piece] -= (explained * explained).sum(axis=0)
    return [(mean, np.sqrt(np.maximum(spread, 0.0))) for mean, spread in told]


def _left_out(mode: _Mode) -> FloatArray:
    """P(yes) of each answered text without its own answer, to first order (the cavity of its Gaussian factor)."""
    from scipy.linalg import cho_solve

    inverse = cho_solve((mode.lower, True), np.eye(len(mode.root)))
    # With W = root^2 the marginal precision is 1 / diag((K^-1 + W)^-1), and diag(...) = (1 - diag(B^-1)) / W.
    curvature = np.square(mode.root)
    marginal = np.maximum((1 - np.diag(inverse)) / curvature, 1e-10)
    precision = np.maximum(1 / marginal - curvature, 1e-6)
    mean = (mode.latent / marginal - (curvature * mode.latent + mode.gradient)) / precision
    return averaged(mean, 1 / np.sqrt(precision))
