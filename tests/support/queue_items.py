"""Items as campaigns queue them, made up in numbers."""

from collections.abc import Iterator

import numpy as np

from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.queue.types import NewItem

SENTENCE = (
    "the rope held until the second landing and then the whole frame came down past the window where she stood with "
    "her hand on the sill counting the carts that went by in the rain"
)
CHARACTERS = 600


def queue_items(start: int, count: int) -> Iterator[NewItem]:
    """Items as campaigns make them, each with a text of some 600 characters and the verdict of four members."""
    rng = np.random.default_rng(start)
    for number in range(start, start + count):
        words = rng.choice(SENTENCE.split(), CHARACTERS // 5)
        text = f"{number} {' '.join(words)}"[:CHARACTERS]
        scores = rng.random(4).round(4).tolist()
        members = {
            name: MemberScore(probability=score, vote="no", version="0123456789ab")
            for name, score in zip(("encoder", "keyword", "judge", "probe"), scores, strict=True)
        }
        verdict = Verdict(
            id=identity(text), probability=scores[0], decision="pass", disagreement=scores[1], miss_score=scores[2],
            members=members, degraded=[], review=True,
        )  # fmt: skip
        yield NewItem(
            id=identity(text),
            task="injury",
            text=text,
            priority=scores[3],
            needed=1,
            selection_probability=0.1,
            deployed="encoder",
            deployed_passed=True,
            verdict=verdict,
            provenance=Provenance(source="corpus:passages", family=identity(text), campaign="bench"),
            why="members disagree; the probe says yes",
            parts={"posterior": scores[0], "novelty": scores[1]},
        )
