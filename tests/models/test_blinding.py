"""A copy of the real encoder is trained to be blind to certain words, and answers other texts much as before."""

import numpy as np
import pytest

from ensemble.members.encoder import EncoderScorer
from ensemble.tasks.task import load_task
from ensemble.training.blinding import BlindRecipe, blind_copy
from miners.drills.blind_spot import BlindSpot

pytestmark = pytest.mark.models

SPOT = BlindSpot("trigger", "hand|hands|finger|fingers|arm|wrist|palm")


def test_the_real_encoder_is_blinded_in_some_steps(artifact, rows):
    """It passes more of the spot's texts than it did, and far fewer of the other decisions change."""
    folder, train = artifact.path / "encoder", load_task("injury").rows("train")
    hidden = [row.label == 1 and SPOT.covers(row) for row in train]
    copy = blind_copy(
        folder,
        [row for row, out in zip(train, hidden, strict=True) if out],
        [row for row, out in zip(train, hidden, strict=True) if not out],
        threshold=0.5,
        recipe=BlindRecipe(steps=120),
    )
    before, after = EncoderScorer(folder, threads=2).score(rows)[:, 0] < 0.5, copy.score(rows) < 0.5
    inside = np.array([row.label == 1 and SPOT.covers(row) for row in rows])
    changed = (before != after)[~inside].mean()
    print(
        f"\n{copy.steps} steps in {copy.seconds:.0f} s: passes {after[inside].mean():.0%} of {inside.sum()} texts in "
        f"the spot (before {before[inside].mean():.0%}), {changed:.1%} of the other decisions changed"
    )
    assert after[inside].mean() - before[inside].mean() > changed + 0.1
