"""`train` and `artifacts`, with the keyword member alone, really fitted."""

import json
import os
import shutil

import pytest
from training_rows import made_up, real, write

from ensemble.artifacts import all_artifacts, current_artifact
from ensemble.errors import ArtifactError
from ensemble.tasks.skeleton import write_skeleton
from ensemble.tasks.task import load_task
from ensemble.training.prepare import is_prepared, prepare
from ensemble.training_record import DataRecord, SplitSize
from service.cli.main import execute
from service.cli.train import few_groups

pytestmark = pytest.mark.models

PANEL = "panel:\n  encoder: null\n  judge: null\n  probe: null\n  deployed: keyword\n"

ROWS = 360

CLEARLY = 0.6
"""An AUC clearly above chance for an embedding under few rows of this hard task."""


class Place:
    """A task, its rows, a configuration with one member, and a state directory."""

    def __init__(self, folder):
        self.folder, self.home, self.task = folder, folder / "home", folder / "mine"
        self.data = write(folder / "rows.jsonl", real(ROWS))
        self.config = folder / "config.yaml"
        self.config.write_text(PANEL)
        write_skeleton(self.task, question="Is somebody hurt?")

    def arguments(self, *more):
        """A command line that trains."""
        return ["train", "--task", self.task, "--data", self.data, "--config", self.config, *more]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A place where one artifact was trained, and its state directory to be copied."""
    place = Place(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNGJURY_HOME", str(place.home))
        assert execute([str(each) for each in place.arguments("--json")]) == 0
    return place


@pytest.fixture
def place(trained):
    """The trained place with a state directory of this test's own."""
    shutil.copytree(trained.home, os.environ["HUNGJURY_HOME"])
    return trained


@pytest.fixture
def artifact(place):
    """The artifact in use."""
    return current_artifact(load_task(place.task).name)


def test_training_makes_an_artifact_that_tells_of_its_data(artifact):
    """Splits, threshold, measures, versions and hashes stand in the manifest; the panel flags from the threshold on."""
    manifest, training = artifact.manifest, artifact.manifest.training
    assert sum(size.rows for size in training.data.splits.values()) == ROWS - training.data.near_duplicates
    assert {name for name, size in training.data.splits.items() if size.positives} == {"train", "test"}
    assert artifact.joint.threshold == training.operating.threshold
    assert set(artifact.joint.votes) == set(artifact.joint.members)
    for name, point in training.votes.items():
        assert artifact.joint.vote_threshold(name) == point.threshold
        assert point.fnr <= point.wanted_fnr == training.operating.wanted_fnr
    assert training.operating.fnr <= 0.05 <= training.operating.fnr_interval[1]
    assert manifest.metrics["panel"]["auc"] > CLEARLY
    assert "torch" in manifest.packages
    assert {"panel.json", "splits.json", "keyword/head.safetensors"} <= set(manifest.files)
    artifact.verify()
    assert [path.name for path in artifact.path.parent.iterdir() if path.name.startswith(".")] == []


def test_the_splits_on_record_keep_families_whole(place, artifact):
    """Identities of the rows of each split lie in the artifact, and no family is in two."""
    from ensemble.text import identity

    names = {
        text: name for name, texts in json.loads((artifact.path / "splits.json").read_text()).items() for text in texts
    }
    where = {}
    for row in map(json.loads, place.data.read_text().splitlines()):
        if name := names.get(identity(row["text"])):
            where.setdefault(row["meta"]["family"], set()).add(name)
    assert len(where) > 50
    assert {len(found) for found in where.values()} == {1}


def test_the_same_training_again_is_done_at_once(hungjury, place, artifact):
    """Same rows, seed and members: the artifact that is there."""
    again = hungjury(*place.arguments("--json"))
    assert again.code == 0
    assert again.json["id"] == artifact.path.name
    assert "fitting" not in again.err
    assert current_artifact("mine").manifest.made_at == artifact.manifest.made_at


def test_training_is_deterministic_by_seed(hungjury, place, artifact):
    """Fitted anew from nothing, the same seed gives the same bytes, hence the same name."""
    shutil.rmtree(artifact.path.parent)
    again = hungjury(*place.arguments("--json"))
    assert "fitting the keyword member" in again.err
    assert again.json["id"] == artifact.path.name


def test_another_rate_changes_the_threshold_and_artifacts_go_back(hungjury, place, artifact):
    """A laxer rate gives a higher threshold; both are listed and compared, and the first can be put into use again."""
    lax = hungjury(*place.arguments("--fnr", "0.3"))
    assert lax.code == 0
    assert "fitting the keyword member" not in lax.err  # the members are those of the first
    assert "threshold" in lax.out
    assert "panel AUC" in lax.out
    listed = hungjury("artifacts", "list", "--json").json
    assert [each["current"] for each in listed] == [False, True]
    assert listed[0]["threshold"] < listed[1]["threshold"]
    assert listed[0]["id"] == artifact.path.name
    assert all(each["rows"] > 200 and each["auc"] > CLEARLY for each in listed)
    table = hungjury("artifacts")
    assert all(each["id"] in table.out for each in listed)
    compared = hungjury("artifacts", "compare", listed[0]["id"][:6], listed[1]["id"][:6])
    assert "panel auc" in compared.out
    assert f"{listed[1]['id']} (in use)" in compared.out
    assert hungjury("artifacts", "use", listed[0]["id"][:6]).code == 0
    assert current_artifact("mine").path == artifact.path


