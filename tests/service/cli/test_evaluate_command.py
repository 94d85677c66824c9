"""`hungjury evaluate` on a prepared artifact whose members are bags of words."""

import json

import numpy as np
import pytest
import tiny_artifact
from parsed_page import ParsedPage

from ensemble.artifacts import current_artifact
from ensemble.rows import read_rows

HURT = ["He broke his arm in the fall.", "She shot him.", "His hand bled on the floor.", "It stung for a week."]
CALM = ["She shot him a glance.", "They drank tea.", "Rain fell.", "He read a letter."]


@pytest.fixture
def artifact():
    """The members."""
    return tiny_artifact.make()


@pytest.fixture
def data(tmp_path):
    """Eighty rows in two styles and four events; every fifth has no style; one row is broken."""
    path = tmp_path / "rows.jsonl"
    rows = []
    for number in range(80):
        label = number % 2
        text = f"{(CALM, HURT)[label][number // 2 % 4]} ({number})"
        meta = {"event": f"e{number // 20}", "<script>": "</script>" if number % 4 else "x"}
        if number % 5:
            meta["style"] = "plain" if number % 3 else "figurative"
        rows.append(json.dumps({"text": text, "label": label, "meta": meta}))
    path.write_text("\n".join([*rows, '{"text": ""}', ""]))
    return path


@pytest.mark.usefixtures("artifact")
def test_json_is_one_document_with_all_that_the_contract_names(hungjury, data):
    """Members, panel and independence, with intervals and counts; what was skipped is told apart from it."""
    told = hungjury("evaluate", "--data", data, "--json")
    assert told.code == 0, told.err
    found = told.json
    assert (found["rows"], found["positives"]) == (80, 40)
    assert set(found["members"]) == {"encoder", "keyword"}
    quality = {"auc", "average_precision", "fnr", "fnr_interval", "fpr", "ece"}
    assert all(quality <= set(each) for each in [*found["members"].values(), found["panel"]])
    assert {"n_eff", "error_correlation", "double_fault", "capture", "disagreeing_share"} <= set(found["independence"])
    assert [at["target"] for at in found["panel"]["at_fpr"]] == [0.01, 0.05]
    assert "80 labelled rows, 1 skipped" in told.err


@pytest.mark.usefixtures("artifact")
def test_the_numbers_are_those_of_the_rows(hungjury, data):
    """The encoder sees two of four kinds of injury and is fooled by the glance; the keyword member sees one more."""
    found = hungjury("evaluate", "--data", data, "--json").json
    encoder, independence = found["members"]["encoder"], found["independence"]
    assert (encoder["misses"], encoder["positives"], encoder["fnr"]) == (20, 40, 0.5)
    assert (encoder["false_alarms"], encoder["negatives"], encoder["fpr"]) == (10, 40, 0.25)
    assert (independence["misses"], independence["unique_catches"]) == (20, {"keyword": 10})
    assert independence["capture"] == 0.5


@pytest.mark.usefixtures("artifact")
def test_slices_and_rates_can_be_chosen(hungjury, data):
    """Each option may be repeated; rows without the field are a slice of their own."""
    options = ["--slice", "style", "--slice", "meta.event", "--fpr", "0.3", "--fpr", "0.1"]
    found = hungjury("evaluate", "--data", data, "--json", *options).json
    style, event = found["slices"]
    assert (style["field"], event["field"]) == ("style", "meta.event")
    assert {each["name"]: each["rows"] for each in event["slices"]} == {"e0": 20, "e1": 20, "e2": 20, "e3": 20}
    assert [each["rows"] for each in style["slices"] if each["kind"] == "missing"] == [16]
    assert [at["target"] for at in found["panel"]["at_fpr"]] == [0.1, 0.3]


@pytest.mark.usefixtures("artifact")
def test_a_person_gets_sentences_and_tables(hungjury, data):
    """Everything that the JSON holds has a place, and no line is wider than the terminal."""
    told = hungjury("evaluate", "--data", data, "--slice", "style")
    assert told.code == 0
    for words in ("80 rows, 40 of them yes", "Order and calibration", "At the threshold", "only so many false alarms",
                  "Correlation of errors", "Double faults", "What would be missed without it", "By style"):  # fmt: skip
        assert words in told.out
    assert "0.500 (0.338\u20130.662)" in told.out
    assert max(map(len, told.out.splitlines())) <= 160


