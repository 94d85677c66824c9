"""How reliable the raters are, told from all answers; for admins, never for other raters.

Nobody's truth is known for certain: what everybody says of a text is weighed by how reliable they are, and that by how
well they agree with what is believed (see `ensemble.labels`). Texts that drills planted have a known label and count as
known. A flag is a reason to look, not a verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.labels.agreement import krippendorff
from ensemble.labels.batch import fit
from ensemble.labels.incremental import ANSWERS
from ensemble.labels.raters import RaterQuality, quality
from ensemble.labels.settings import LabelSettings
from miners.queue.protocol import Ledger
from miners.queue.types import Answer

MOST_ANSWERS = 200_000
"""Newest answers that a report is told from."""

FEW = 10
"""Answers below which nobody is flagged."""

USUAL_ERROR = 0.1
"""Share of wrong answers to known texts that is surely exceeded where a rater is flagged."""

HASTE = 1 / 3
"""Median seconds of an answer, as a share of everybody's, below which a rater is flagged."""


class RaterRow(BaseModel):
    """What is known of one rater.

    Attributes:
        answers: given, among those that the report is told from.
        sensitivity: P(yes | yes) among yes and no, with its 95 % interval; see `RaterQuality`.
        specificity: P(no | no), likewise.
        unsure: P(unsure).
        known: answers to texts of known label.
        wrong: those of them that are yes or no and wrong.
        seconds: median time of an answer, where clients measured it.
        flags: reasons to look at this rater's answers.
    """

    model_config = ConfigDict(frozen=True)

    rater: str
    answers: int
    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    unsure: float
    known: int = 0
    wrong: int = 0
    seconds: float | None = None
    flags: list[str] = []


class RaterReport(BaseModel):
    """All raters, most answers first.

    Attributes:
        answers: that the report is told from, at most `MOST_ANSWERS`.
        known_texts: texts of known label among those answered.
        alpha: Krippendorff's; None where no two answers to one text can be compared.
        alpha_interval: 95 %, over texts.
        compared: texts with at least two answers.
    """

    model_config = ConfigDict(frozen=True)

    raters: list[RaterRow]
    answers: int
    known_texts: int
    alpha: float | None
    alpha_interval: tuple[float, float] | None
    compared: int


def rater_report(ledger: Ledger, settings: LabelSettings | None = None) -> RaterReport:
    """Reads the newest answers and the planted texts, and fits the model to them.

    Args:
        ledger: of one task.
        settings: priors of the model.
    """
    truth = {plant.new.id: plant.new.provenance.expected_label for plant in ledger.plants() if not plant.retired}
    answers = list(deque(ledger.answers(), maxlen=MOST_ANSWERS))
    return reported(answers, {item: label for item, label in truth.items() if label is not None}, settings)


def reported(answers: Sequence[Answer], truth: Mapping[str, int], settings: LabelSettings | None = None) -> RaterReport:
    """The report on some answers.

    Args:
        answers: at most one of a rater about a text.
        truth: 1 or 0 by text, where it is known.
        settings: priors of the model.
    """
    chosen = settings or LabelSettings()
    texts = {item: n for n, item in enumerate(dict.fromkeys(answer.item_id for answer in answers))}
    people = {rater: n for n, rater in enumerate(dict.fromkeys(answer.rater for answer in answers))}
    items, raters, said = (
        np.array(column, dtype=np.intp)
        for column in (
            [texts[answer.item_id] for answer in answers],
            [people[answer.rater] for answer in answers],
            [ANSWERS[answer.body.answer] for answer in answers],
        )
    )
    known = {texts[item]: label for item, label in truth.items() if item in texts}
    found = fit(items, raters, said, settings=chosen, gold=known)
    agreement = krippendorff(items, said)
    everybody = _median([answer.body.seconds for answer in answers])
    own: dict[str, list[Answer]] = {rater: [] for rater in people}
    for answer in answers:
        own[answer.rater].append(answer)
    rows = [
        _row(rater, own[rater], quality(found.counts[n], len(own[rater]), chosen), truth, everybody)
        for rater, n in people.items()
    ]
    comparable = not np.isnan(agreement.alpha)
    return RaterReport(
        raters=sorted(rows, key=lambda row: (-row.answers, row.rater)),
        answers=len(answers),
        known_texts=len(known),
        alpha=agreement.alpha if comparable else None,
        alpha_interval=agreement.interval if comparable else None,
        compared=agreement.items,
    )


def _row(
    rater: str, own: Sequence[Answer], found: RaterQuality, truth: Mapping[str, int], everybody: float | None
) -> RaterRow:
    known = [answer for answer in own if answer.item_id in truth]
    said = [(ANSWERS[answer.body.answer], truth[answer.item_id]) for answer in known if answer.body.answer != "unsure"]
    wrong = sum(answer != label for answer, label in said)
    seconds = _median([answer.body.seconds for answer in own])
    flags = []
    if len(said) >= FEW and clopper_pearson(wrong, len(said))[0] > USUAL_ERROR:
        flags.append(f"{wrong:,} of {len(said):,} answers to texts of known label are wrong")
    if len(own) >= FEW and seconds is not None and everybody and seconds < HASTE * everybody:
        flags.append(f"answers within {seconds:.1f} s, everybody within {everybody:.1f} s (medians)")
    return RaterRow(
        rater=rater,
        answers=len(own),
        sensitivity=found.sensitivity,
        sensitivity_interval=found.sensitivity_interval,
        specificity=found.specificity,
        specificity_interval=found.specificity_interval,
        unsure=found.unsure,
        known=len(known),
        wrong=wrong,
        seconds=seconds,
        flags=flags,
    )


def _median(seconds: Sequence[float | None]) -> float | None:
    given = [each for each in seconds if each is not None]
    return float(np.median(given)) if given else None
