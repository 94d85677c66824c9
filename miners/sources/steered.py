"""Texts out of a language model that is shown what the deployed member missed, and asked for more of the kind.

Findings, promising texts and seeds stand as a list in the prompt, the model goes on with it, people's answers change
the list: adaptive testing as of Ribeiro and Lundberg, "Adaptive Testing and Debugging of NLP Models", ACL 2022. A call
asks for many samples of one prompt, so that the model reads it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text, identity
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError
from miners.proposer import Outcome
from miners.sources.completions import Generate, tidy
from miners.sources.shots import Shot, Shots
from miners.splits import TRAIN

_SHOTS = 6
_TRIES = 8
_COPIED = 0.5
"""Share of a text's word triples that stand in one shot from which it counts as a copy."""

_BEGINNING, _GOES_ON, _ITEM = "Beginning:", "Goes on:", "-"


class Steered:
    """Asks for texts like those that the deployed member misses; implements `Learns`."""

    def __init__(
        self,
        seeds: Sequence[LabelledText],
        generate: Generate,
        *,
        openings: Sequence[str] = (),
        seed: int = 0,
        limit: int | None = None,
        at_once: int = 16,
    ) -> None:
        """Calls nothing yet.

        Args:
            seeds: labelled texts to begin with; only those of split train that are labelled yes are used.
            generate: see `Generate`.
            openings: beginnings to continue; without any, the model writes texts without context.
            seed: of what is drawn and of the generation.
            limit: samples to ask for, at most; None = no end.
            at_once: samples of one prompt.

        Raises:
            SourceError: no seed can be used.
        """
        self._shots = Shots(seeds)
        self._generate, self._openings, self._seed = generate, tuple(openings), seed
        self._limit, self._at_once = limit, at_once
        self._drawn = 0

    @property
    def name(self) -> str:
        """Always "steered"."""
        return "steered"

    def propose(self, count: int) -> list[Candidate]:
        """At least one and at most `count` texts worth reading, or none at the limit.

        Raises:
            SourceError: call after call the model gave nothing but degenerate text or copies.
        """
        for _ in range(_TRIES):
            asked = min(count, self._at_once, count if self._limit is None else self._limit - self._drawn)
            if asked <= 0:
                return []
            if found := self._ask(asked):
                return found
        raise SourceError(f"the model gave nothing but degenerate text or copies in {_TRIES} calls")

    def observe(self, scored: Sequence[Scored]) -> None:
        """Its own texts that most probably are mistakes stand in later prompts."""
        self._shots.observe(scored)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Confirmed findings of every source stand in later prompts, newest and gravest most often."""
        self._shots.learn(outcomes)

    def state(self) -> dict[str, Any]:
        """Samples asked for, and what was learnt."""
        return {"drawn": self._drawn, **self._shots.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind the samples asked for, knowing what was learnt."""
        self._drawn = int(state["drawn"])
        self._shots.restore(state)

    def expected(self, limit: int) -> int | None:
        """Samples left, up to `limit`."""
        return None if self._limit is None else min(limit, max(0, self._limit - self._drawn))

    def _ask(self, count: int) -> list[Candidate]:
        """One call: the texts worth reading among `count` samples of one prompt."""
        rng = np.random.default_rng([self._seed, self._drawn])
        shots = self._shots.draw(_SHOTS, rng)
        opening = self._opening(shots, rng)
        shots = [shot for shot in shots if shot.context or not opening]
        seed = int(rng.integers(2**31))
        written = self._generate([prompt_of(shots, opening)] * count, seed)
        if len(written) != count:
            raise SourceError(f"the model gave {len(written)} texts for {count} prompts")
        self._drawn += count
        texts = (first_item(one, opening) for one in written)
        kept = dict.fromkeys(text for text in texts if text is not None and not _is_copy(text, shots))
        return [_candidate(text, opening, shots, seed) for text in kept]

    def _opening(self, shots: Sequence[Shot], rng: np.random.Generator) -> str:
        """A beginning to continue where most of the shots continue one; else none."""
        if not self._openings or 2 * sum(bool(shot.context) for shot in shots) <= len(shots):
            return ""
        return self._openings[int(rng.integers(len(self._openings)))]


def prompt_of(shots: Sequence[Shot], opening: str) -> str:
    """Shots as a list that asks to be gone on with: of beginnings with what follows, or of texts alone."""
    if opening:
        parts = [f"{_BEGINNING} {_line(shot.context)}\n{_GOES_ON} {_line(shot.text)}\n\n" for shot in shots]
        return f"{''.join(parts)}{_BEGINNING} {_line(opening)}\n{_GOES_ON}"
    return "".join(f"{_ITEM} {_line(shot.text)}\n" for shot in shots) + _ITEM


def first_item(written: str, opening: str) -> str | None:
    """What the model wrote before it went on with the next item of the list; None if it is not worth reading."""
    ends = ("\n\n", f"\n{_BEGINNING}", f"\n{_GOES_ON}") if opening else (f"\n{_ITEM}", "\n\n")
    for end in ends:
        written = written.lstrip("\n").split(end, 1)[0]
    return tidy(written, opening)


def _line(text: str) -> str:
    """The text on one line, so that the list keeps its form."""
    return " ".join(text.split())


def _is_copy(text: str, shots: Sequence[Shot]) -> bool:
    own = _triples(text)
    return any(len(own & _triples(shot.text)) > _COPIED * len(own) for shot in shots)


def _triples(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return set(zip(words, words[1:], words[2:], strict=False))


def _candidate(text: str, opening: str, shots: Sequence[Shot], seed: int) -> Candidate:
    ids = sorted(shot.id for shot in shots)
    prompt = hashlib.blake2b("\0".join([identity(opening), *ids]).encode(), digest_size=6).hexdigest()
    return Candidate(
        Text(text, opening),
        Provenance(
            source="steered",
            family=f"steered-{prompt}",
            meta={"split": TRAIN, "seed": seed, "shots": ids, "families": sorted(shot.family for shot in shots)},
        ),
    )