@pytest.mark.usefixtures("artifact")
def test_the_page_is_written_whole_and_shows_hostile_values_as_text(hungjury, data, tmp_path):
    """A field and a value named like markup are escaped; nothing is left beside the page."""
    page = tmp_path / "page.html"
    told = hungjury("evaluate", "--data", data, "--html", page, "--slice", "<script>", "--json")
    assert told.code == 0, told.err
    assert told.json["rows"] == 80
    assert f"wrote {page}" in told.err
    parsed = ParsedPage(page.read_text(encoding="utf-8"))
    assert parsed.unclosed == []
    assert "script" not in parsed.names()
    assert "By <script>" in parsed.text()
    assert "rows.jsonl" in parsed.text()
    assert str(tmp_path) not in parsed.source
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "page.html", "rows.jsonl"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slice", "evnt"], "no row has a field 'evnt'; rows have event"),
        (["--fpr", "5"], "fpr must lie between 0 and 1, not 5"),
        (["--fpr", "0"], "fpr must lie between 0 and 1, not 0"),
        (["--html", "/no/such/folder/page.html"], "make it first"),
        (["--html", "."], "is a folder"),
    ],
    ids=str,
)
def test_wrong_options_are_told_before_any_model_is_loaded(hungjury, data, options, message):
    """Exit 2 and one line, although nothing is prepared here at all."""
    told = hungjury("evaluate", "--data", data, *options)
    assert told.code == 2
    assert message in told.err
    assert "prepare" not in told.err


@pytest.mark.usefixtures("artifact")
def test_one_class_is_measured_as_far_as_it_goes(hungjury, tmp_path):
    """Only no rows: false alarms have a rate, misses have none; the page is written all the same."""
    path = tmp_path / "calm.jsonl"
    path.write_text("".join(json.dumps({"text": f"{text} {i}", "label": 0}) + "\n" for i in range(9) for text in CALM))
    told = hungjury("evaluate", "--data", path, "--html", tmp_path / "page.html")
    assert told.code == 0, told.err
    assert "No row is labelled yes" in told.out
    found = hungjury("evaluate", "--data", path, "--json").json
    assert (found["panel"]["fnr"], found["panel"]["auc"], found["curves"]["panel"]) == (None, None, None)
    assert found["members"]["encoder"]["fpr"] == 0.25


@pytest.mark.usefixtures("artifact")
def test_the_measured_rows_are_written_as_replay_reads_them(hungjury, data, tmp_path):
    """Text, context, id, label and meta come back, with every member's number and the panel's."""
    path, again = tmp_path / "scores.jsonl", tmp_path / "again.jsonl"
    more = {"text": "It bled.", "context": "He fell.", "id": "x-1", "label": 1, "meta": {"posterior": 2, "kind": "k"}}
    data.write_text(data.read_text() + json.dumps(more) + "\n")
    told = hungjury("evaluate", "--data", data, "--scores", path, "--json")
    assert told.code == 0, told.err
    assert f"wrote {path}" in told.err
    rows = list(read_rows(path))
    assert [row.label for row in rows[:4]] == [0, 1, 0, 1]
    assert all(set(row.members) == {"encoder", "keyword"} for row in rows)
    last = rows[-1]
    assert (len(rows), last.text, last.context, last.id, last.meta["kind"]) == (81, "It bled.", "He fell.", "x-1", "k")
    joint = current_artifact("injury").joint
    table = np.array([[row.members[name] for name in joint.members] for row in rows])
    assert [row.meta["posterior"] for row in rows] == pytest.approx(joint.posterior(table))
    misses = sum(row.label == 1 and row.members["encoder"] < joint.vote_threshold("encoder") for row in rows)
    assert misses == told.json["members"]["encoder"]["misses"]
    assert hungjury("evaluate", "--data", path, "--scores", again, "--json").code == 0
    assert again.read_text() == path.read_text()


@pytest.mark.usefixtures("artifact")
def test_replay_takes_what_evaluate_wrote(hungjury, data, tmp_path):
    """No row is lost between them, and the posterior is the panel's."""
    path = tmp_path / "scores.jsonl"
    assert hungjury("evaluate", "--data", data, "--scores", path, "--json").code == 0
    told = hungjury("replay", "--pool", path, "--labels", "5", "--strategy", "random", "--seeds", "1", "--json")
    assert told.code == 0, told.err
    assert (told.json["rows"], told.json["failures"], told.json["posterior"]) == (80, 20, "rows")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--scores", "."], "is a folder"),
        (["--scores", "/no/such/folder/scores.jsonl"], "make it first"),
        (["--scores", "same.html", "--html", "same.html"], "--html and --scores name the same file"),
    ],
    ids=str,
)
def test_a_place_for_the_scores_is_looked_for_first(hungjury, data, given, message):
    """Before anything is loaded or scored, with exit 2."""
    told = hungjury("evaluate", "--data", data, *given)
    assert told.code == 2
    assert message in told.err
