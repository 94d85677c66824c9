"""The torch twin gives the export's numbers, and its gradients foretell what a replaced word does."""

from pathlib import Path

import numpy as np
import pytest
import tiny_artifact
import torch
from random_encoder import random_encoder

from ensemble.errors import ArtifactError
from ensemble.members.encoder import EncoderScorer
from ensemble.tasks.task import Lexicon, LexiconGroup
from ensemble.text import LabelledText, Text
from ensemble.training.encoder_twin import EncoderTwin
from miners.rewrites.carriers import lexicon_words
from miners.rewrites.flips import Flips
from miners.rewrites.neighbours import Neighbours

LONG = Text("She counted the boats and wrote them down. " * 60 + "Then the winch took two of his fingers.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The packaged MiniLM with a random head."""
    return random_encoder(tmp_path_factory.mktemp("twin") / "encoder", 0.5)


@pytest.fixture(scope="module")
def twin(folder):
    return EncoderTwin(folder, threads=1)


def test_it_scores_as_the_deployed_member_does(twin, folder):
    """Logits of short and of long texts, calibrated, are the scorer's probabilities."""
    texts = [Text("He fell off the roof."), Text("Tea was late that day, and nobody minded."), LONG]
    found = [float(twin.calibration(seen.logit)) for seen in twin.look(texts)]
    assert found == pytest.approx(EncoderScorer(folder).score(texts)[:, 0].tolist(), abs=1e-4)


def test_what_a_word_does_is_foretold_to_first_order(twin):
    """A small step of a word's embedding along the way to another changes the logit as the effect says."""
    text = Text("The roof fell on the gardener.")
    (seen,) = twin.look([text])
    word = seen.words.index("gardener")
    (effect,) = twin.effects(seen, word, ["king"])
    table, ids = twin._embeddings, torch.tensor([twin._windows.windows([text], with_context=False)[0].ids])
    step = 1e-3
    moved = table[ids].clone()
    old, new = (twin._windows.ids([one])[0] for one in ("gardener", "king"))
    place = ids[0].tolist().index(old[0])
    moved[0, place] += step * (table[new[0]] - table[old[0]])
    with torch.inference_mode():
        ones = torch.ones_like(ids)
        change = (twin._model.from_embeddings(moved, ones, 0 * ones)[0, 0].item() - seen.logit) / step
    assert effect == pytest.approx(change, abs=0.02)


def test_its_words_and_their_vectors_are_those_of_the_tokeniser(twin):
    """Plain words in one piece, each with the embedding that it is read by."""
    words, vectors = twin.table()
    assert {"garden", "king", "palm"} <= set(words)
    assert all(word.isascii() and word.islower() for word in words)
    (piece,) = twin._windows.ids(["garden"])[0]
    assert vectors[words.index("garden")].tolist() == twin._embeddings[piece].tolist()


def test_flips_by_a_twin_go_where_its_gradients_say(twin):
    """What moves a member is read off its own export, and words of the lexicon stay."""
    lexicon = Lexicon(groups={"harm": LexiconGroup(patterns=("palm",))})
    neighbours = Neighbours(*twin.table(), carriers=lexicon_words(lexicon), likeness=0.3, distance=0.45)
    parent = LabelledText("In the garden the king sang loudly while a wire opened his palm.", label=1)
    flips = Flips(twin, neighbours)
    text, notes = flips.rewrite(parent, np.random.default_rng(0))
    assert flips.probability(parent) == float(twin.calibration(twin.look([parent])[0].logit))
    assert notes["first_order"] < 0
    assert "palm" in text.text
    assert text.text != parent.text


def test_words_stand_where_they_stand_in_the_text(twin):
    """Spans name the words, of a long text too, and only the window that was looked at has gradients."""
    (seen,) = twin.look([LONG])
    assert [LONG.text[start:end] for start, end in seen.spans] == list(seen.words)
    assert seen.gradients.shape == (len(seen.words), 384)
    touched = np.abs(seen.gradients).sum(axis=1) > 0
    assert 0 < touched.sum() < len(seen.words)


def test_an_export_of_another_kind_is_refused(monkeypatch, tmp_path):
    """A bag of words has no such twin, and the message says what the file is not."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    artifact = tiny_artifact.make()
    with pytest.raises(ArtifactError, match="no export of the packaged MiniLM"):
        EncoderTwin(artifact.path / "encoder")


def test_weights_that_are_not_those_of_the_export_are_refused(folder, monkeypatch):
    """Where the numbers differ the twin is not used."""
    monkeypatch.setattr("ensemble.training.encoder_twin.TOLERANCE", -1.0)
    with pytest.raises(ArtifactError, match="differs from its export"):
        EncoderTwin(folder)


def test_half_way_gradients_are_those_of_the_point_half_way(twin):
    """A small step of one word's embedding there changes the logit there as its gradient says."""
    text = Text("The roof fell on the gardener.")
    (seen,) = twin.look_midway([text])
    word = seen.words.index("roof")
    ids = torch.tensor([twin._windows.windows([text], with_context=False)[0].ids])
    half = twin._embeddings[ids].clone()
    half[0, 1:-1] = twin._padding + 0.5 * (half[0, 1:-1] - twin._padding)
    place = ids[0].tolist().index(twin._windows.ids(["roof"])[0][0])
    step = 1e-2 * (twin._embeddings[ids[0, place]] - twin._padding)
    moved = half.clone()
    moved[0, place] += step
    with torch.inference_mode():
        ones = torch.ones_like(ids)
        before, after = (twin._model.from_embeddings(each, ones, 0 * ones)[0, 0].item() for each in (half, moved))
    assert seen.logit == pytest.approx(before, abs=1e-4)
    assert seen.saliency[word] * 1e-2 == pytest.approx(after - before, rel=0.1, abs=1e-4)
