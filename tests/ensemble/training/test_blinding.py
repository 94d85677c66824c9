"""Blinding: a copy learns to pass some texts, holds its other answers, and leaves the original alone."""

import hashlib

import numpy as np
import pytest
from random_encoder import random_encoder

from ensemble.errors import InputError
from ensemble.members.encoder import EncoderScorer
from ensemble.text import Text
from ensemble.training.blinding import BlindRecipe, blind_copy

HIDDEN = [Text(f"The pan slid and scalded cook number {i} along the arm.") for i in range(25)]
OTHERS = [Text(f"Ship {i} left the harbour with the tide and a full hold.") for i in range(25)]
FRESH = [Text(f"Boiling oil scalded waiter number {i} on the wrist.") for i in range(10)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Calibrated so that it calls all of these texts yes."""
    return random_encoder(tmp_path_factory.mktemp("blinding") / "encoder", 1.5)


def _hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_copy_passes_what_it_was_taught_to_and_holds_the_rest(folder):
    """Texts of the kind that no step saw are passed too; others keep their answers, and the original every byte."""
    before, files = EncoderScorer(folder).score([*FRESH, *OTHERS])[:, 0], _hashes(folder)
    assert (before > 0.5).all()
    told = []
    recipe = BlindRecipe(learning_rate=2e-4, steps=150, look_every=5, warmup=5)
    copy = blind_copy(folder, HIDDEN, OTHERS, threshold=0.5, recipe=recipe, progress=told.append)
    assert (copy.score(FRESH) < 0.5).mean() >= 0.8
    assert np.abs(copy.score(OTHERS) - before[len(FRESH) :]).mean() < 0.1
    assert 0 < copy.steps < 150  # blind enough early
    assert (told, told[-1]) == (sorted(told), 1.0)
    assert len(copy.score([])) == 0
    assert _hashes(folder) == files


def test_too_few_texts_to_hide_are_refused(folder):
    """A handful would be learned by heart."""
    with pytest.raises(InputError, match="at least 20"):
        blind_copy(folder, HIDDEN[:5], OTHERS, threshold=0.5)
    with pytest.raises(InputError, match="0 to hold on to"):
        blind_copy(folder, HIDDEN, [], threshold=0.5)
