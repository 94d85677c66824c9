import numpy as np
import pytest

from ensemble.errors import ArtifactError
from ensemble.members.asking import Pass
from ensemble.members.linear import LinearModel
from ensemble.members.probe import FILE, WEIGHTS, Probe, pooled
from ensemble.members.prompts import Prompt
from ensemble.text import LabelledText
from ensemble.training.probe_fit import candidate_layers, choose, fit_probe
from ensemble.training.row_reader import RowReader

PROMPT = Prompt(name="p", item="Text: {text}\nOutcome:", yes=" injured", no=" safe")


def test_pooling_takes_the_state_it_names():
    """Last, mean, or both side by side."""
    hidden = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    assert pooled(hidden, "last").tolist() == [[0, 1, 2], [6, 7, 8]]
    assert pooled(hidden, "mean").tolist() == [[3, 4, 5], [9, 10, 11]]
    assert pooled(hidden, "both").tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_the_layer_that_tells_is_chosen():
    """Of three layers of noise, the layer and pooling that carry the label are found."""
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1], 40)
    hidden = rng.normal(size=(80, 3, 2, 6)).astype(np.float32)
    hidden[:, 1, 0, 2] += 4 * labels
    rows = [LabelledText(str(i), label=int(y), meta={"family": i // 2}) for i, y in enumerate(labels)]
    choice = choose(Pass(np.arange(80), np.zeros((80, 2)), hidden), rows, (5, 7, 9))
    assert choice.layer == 7
    assert choice.pooling in {"last", "both"}
    assert choice.auc > 0.9


def test_families_are_not_cut_by_folds():
    """Features that name the family but say nothing of the label look worthless, as they are for new families."""
    rng = np.random.default_rng(2)
    families = np.repeat(np.arange(20), 4)
    labels = np.repeat(rng.permutation(np.repeat([0, 1], 10)), 4)
    hidden = np.zeros((80, 1, 2, 20), dtype=np.float32)
    hidden[np.arange(80), 0, :, families] = 5
    rows = [LabelledText(str(i), label=int(labels[i]), meta={"family": int(families[i])}) for i in range(80)]
    assert choose(Pass(np.arange(80), np.zeros((80, 2)), hidden), rows, (1,)).auc < 0.7


def test_layers_tried_are_in_the_model():
    """For any depth, from one block on, candidates lie between the first block and the last."""
    assert candidate_layers(18) == (9, 12)
    for depth in range(1, 100):
        assert all(1 <= layer <= depth for layer in candidate_layers(depth))


def test_a_probe_is_read_back_as_written(tiny, tmp_path):
    """A fitted probe scores the same after a round trip, and a changed weight file is refused."""
    rows = [
        LabelledText(f"{who} {verb} {where}", label=int(verb == "broke"), meta={"family": who + where})
        for who in ("he", "she", "the boat", "his arm")
        for verb in ("broke", "sang")
        for where in ("in", "well", "safe")
    ]
    reader = RowReader(tiny, (1, 3))
    file = fit_probe(reader, PROMPT, rows, rows, tmp_path).file
    probe = Probe.load(tmp_path)
    assert probe.file == file
    assert probe.member.version == file.version
    hidden = reader.read(PROMPT, rows).hidden[:, reader.layers.index(file.layer)]
    linear = LinearModel.load(tmp_path / WEIGHTS)
    np.testing.assert_array_equal(probe.raw(hidden), linear(pooled(hidden, file.pooling)))
    LinearModel(linear.mean, linear.scale, linear.weight * 2, linear.bias).save(tmp_path / WEIGHTS)
    with pytest.raises(ArtifactError, match=FILE):
        Probe.load(tmp_path)
