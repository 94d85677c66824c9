"""Parts of an attack bench that are small and honest: a member that adds up words, with its gradients, and a writer."""

from __future__ import annotations

import numpy as np

from ensemble.sensitivity import Sensitivity, word_spans
from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.attack.saliency import Looks
from miners.queue.protocol import Ledger
from service.attack import AttackBench, LocalSaliency
from service.attack_desk import AttackDesk

HOLDS = {"hurt": 4.0, "bled": 3.0, "knife": 2.0, "badly": 1.0, "calmly": -1.0, "tea": -2.0}
"""Logits that words add to -2."""

LIKELY = ("calmly", "badly", "tea", "knife", "quietly", "slowly")
"""Words that the writer finds likely everywhere, the likeliest first."""


class AddedWords:
    """The gradient of a sum is each word's weight, wherever one stands."""

    def look_midway(self, texts):
        """One pass a text."""
        return [self._look(text) for text in texts]

    def effects(self, sensitivity, word, candidates):
        """Exact, since the member is linear."""
        old = HOLDS.get(sensitivity.words[word].lower(), 0.0)
        return np.array([HOLDS.get(one.lower(), 0.0) - old for one in candidates])

    def _look(self, text):
        spans = word_spans(text.text)
        words = tuple(text.text[start:end] for start, end in spans)
        held = np.array([HOLDS.get(word.lower(), 0.0) for word in words])
        return Sensitivity(text, float(held.sum() - 2), spans, words, held, np.zeros((len(words), 1), dtype=np.float32))


class Writer:
    """Finds the same words likely everywhere; can be slow, or gone."""

    def __init__(self):
        self.error = None
        self.wait = None
        self.asked = []

    async def likely(self, lefts, count):
        """Words with falling log-probability."""
        self.asked.append(list(lefts))
        if self.wait is not None:
            await self.wait.wait()
        if self.error is not None:
            raise self.error
        return [[(word, -float(place) / 2) for place, word in enumerate(LIKELY[:count])] for _ in lefts]

    async def fit(self, gaps):
        """All fit alike."""
        return [[-1.0] * len(words) for _, _, words in gaps]

    async def free(self):
        """All but what hurts."""
        return {*HOLDS, *LIKELY, "she", "sang", "spoke"} - {"hurt", "bled", "knife"}


def probability(text: str) -> float:
    """P(yes) of the member that adds up words."""
    held = sum(HOLDS.get(text[start:end].lower(), 0.0) for start, end in word_spans(text))
    return float(1 / (1 + np.exp(2 - held)))


async def verdicts(texts, ids):
    """Verdicts in which that member, called "words", stands alone."""
    found = []
    for (text, context), name in zip(texts, ids, strict=True):
        p = probability(text)
        found.append(
            Verdict(
                id=name or identity(text, context),
                probability=p,
                decision="flag" if p >= 0.5 else "pass",
                disagreement=0.0,
                miss_score=0.0 if p >= 0.5 else p,
                members={"words": MemberScore(probability=p, vote="yes" if p >= 0.5 else "no", version="0" * 12)},
                degraded=[],
                review=False,
            )
        )
    return found


async def deployed(texts):
    """The same for many."""
    return np.array([probability(text) for text, _ in texts])


def desk(
    task, ledger: Ledger, config, *, writer: Writer | None = None, saliency=None, missing=None, member="words"
) -> AttackDesk:
    """A desk over these parts, whose deployed member is called `member`."""
    gradients = LocalSaliency(Looks(AddedWords())) if saliency is None else saliency
    bench = AttackBench(deployed, 0.5, words=writer or Writer(), saliency=gradients)
    return AttackDesk(bench, member, task, ledger, config.attack, {member: 0.5}, missing)


class LateSaliency:
    """Gradients that are still loading."""

    def __init__(self, error):
        self._error = error

    async def look(self, _text: tuple[str, str]):
        """Not yet."""
        raise self._error

    async def effects(self, _text, places):
        """Nothing foretold."""
        return [None] * len(places), 0
