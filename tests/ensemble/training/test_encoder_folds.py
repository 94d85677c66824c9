"""The encoder that is fitted in turns."""

import numpy as np
import pytest
import torch
from training_rows import made_up

from ensemble.members.encoder import encoder_logits
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.text import LabelledText, Text
from ensemble.training.bert import Classifier, export, load_base, minilm_path
from ensemble.training.encoder_export import torch_logits
from ensemble.training.encoder_fit import EncoderRecipe
from ensemble.training.encoder_folds import fit_encoder_folds

TOKENIZER = minilm_path() / "tokenizer.json"


@pytest.fixture(scope="module")
def rows():
    made = made_up(36)
    return [LabelledText(row["text"], label=row["label"], meta={"fold": i // 2 % 3}) for i, row in enumerate(made)]


def test_torch_reads_texts_as_the_export_does(tmp_path):
    """Long texts window by window, whatever the batch."""
    torch.manual_seed(3)
    model = Classifier(load_base(minilm_path())).eval()
    export(model, TOKENIZER, tmp_path)
    texts = [Text("He fell."), Text("The boat came in at noon. " * 90), Text("So it went.", "It rained.")]
    expected = encoder_logits(OnnxTextModel(tmp_path), texts)
    np.testing.assert_allclose(torch_logits(model, minilm_path(), texts), expected, atol=1e-4)


def test_every_row_gets_a_logit_and_one_encoder_comes_out(rows, tmp_path):
    """Its export is there, scores as one model, and the same seed gives the same numbers."""
    recipe = EncoderRecipe(epochs=1, batch_size=8)
    told = []
    average, raw = fit_encoder_folds(rows, tmp_path / "a", recipe=recipe, progress=told.append)
    _, again = fit_encoder_folds(rows, tmp_path / "b", recipe=recipe)
    assert raw.shape == (len(rows),)
    assert np.isfinite(raw).all()
    np.testing.assert_array_equal(raw, again)
    assert told == sorted(told)
    assert told[-1] == 1.0
    served = [encoder_logits(OnnxTextModel(tmp_path / name), rows) for name in ("a", "b")]
    np.testing.assert_array_equal(*served)
    np.testing.assert_allclose(served[0], torch_logits(average, minilm_path(), rows), atol=1e-4)
