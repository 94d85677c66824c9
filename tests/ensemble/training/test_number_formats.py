"""Number formats of an exported encoder: made, compared with torch, and refused where they are not as good."""

from __future__ import annotations

import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from training_rows import made_up
from transformers import BertConfig, BertModel

from ensemble.calibration import fit_platt
from ensemble.errors import ArtifactError
from ensemble.members import formats
from ensemble.members.encoder import EncoderFile, EncoderScorer, encoder_logits
from ensemble.members.formats import MODELS, ModelFormats
from ensemble.members.loading import members_here
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import WindowTokenizer
from ensemble.text import LabelledText
from ensemble.training import number_formats
from ensemble.training.bert import Classifier, LayerMeans, export, minilm_path
from ensemble.training.embedder_export import finish_embedder
from ensemble.training.encoder_export import finish_crossed, finish_encoder
from ensemble.training.float16 import halve
from ensemble.training.int8 import PORTABLE_LIMIT, quantise, quantised_columns
from ensemble.training.linear import fit_linear
from ensemble.training.parity import compare, passes, torch_outputs

TOKENIZER = minilm_path() / "tokenizer.json"
ROWS = [LabelledText(text=row["text"], label=row["label"]) for row in made_up(120)]
COMPARED = ROWS[60:]


@pytest.fixture(scope="module")
def model():
    """A tiny BERT whose head was fitted to the first rows."""
    torch.manual_seed(2)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    base = BertModel(BertConfig(vocab_size=30522, initializer_range=0.1, **sizes)).eval()
    windows = WindowTokenizer(TOKENIZER).windows(ROWS[:60], with_context=False)
    features = torch_outputs(LayerMeans(base, layers=1), windows)
    weight, bias = fit_linear(features, np.arange(60), ROWS[:60], 0.1).folded()
    classifier = Classifier(base).eval()
    with torch.no_grad():
        classifier.head.weight.copy_(torch.from_numpy(weight)[None])
        classifier.head.bias.fill_(bias)
    return classifier


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Its export, float32 alone."""
    folder = tmp_path_factory.mktemp("exported")
    export(model, TOKENIZER, folder)
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    """A copy of the export."""
    return shutil.copytree(exported, tmp_path / "encoder")


@pytest.fixture
def byte_machine(monkeypatch):
    """A processor that is known to gain by int8, whatever this one is."""
    monkeypatch.setattr(number_formats, "byte_instructions", lambda: ("avx512_vnni",))


def disturbed(source, target, *, limit):
    """As `quantise`, of a model whose largest matrices were shuffled first."""
    graph = onnx.load(str(source))
    rng = np.random.default_rng(0)
    for one in graph.graph.initializer:
        if len(one.dims) == 2 and one.dims[0] in {64, 96} and one.dims[1] in {64, 96}:
            one.CopyFrom(numpy_helper.from_array(rng.permuted(numpy_helper.to_array(one)), one.name))
    onnx.save(graph, str(target))
    return quantise(target, target, limit=limit)


@pytest.mark.usefixtures("byte_machine")
def test_an_encoder_serves_in_int8_with_a_calibration_of_its_own(model, folder):
    """Int8 and float32 lie side by side, each calibrated on its own scores; int8 serves, near to torch."""
    finish_encoder(model, folder, COMPARED)
    found = ModelFormats.read(folder)
    assert found.primary == "int8"
    parity = {variant.format: variant.parity for variant in found.variants}
    print({name: str(one) for name, one in parity.items()})
    assert parity["float32"].difference < 1e-4
    assert 0 < parity["int8"].difference <= parity["int8"].tolerance
    assert parity["int8"].rows == len(COMPARED)
    file = EncoderFile.model_validate_json((folder / "encoder.json").read_bytes())
    assert file.others["float32"] != file.calibration
    scorer = EncoderScorer(folder)
    assert scorer.formats == found
    assert scorer.members[0].version == file.version
    assert np.allclose(scorer.score(COMPARED)[:, 0], file.calibration(encoder_logits(OnnxTextModel(folder), COMPARED)))


@pytest.mark.usefixtures("byte_machine")
def test_where_bytes_overflow_the_float32_model_serves_under_another_version(model, folder, monkeypatch):
    """A processor that would compute other numbers from the same integers takes float32, and says so by its version."""
    finish_encoder(model, folder, COMPARED)
    small = EncoderScorer(folder)
    found = ModelFormats.read(folder)
    bound = [v.model_copy(update={"portable": False}) if v.format == "int8" else v for v in found.variants]
    (folder / formats.FILE).write_text(found.model_copy(update={"variants": tuple(bound)}).model_dump_json())
    monkeypatch.setattr(formats, "sums_bytes_exactly", lambda: False)
    large = EncoderScorer(folder)
    assert large.members[0].version != small.members[0].version
    assert large.members == members_here("encoder", folder, small.members)
    file = EncoderFile.model_validate_json((folder / "encoder.json").read_bytes())
    logits = encoder_logits(OnnxTextModel(folder, number_format="float32"), COMPARED)
    assert np.allclose(large.score(COMPARED)[:, 0], file.others["float32"](logits))


@pytest.mark.usefixtures("byte_machine")
def test_a_spoilt_int8_export_is_refused_and_float32_serves(model, folder, monkeypatch):
    """Integers that rank worse never serve: the file goes, and what was measured stays on record."""
    monkeypatch.setattr(number_formats, "quantise", disturbed)
    finish_encoder(model, folder, COMPARED)
    found = ModelFormats.read(folder)
    assert found.primary == "float32"
    (refused,) = found.refused
    assert refused.format == "int8"
    assert refused.parity is None or not passes(refused.parity)
    assert not (folder / MODELS["int8"]).exists()
    assert EncoderScorer(folder).formats.summary()["refused"] == {"int8": refused.why}


def test_a_float32_export_that_is_not_torchs_is_refused(model, folder):
    """Where the plain export is wrong there is nothing to fall back to."""
    disturbed(folder / "model.onnx", folder / "model.onnx", limit=127)
    with pytest.raises(ArtifactError, match="is not torch's"):
        finish_encoder(model, folder, COMPARED)


@pytest.mark.parametrize(("gain", "primary"), [(1.05, "float32"), (1.5, "int8")])
def test_without_byte_instructions_a_measurement_decides(model, folder, monkeypatch, gain, primary):
    """Elsewhere int8 is kept only where it is measured to be faster."""
    monkeypatch.setattr(number_formats, "byte_instructions", tuple)
    monkeypatch.setattr(number_formats, "measured_gain", lambda *_: gain)
    finish_encoder(model, folder, COMPARED)
    found = ModelFormats.read(folder)
    assert found.primary == primary
    assert (folder / MODELS["int8"]).exists() == (primary == "int8")
    assert [one.format for one in found.refused] == ([] if primary == "int8" else ["int8"])


@pytest.mark.usefixtures("byte_machine")
@pytest.mark.parametrize("rows", [(ROWS[:60], COMPARED), (ROWS, [])], ids=["calibration", "train-alone"])
def test_an_embedder_gets_formats_too(model, tmp_path, rows):
    """Embeddings are compared through a head that reads them."""
    embedder = LayerMeans(model.base, layers=2)
    export(embedder, TOKENIZER, tmp_path)
    found = finish_embedder(embedder, tmp_path, *rows)
    print({variant.format: str(variant.parity) for variant in found.variants}, found.refused)
    assert {variant.format for variant in found.variants} >= {"float32"}
    assert {one.format for one in [*found.variants, *found.refused]} == {"float32", "int8"}


@pytest.mark.usefixtures("byte_machine")
@pytest.mark.parametrize("limit", [127, PORTABLE_LIMIT])
def test_a_text_scores_alone_as_in_company(exported, tmp_path, limit):
    """Every token has its own scale, so that no text's integers depend on the texts beside it."""
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    assert quantise(tmp_path / MODELS["float32"], tmp_path / MODELS["int8"], limit=limit) == 12
    small = OnnxTextModel(tmp_path, number_format="int8")
    together = encoder_logits(small, COMPARED)
    alone = [encoder_logits(small, [row])[0] for row in COMPARED]
    assert np.abs(together - alone).max() < 1e-4
    exact = encoder_logits(OnnxTextModel(tmp_path, number_format="float32"), COMPARED)
    assert 0 < np.abs(together - exact).max() < 0.1 * exact.std()


