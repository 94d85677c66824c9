"""The operators that go by models, ready for a task's artifact."""

from __future__ import annotations

from pathlib import Path

from ensemble.tasks.task import Lexicon
from miners.rewrites.flips import Flips
from miners.rewrites.infill import FillGaps, Infill
from miners.rewrites.neighbours import Neighbours, lexicon_words
from miners.rewrites.operator import Operator
from miners.rewrites.paraphrase import Paraphrase, SayAgain
from miners.rewrites.synonyms import Synonyms

_LIKENESS = 0.4
"""Least cosine of neighbours among the encoder's own embeddings, which lie further apart than a language model's."""

_DISTANCE = 0.45


def modelled(
    encoder: Path,
    lexicon: Lexicon | None,
    *,
    fill: FillGaps | None = None,
    say_again: SayAgain | None = None,
    threads: int | None = None,
) -> list[Operator]:
    """Flips and synonyms by the deployed encoder's twin, and what a language model can write.

    Args:
        encoder: the encoder's folder in an artifact.
        lexicon: words on which the task's answer hangs; they stay.
        fill: fills gaps; None leaves infill out.
        say_again: paraphrases; None leaves that out.
        threads: CPU threads of a gradient pass.

    Raises:
        ArtifactError: the encoder has no torch twin.
    """
    from ensemble.training.encoder_twin import EncoderTwin

    twin = EncoderTwin(encoder, threads=threads)
    carriers = lexicon_words(lexicon)
    neighbours = Neighbours(*twin.table(), carriers=carriers, likeness=_LIKENESS, distance=_DISTANCE)
    made: list[Operator] = [Flips(twin, neighbours), Synonyms(neighbours)]
    made += [] if fill is None else [Infill(fill, neighbours)]
    made += [] if say_again is None else [Paraphrase(say_again)]
    return made