def test_a_killed_training_goes_on_where_it_was(hungjury, place, artifact, monkeypatch):
    """A run stopped after the keyword member was fitted does not fit it again, and ends with the same artifact."""
    shutil.rmtree(artifact.path.parent)
    with monkeypatch.context() as patch:
        patch.setattr("ensemble.training.train.fit_panel", _stop)
        assert hungjury(*place.arguments()).code != 0
    again = hungjury(*place.arguments("--json"))
    assert again.code == 0
    assert "fitting the keyword member" not in again.err
    assert again.json["id"] == artifact.path.name


def _stop(*_arguments, **_more):
    raise KeyboardInterrupt


def test_preparing_leaves_a_trained_artifact_in_use(place, artifact):
    """`up` prepares first; what a person trained must not be replaced by that."""
    task = load_task(place.task)
    assert is_prepared(task)
    assert prepare(task).path == artifact.path


def test_an_edited_artifact_is_neither_loaded_nor_put_into_use(hungjury, artifact):
    """An edited file is named; so is an edited manifest."""
    joint = artifact.path / "panel.json"
    joint.write_text(joint.read_text().replace('"threshold":', '"threshold" :', 1))
    told = hungjury("artifacts", "use", artifact.path.name)
    assert told.code == 1
    assert "panel.json is missing or not what its manifest says" in told.err
    manifest = json.loads((artifact.path / "manifest.json").read_text())
    del manifest["files"]["panel.json"]
    (artifact.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"manifest\.json was changed"):
        current_artifact("mine").load_panel()


def test_a_damaged_artifact_is_made_again_by_the_same_training(hungjury, place, artifact):
    """The same inputs give the same name, and the broken folder does not stand in its way."""
    (artifact.path / "keyword" / "head.safetensors").unlink()
    assert hungjury(*place.arguments()).code == 0
    current_artifact("mine").verify()
    assert len(all_artifacts("mine")) == 1


def _one_class(rows):
    return [{**row, "label": 0} for row in rows]


def _strings(rows):
    return [{**row, "label": "no" if row["label"] else "yes"} for row in rows]


def _straddling(rows):
    return [{**row, "meta": {**row["meta"], "split": ("train", "test")[n % 2]}} for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (_one_class, [], "all 200 usable rows are labelled 0"),
        (_strings, [], "must be 0 or 1"),
        (_straddling, ["--split-by", "doc"], "has rows in train and in test"),
        (lambda rows: rows[:20], [], "at least 20 of each label"),
        (lambda rows: rows, ["--split-by", "author"], "has no author"),
        (lambda rows: [{**row, "meta": {"doc": "one"}} for row in rows], ["--split-by", "doc"], "in 1 values of doc"),
        (lambda rows: rows, ["--fnr", "1"], "--fnr must be at least 0 and below 1"),
    ],
    ids=["one class", "strings", "straddling", "twenty", "no field", "one group", "rate"],
)
def test_data_that_cannot_train_ends_with_exit_2_and_the_reason(hungjury, tmp_path, change, options, message):
    """The last line says what to do; nothing is fitted, nothing left behind."""
    write_skeleton(tmp_path / "mine")
    data = write(tmp_path / "rows.jsonl", change(made_up(200)))
    told = hungjury("train", "--task", tmp_path / "mine", "--data", data, *options)
    assert told.code == 2
    last = told.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert all_artifacts() == []


def test_few_groups_in_a_held_out_split_are_told():
    """Intervals over rows of one event promise too much for other events."""
    sizes = {
        "train": SplitSize(rows=60, positives=30, groups=30),
        "calibration": SplitSize(rows=20, positives=9, groups=1),
    }
    data = DataRecord(source="x", split_by="event", splits={**sizes, "test": SplitSize(rows=20, positives=9, groups=8)})
    (told,) = few_groups(data)
    assert "calibration holds 1 value of event" in told
    assert few_groups(data.model_copy(update={"split_by": None})) == []


def test_an_unknown_artifact_is_named(hungjury):
    """So is the way to see those that are there."""
    told = hungjury("artifacts", "use", "abc")
    assert told.code == 2
    assert "there is no artifact 'abc'; `hungjury artifacts list`" in told.err
    assert "nothing is prepared" in hungjury("artifacts").out


def test_a_model_of_the_hub_without_network_says_what_to_do(apart, tmp_path):
    """One line at the end names the model and the remedy."""
    write_skeleton(tmp_path / "mine")
    (tmp_path / "config.yaml").write_text(
        "panel:\n  encoder: null\n  deployed: keyword\n  judge: {model: nobody/nothing}\n"
    )
    data = write(tmp_path / "rows.jsonl", made_up(200))
    arguments = ["train", "--task", tmp_path / "mine", "--data", data, "--config", tmp_path / "config.yaml"]
    told = apart(*arguments, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert told.returncode == 1
    last = told.stderr.splitlines()[-1]
    assert "cannot load the language model 'nobody/nothing'" in last
    assert "give panel.judge.model a folder that holds the model" in last