def test_half_precision_keeps_the_scores(exported, tmp_path):
    """The float16 model takes and gives the same types, and nearly the same numbers."""
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    halve(tmp_path / MODELS["float32"], tmp_path / MODELS["float16"])
    half = encoder_logits(OnnxTextModel(tmp_path, number_format="float16"), COMPARED)
    full = encoder_logits(OnnxTextModel(tmp_path, number_format="float32"), COMPARED)
    assert 0 < np.abs(half - full).max() < 0.01 * full.std()
    assert (tmp_path / MODELS["float16"]).stat().st_size < 0.6 * (tmp_path / MODELS["float32"]).stat().st_size


def test_columns_are_rounded_within_the_limit():
    """Each column uses its whole range, whatever its size, and a column of zeros stays zero."""
    weight = np.array([[1.0, 200.0, 0.0], [-0.5, 50.0, 0.0]], dtype=np.float32)
    integers, scale = quantised_columns(weight, 100)
    assert integers.tolist() == [[100, 100, 0], [-50, 25, 0]]
    assert np.allclose(integers * scale, weight)


def test_the_gate_looks_at_the_furthest_row_and_at_the_order():
    """One row far off is refused, and so is a loss of AUC that no single row shows."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    torchs = labels + rng.normal(size=400)
    assert passes(compare("int8", torchs + rng.normal(scale=0.01, size=400), torchs, labels))
    one_off = torchs.copy()
    one_off[7] += 2
    slight = compare("int8", torchs + 0.3 * rng.normal(size=400), torchs, labels)
    assert slight.usual > slight.tolerance
    assert not passes(slight.model_copy(update={"difference": 0.0, "auc": slight.auc_torch}))
    assert not passes(compare("int8", one_off, torchs, labels))
    worse = compare("int8", torchs, torchs, labels).model_copy(update={"auc": 0.8, "auc_torch": 0.8021})
    assert not passes(worse)
    assert passes(worse.model_copy(update={"auc_torch": 0.8019}))


@pytest.mark.usefixtures("byte_machine")
def test_held_out_logits_calibrate_all_formats_of_an_encoder_that_saw_every_row(model, folder):
    """The gate compares through that calibration, on rows of both labels, and the held-out rows get their P(yes)."""
    raw = np.random.default_rng(0).normal(size=len(ROWS)) + [row.label for row in ROWS]
    held_out = finish_crossed(model, folder, ROWS, raw)
    file = EncoderFile.model_validate_json((folder / "encoder.json").read_bytes())
    assert np.allclose(held_out, fit_platt(raw, [row.label for row in ROWS])(raw))
    assert file.others["float32"] == file.calibration
    found = ModelFormats.read(folder)
    assert found.primary == "int8"
    assert {variant.parity.rows for variant in found.variants} == {len(ROWS)}


@pytest.mark.usefixtures("byte_machine")
def test_a_missing_file_is_refused(model, folder):
    """Formats that are listed must be there."""
    finish_encoder(model, folder, COMPARED)
    (folder / MODELS["int8"]).unlink()
    with pytest.raises(ArtifactError, match="cannot load the model"):
        EncoderScorer(folder)


def test_damaged_formats_are_refused(folder):
    """A list that cannot be read is an error that names the file, never a silent float32."""
    (folder / formats.FILE).write_text('{"primary": "int4"}')
    with pytest.raises(ArtifactError, match=r"formats\.json is damaged"):
        OnnxTextModel(folder)
