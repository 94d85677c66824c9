"""Texts out of a language model that continues openings: real model output, as live traffic would be."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.text import Text, check_text, identity
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError
from miners.sentences import split_sentences

Generate = Callable[[Sequence[str], int], list[str]]
"""One continuation for each prompt, in order; the same prompts and seed give the same texts."""

_FEWEST_WORDS = 5
_TRIES = 8
_LEAST_VARIETY = 0.6
_MARKUP = re.compile(r"<[^<>\s]{1,40}>|```|https?://|\*\*|^#{1,6} |�", re.MULTILINE)


class Completions:
    """Continues openings in turn, each time round in another order."""

    def __init__(
        self, openings: Sequence[str], generate: Generate, *, seed: int = 0, limit: int | None = None, at_once: int = 16
    ) -> None:
        """Calls nothing yet.

        Args:
            openings: beginnings to continue; they become the context of what follows.
            generate: see `Generate`.
            seed: of the order and of the generation.
            limit: prompts to spend, at most; None = no end.
            at_once: prompts a call of `generate`.

        Raises:
            SourceError: no opening.
        """
        if not openings:
            raise SourceError("no opening to continue")
        self._openings, self._generate, self._seed = tuple(openings), generate, seed
        self._limit, self._at_once = limit, at_once
        self._drawn = 0

    @property
    def name(self) -> str:
        """Always "completions"."""
        return "completions"

    def propose(self, count: int) -> list[Candidate]:
        """At least one and at most `count` completions that are worth reading, or none at the limit.

        Raises:
            SourceError: call after call the model gave nothing but degenerate text.
        """
        for _ in range(_TRIES):
            prompts = self._next_prompts(min(count, self._at_once))
            if not prompts:
                return []
            seed = int(np.random.default_rng([self._seed, self._drawn]).integers(2**31))
            completions = self._generate([self._openings[i] for i in prompts], seed)
            if len(completions) != len(prompts):
                raise SourceError(f"the model gave {len(completions)} completions for {len(prompts)} openings")
            self._drawn += len(prompts)
            found = [self._candidate(i, text, seed) for i, text in zip(prompts, completions, strict=True)]
            kept = [candidate for candidate in found if candidate is not None]
            if kept:
                return kept
        raise SourceError(f"the model gave nothing but degenerate text in {_TRIES} calls")

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: the openings are taken in turn."""

    def state(self) -> dict[str, Any]:
        """Prompts spent."""
        return {"drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind the prompts spent."""
        self._drawn = int(state["drawn"])

    def expected(self, limit: int) -> int | None:
        """Prompts left, up to `limit`."""
        return None if self._limit is None else min(limit, max(0, self._limit - self._drawn))

    def _next_prompts(self, count: int) -> list[int]:
        """Indices of the next openings, all out of one time round."""
        left = count if self._limit is None else min(count, self._limit - self._drawn)
        turn, place = divmod(self._drawn, len(self._openings))
        order = np.random.default_rng([self._seed, turn]).permutation(len(self._openings))
        return [int(i) for i in order[place : place + max(0, left)]]

    def _candidate(self, opening: int, completion: str, seed: int) -> Candidate | None:
        context = self._openings[opening]
        text = tidy(completion, context)
        if text is None:
            return None
        return Candidate(
            Text(text, context),
            Provenance(
                source=self.name, family=f"opening-{identity(context)[:12]}", meta={"opening": opening, "seed": seed}
            ),
        )


def tidy(completion: str, opening: str) -> str | None:
    """The completion's whole sentences without an echo of the opening; None if it is not worth reading.

    Not worth reading: under five words, no whole sentence, mark-up or other leavings of a chat, repetition, or what no
    member could read.
    """
    cleaned = "".join(c for c in completion if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    continued = cleaned.strip().removeprefix(opening.strip())
    text = " ".join(sentence for sentence in split_sentences(continued))
    if len(text.split()) < _FEWEST_WORDS or _MARKUP.search(continued) or is_repetitive(text):
        return None
    try:
        check_text(text)
    except InputError:
        return None
    return text


def is_repetitive(text: str) -> bool:
    """Whether a text goes round in circles: a sentence three times, or fewer than 60 % of its word triples distinct."""
    sentences = Counter(sentence.casefold() for sentence in split_sentences(text))
    words = text.casefold().split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    variety = len(set(triples)) / len(triples) if triples else 1.0
    return max(sentences.values(), default=0) >= 3 or variety < _LEAST_VARIETY
