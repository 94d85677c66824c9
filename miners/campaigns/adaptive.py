"""Selecting what a round queues by what people have answered so far: `adaptive` among the acquisition strategies.

The pool is the round's texts and the labelled ones of the queue, whichever campaign brought them. A text of the audited
stratum (`miners.selection`) that is not worth more than most takes the priority of a random other one chosen: at its
own it would lie at the end of the queue, and the labels that the audit is owed would never be given.

Texts are known by their sentence embeddings where the campaign has an embedder, else by their words; an item's number
`meaning` says which.

A labelled text on which one more answer is likelier to change something than a new text is served again, to somebody
else. Where people still cannot agree or say after some votes, the text is dropped: nobody is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.acquisition.adaptive import Adaptive
from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.strategy import Answered as AnsweredTexts
from miners.acquisition.strategy import Pool
from miners.acquisition.text_features import text_features
from miners.campaigns.labels import Answered
from miners.campaigns.meaning import RememberedMeaning
from miners.campaigns.records import Order, Said
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Provenance, Scored, Selected
from miners.ranking import Ranked, rank
from miners.selection import agreed_stratum

MOST_ANSWERED = 2_000
"""Newest labelled texts that a selection learns from; time grows with the cube of their number."""

_LABELS = {"yes": 1.0, "no": 0.0, "unsure": np.nan}

_MOST_VOTES = 20
"""A text on which so many cannot agree is ambiguous, whatever one more would say."""


@dataclass(frozen=True)
class Selection:
    """What a round comes to.

    Attributes:
        selected: new texts, by decreasing priority.
        orders: further answers to labelled ones.
    """

    selected: list[Selected]
    orders: list[Order] = field(default_factory=list)


def by_answers(
    scored: Sequence[Scored],
    answered: Sequence[Answered],
    places: int,
    spec: CampaignSpec,
    rng: np.random.Generator,
    *,
    meaning: RememberedMeaning | None = None,
) -> Selection:
    """At most `places` of a round's texts, each with its probability, and further answers to old ones.

    Args:
        scored: texts of the round.
        answered: labelled texts of the queue.
        places: how many to take.
        spec: of the campaign.
        rng: decides.
        meaning: embeds texts; None goes by their words.
    """
    known = comparable(scored, answered)[-MOST_ANSWERED:]
    pool = pool_of(scored, known, spec, meaning)
    said = answers_to(known, len(scored))
    choice = Adaptive(settings_of(spec)).choose(pool, said, places, rng)
    ranked = [rank(item.verdict, spec.deployed, spec.weights) for item in scored]
    calm = agreed_stratum(ranked) & (len(choice.values) > 1)
    usual = float(np.median(choice.values)) if len(choice.values) else 0.0
    chosen = zip(choice.indices, choice.probabilities, choice.values, strict=True)
    selected = [
        _selected(
            scored[i],
            ranked[i],
            float(q),
            float(value),
            {"labels": float(len(known)), "meaning": float(meaning is not None)},
            audit=bool(calm[i]) and value <= usual,
        )
        for i, q, value in chosen
        if i < len(scored)
    ]
    again = [
        (known[i - len(scored)], float(value))
        for i, value in zip(choice.indices, choice.values, strict=True)
        if i >= len(scored)
    ]
    return Selection(_placed(selected, rng), [_order(each, value) for each, value in again])


def answers_to(known: Sequence[Answered], first: int) -> AnsweredTexts:
    """Every answer to labelled texts, which stand in the pool from place `first` on."""
    votes = [_votes(each.said) for each in known]
    place = first + np.repeat(np.arange(len(known), dtype=np.intp), [len(own) for own in votes])
    severity = [_number(each.said.severity) for each, own in zip(known, votes, strict=True) for _ in own]
    return AnsweredTexts(
        indices=place,
        labels=np.array([vote for own in votes for vote in own], dtype=np.float64),
        severity=np.array(severity, dtype=np.float64),
        waiting=first + np.flatnonzero([each.waits for each in known]),
    )


def settings_of(spec: CampaignSpec) -> AdaptiveSettings:
    """How the adaptive strategy shares out the places of a campaign."""
    usual = AdaptiveSettings()
    return AdaptiveSettings(
        audit_share=min(spec.design.audit_share, 0.5),
        false_alarm=spec.weights.false_alarm,
        second_vote_share=spec.second_votes,
        max_votes=min(max(usual.max_votes, spec.answers + 1), _MOST_VOTES),
    )


def comparable(scored: Sequence[Scored], answered: Sequence[Answered]) -> list[Answered]:
    """Labelled texts whose members gave their numbers at the versions of today; other numbers would mislead."""
    today = {name: score.version for item in scored for name, score in item.verdict.members.items()}
    return [
        each
        for each in answered
        if each.new.verdict.members
        and all(today.get(name) == score.version for name, score in each.new.verdict.members.items())
    ]


def pool_of(
    scored: Sequence[Scored], answered: Sequence[Answered], spec: CampaignSpec, meaning: RememberedMeaning | None = None
) -> Pool:
    """The round's texts, then the labelled ones."""
    verdicts = [item.verdict for item in scored] + [each.new.verdict for each in answered]
    texts = [item.candidate.text for item in scored] + [Text(each.new.text, each.new.context) for each in answered]
    origins = [item.candidate.provenance for item in scored] + [each.new.provenance for each in answered]
    members = sorted({spec.deployed, *(name for verdict in verdicts for name in verdict.members)})
    return Pool(
        probabilities=np.array([_row(verdict, members) for verdict in verdicts], dtype=np.float64),
        members=tuple(members),
        deployed=spec.deployed,
        thresholds=np.array([threshold_of(verdicts, name) for name in members]),
        posterior=np.array([verdict.probability for verdict in verdicts]),
        features=meaning(texts) if meaning else text_features([text.text for text in texts], seed=spec.seed),
        origins=[_origin(provenance) for provenance in origins],
    )


