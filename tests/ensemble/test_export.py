"""An exported encoder gives torch's numbers, and one that does not is refused."""

import pytest
import torch
from transformers import BertConfig, BertModel

from ensemble.errors import ArtifactError
from ensemble.members.windows import WindowTokenizer
from ensemble.text import Text
from ensemble.training.bert import Classifier, LayerMeans, export, minilm_path
from ensemble.training.parity import check_parity

TEXTS = [
    Text("He fell."),
    Text("The boat came in at noon, and nobody was on the quay.", "It rained."),
    Text("So.", "A b c."),
]


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(1)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    return BertModel(BertConfig(vocab_size=30522, **sizes)).eval()


@pytest.mark.parametrize("kind", [Classifier, LayerMeans])
def test_export_gives_torchs_numbers_with_padding_and_context(kind, base, tmp_path):
    """Mask and segments reach the exported model, whatever the batch."""
    model, tokenizer = kind(base).eval(), WindowTokenizer(minilm_path() / "tokenizer.json")
    export(model, minilm_path() / "tokenizer.json", tmp_path)
    difference = check_parity(model, tokenizer, TEXTS, tmp_path)
    print(f"{kind.__name__}: differs from torch by {difference:.1e}")
    assert difference < 1e-5


def test_an_export_of_another_model_is_refused(base, tmp_path):
    """The gate compares numbers, so that a wrong export cannot serve."""
    export(Classifier(base).eval(), minilm_path() / "tokenizer.json", tmp_path)
    other = Classifier(base).eval()
    with pytest.raises(ArtifactError, match="differs from torch"):
        check_parity(other, WindowTokenizer(minilm_path() / "tokenizer.json"), TEXTS, tmp_path)
