"""The same model with all answers at once, by expectation maximisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.labels.settings import AMBIGUOUS, NO, YES, LabelSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What all answers say.

    Attributes:
        beliefs: P(no), P(yes), P(ambiguous), shape (items, 3).
        counts: expected answers of each rater, without the prior, shape (raters, no or yes, answer).
        rounds: of expectation and maximisation.
    """

    beliefs: FloatArray
    counts: FloatArray
    rounds: int

    def p_yes(self) -> FloatArray:
        """P(yes), given that it is yes or no, shape (items,)."""
        clear = self.beliefs[:, NO] + self.beliefs[:, YES]
        return np.asarray(np.divide(self.beliefs[:, YES], clear, out=np.full(len(clear), 0.5), where=clear > 0))


def fit(
    items: Sequence[int] | NDArray[np.intp],
    raters: Sequence[int] | NDArray[np.intp],
    answers: Sequence[int] | NDArray[np.intp],
    *,
    settings: LabelSettings | None = None,
    gold: Mapping[int, int] | None = None,
    tolerance: float = 1e-6,
    rounds: int = 500,
) -> Fit:
    """Fits the model of `incremental` to answers, one of a rater about a text each.

    Args:
        items: number of each answer's text, from 0, shape (n,).
        raters: number of each answer's rater, from 0, shape (n,).
        answers: 0 = no, 1 = yes, 2 = unsure, shape (n,).
        settings: priors.
        gold: texts of known truth, 0 or 1.
        tolerance: largest change of a belief at which it ends.
        rounds: at most.
    """
    chosen = settings or LabelSettings()
    item, rater, said = (np.asarray(given, dtype=np.intp) for given in (items, raters, answers))
    texts, people = int(item.max(initial=-1)) + 1, int(rater.max(initial=-1)) + 1
    truth = np.array(sorted((gold or {}).items()), dtype=np.intp).reshape(-1, 2)
    beliefs = _first(item, said, texts, chosen)
    counts, done = np.zeros((people, 2, 3)), 0
    for done in range(1, rounds + 1):  # noqa: B007 (told afterwards)
        beliefs[truth[:, 0]] = np.eye(3)[truth[:, 1]]
        counts = _counts(beliefs, item, rater, said, people)
        found = _beliefs(beliefs.sum(0) + chosen.class_prior(), counts, item, rater, said, chosen)
        found[truth[:, 0]] = np.eye(3)[truth[:, 1]]
        moved = float(np.abs(found - beliefs).max(initial=0.0))
        beliefs = found
        if moved <= tolerance:
            break
    return Fit(beliefs, counts, done)


def _first(item: NDArray[np.intp], said: NDArray[np.intp], texts: int, settings: LabelSettings) -> FloatArray:
    """Beliefs as if all raters were what the settings assume, shape (texts, 3)."""
    prior = settings.rater_prior()
    logs = np.log(np.vstack([prior / prior.sum(1, keepdims=True), settings.ambiguous_answers()]))
    table = np.tile(np.log(settings.class_prior()), (texts, 1))
    for kind in range(3):
        table[:, kind] += np.bincount(item, weights=logs[kind, said], minlength=texts)
    return _normalised(table)


def _counts(
    beliefs: FloatArray, item: NDArray[np.intp], rater: NDArray[np.intp], said: NDArray[np.intp], people: int
) -> FloatArray:
    """Expected answers by class, shape (people, 2, 3)."""
    counts = np.zeros((people, 2, 3))
    for kind in (NO, YES):
        flat = np.bincount(rater * 3 + said, weights=beliefs[item, kind], minlength=people * 3)
        counts[:, kind] = flat.reshape(people, 3)
    return counts


def _beliefs(
    classes: FloatArray,
    counts: FloatArray,
    item: NDArray[np.intp],
    rater: NDArray[np.intp],
    said: NDArray[np.intp],
    settings: LabelSettings,
) -> FloatArray:
    seen = counts + settings.rater_prior()
    logs = np.log(seen / seen.sum(2, keepdims=True))
    texts = int(item.max(initial=-1)) + 1
    table = np.tile(np.log(classes), (texts, 1))
    for kind in (NO, YES):
        table[:, kind] += np.bincount(item, weights=logs[rater, kind, said], minlength=texts)
    table[:, AMBIGUOUS] += np.bincount(item, weights=np.log(settings.ambiguous_answers())[said], minlength=texts)
    return _normalised(table)


def _normalised(logs: FloatArray) -> FloatArray:
    exponents = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf)) if len(logs) else logs
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))