def threshold_of(verdicts: Sequence[Verdict], name: str) -> float:
    """P(yes) from which a member votes yes, told from its votes: one that reproduces each of them, in (0, 1]."""
    votes = [verdict.members[name] for verdict in verdicts if name in verdict.members]
    highest = max((vote.probability for vote in votes if vote.vote == "no"), default=None)
    lowest = min((vote.probability for vote in votes if vote.vote == "yes"), default=None)
    if lowest is not None:
        return lowest
    return 0.5 if highest is None else float(np.nextafter(max(highest, 0.5), 2.0))


def _row(verdict: Verdict, members: Sequence[str]) -> list[float]:
    found = [verdict.members.get(name) for name in members]
    return [np.nan if score is None else score.probability for score in found]


def _origin(provenance: Provenance) -> str:
    """Source and operators, without the file's name: what a text is like hangs on the kind of its source."""
    return " ".join([provenance.source.partition(":")[0], *provenance.operators])


def _votes(said: Said) -> list[float]:
    """Every answer behind a label; the label alone where answers were not counted."""
    counted = {"yes": said.yes, "no": said.no, "unsure": said.unsure} if said.votes else {said.label: 1}
    return [_LABELS[value] for value, count in counted.items() for _ in range(count)]


def _order(each: Answered, value: float) -> Order:
    """One more answer to a labelled text."""
    votes = max(each.said.votes, 1)
    why = f"one more vote, worth {value:.2f}: {each.said.yes} yes, {each.said.no} no, {each.said.unsure} unsure"
    return Order(
        id=each.said.id,
        needed=votes + 1,
        priority=value,
        why=why,
        parts={**each.new.parts, "own_priority": value, "votes": float(votes)},
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _selected(
    scored: Scored, ranked: Ranked, probability: float, value: float, learned: dict[str, float], *, audit: bool
) -> Selected:
    labels = learned["labels"]
    learnt = f", worth {value:.2f} after {labels:,.0f} labels" if labels else ""
    return Selected(
        scored=scored,
        priority=value,
        probability=probability,
        why=f"{'audit of agreement: ' if audit else ''}{ranked.why}{learnt}",
        parts={**ranked.parts, "own_priority": value, "audit": float(audit), **learned},
    )


def _placed(selected: Sequence[Selected], rng: np.random.Generator) -> list[Selected]:
    """By decreasing priority, where audited texts have that of random others."""
    others = [item.priority for item in selected if not item.parts["audit"]]
    borrowed = iter(np.resize(rng.permutation(others), len(selected)).tolist() if others else [])
    placed = [
        replace(item, priority=next(borrowed, item.priority)) if item.parts["audit"] else item for item in selected
    ]
    return sorted(placed, key=lambda item: (-item.priority, item.scored.candidate.text.id))
