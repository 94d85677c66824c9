"""`hungjury replay`: the contract's JSON, the table, the page, rows with and without members, and bad input."""

import json

import numpy as np
import pytest
import tiny_artifact
from parsed_page import ParsedPage

HURT = ["He broke his arm in the fall.", "She shot him.", "His hand bled on the floor.", "It stung for a week."]
CALM = ["She shot him a glance.", "They drank tea.", "Rain fell.", "He read a letter."]


def _rows(count=300, failures=30):
    rng = np.random.default_rng(0)
    for i in range(count):
        failing = i % (count // failures) == 0
        scores = {
            "mine": float(rng.uniform(0.01, 0.3)),
            "other": float(np.clip(rng.normal(0.6 if failing else 0.2, 0.15), 0, 1)),
        }
        yield {"text": f"{(CALM, HURT)[failing][i % 4]} ({i})", "label": int(failing), "members": scores}


@pytest.fixture
def pool(tmp_path):
    """Writes rows to a file."""

    def write(rows, name="pool.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_json_is_what_the_contract_says(hungjury, pool):
    """Rows, passed, failures, and by strategy what was found with its intervals; nothing else on standard output."""
    options = ["--labels", 120, "--strategy", "all", "--seeds", 2, "--json"]
    told = hungjury("replay", "--pool", pool(_rows()), *options)
    assert told.code == 0, told.err
    found = told.json
    assert (found["rows"], found["passed"], found["failures"], found["deployed"]) == (300, 300, 30, "mine")
    assert set(found["strategies"]) == {
        "adaptive", "random", "deployed-margin", "stacked-posterior", "vote-entropy", "consensus-entropy", "max-kl",
        "jensen-shannon",
    }  # fmt: skip
    for each in found["strategies"].values():
        assert list(each["found"]) == list(each["interval"]) == ["50", "100", "120"]
        assert all(each["interval"][b][0] <= each["found"][b] <= each["interval"][b][1] for b in each["found"])
    ours, chance = (found["strategies"][name]["found"]["100"] for name in ("adaptive", "random"))
    assert ours > 2 * chance


def test_texts_may_be_known_by_their_embeddings(hungjury, pool):
    """With --embed the learners go by the embedder of the prepared task, and the report says so."""
    options = ["--labels", 20, "--strategy", "adaptive", "--seeds", 1, "--json"]
    missing = hungjury("replay", "--pool", pool(_rows()), "--embed", *options)
    assert missing.code == 1
    tiny_artifact.make()
    told = hungjury("replay", "--pool", pool(_rows()), "--embed", *options)
    assert told.code == 0, told.err
    assert told.json["features"] == "sentence embeddings of the texts"


def test_members_load_no_model(hungjury, pool):
    """Rows that carry members are replayed although nothing is prepared; others say what to prepare."""
    assert hungjury("replay", "--pool", pool(_rows()), "--labels", 20, "--strategy", "random").code == 0
    bare = [{name: row[name] for name in ("text", "label")} for row in _rows()]
    told = hungjury("replay", "--pool", pool(bare), "--labels", 20)
    assert told.code == 1
    assert "prepare" in told.err


def test_rows_without_members_go_through_the_panel(hungjury, pool):
    """The panel's deployed member and its threshold; the encoder of this artifact sees half of the injuries."""
    tiny_artifact.make()
    rows = [
        {"text": f"{text} ({i})", "label": label}
        for i in range(20)
        for label, group in enumerate((CALM, HURT))
        for text in group
    ]
    told = hungjury(
        "replay", "--pool", pool(rows), "--labels", 40, "--strategy", "adaptive,random", "--json", "--seeds", 1
    )
    assert told.code == 0, told.err
    found = told.json
    assert (found["rows"], found["deployed"], found["posterior"]) == (160, "encoder", "panel")
    assert found["failures"] == 40
    assert set(found["members"]) == {"encoder", "keyword"}


def test_a_person_gets_a_sentence_and_a_table(hungjury, pool):
    """The saving first, then what was replayed, then all strategies with intervals, curves and the perfect ranking."""
    told = hungjury("replay", "--pool", pool(_rows()), "--labels", 100, "--strategy", "adaptive,random", "--seeds", 2)
    assert told.code == 0, told.err
    assert told.out.startswith("With 100 labels adaptive finds")
    for words in ("are saved", "mine passes 300 at threshold 0.5", "30 of these are failures (10 %, one in 10)",
                  "perfect ranking", "labels for 80 %"):  # fmt: skip
        assert words in " ".join(told.out.split())
    assert "300 labelled rows, 0 without label, 0 bad rows skipped" in told.err
    assert max(map(len, told.out.splitlines())) <= 160


def test_the_page_stands_alone_and_shows_hostile_names_as_text(hungjury, pool, tmp_path):
    """A curve for each strategy, the figures, and a member named like markup escaped."""
    rows = [{**row, "members": {"<script>": row["members"]["mine"], "b": 0.5}} for row in _rows()]
    page = tmp_path / "page.html"
    told = hungjury(
        "replay", "--pool", pool(rows), "--labels", 60, "--strategy", "random,max-kl", "--html", page, "--json"
    )
    assert told.code == 0, told.err
    parsed = ParsedPage(page.read_text(encoding="utf-8"))
    assert parsed.unclosed == []
    assert "script" not in parsed.names()
    assert "Back-test of <script>" in parsed.text()
    assert sum(name == "polyline" for name, _ in parsed.elements) == 2
    assert "60 labels" in parsed.text()
    assert str(tmp_path) not in parsed.source


def test_bad_rows_are_named_and_skipped(hungjury, pool):
    """A probability outside [0, 1], a posterior that is none, and rows without label; the rest is replayed."""
    bad = [
        {"text": "x", "label": 1, "members": {"mine": 1.5}},
        {"text": "x", "label": 1, "members": {"mine": 0.1}, "posterior": 2},
        {"text": "x", "members": {"mine": 0.1}},
    ]
    path = pool([*bad, *_rows()])
    told = hungjury("replay", "--pool", path, "--labels", 20, "--strategy", "random")
    assert told.code == 0, told.err
    assert f"{path}:1: members.mine must be a probability in [0, 1], not a number (1.5)" in told.err
    assert f"{path}:2: posterior must be a number from 0 to 1, not 2" in told.err
    assert "300 labelled rows, 1 without label, 2 bad rows skipped" in told.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", 0], "greater than or equal to 1"),
        (["--seeds", 0], "greater than or equal to 1"),
        (["--batch", 0], "greater than or equal to 1"),
        (["--threshold", 1.5], "less than or equal to 1"),
        (["--threshold", 0], "passes none of 300 rows"),
        (["--strategy", "luck"], "'luck' is unknown; there are adaptive, random"),
        (["--deployed", "theirs"], "'theirs' is not among the members of the rows: mine, other"),
        (["--html", "/no/such/folder/page.html"], "make it first"),
    ],
    ids=str,
)
def test_wrong_options_are_told(hungjury, pool, options, message):
    """Exit 2 and what is wrong, without a traceback."""
    told = hungjury("replay", "--pool", pool(_rows()), "--labels", 20, *options)
    assert told.code == 2
    assert message in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("rows", "code", "message"),
    [
        ([], 1, "nothing to replay"),
        ([{"text": "a", "members": {"m": 0.1}}], 2, "1 rows and no label: replay needs `label` 0 or 1"),
        ([{"text": "a", "label": 1, "members": {"m": 7}}], 1, "nothing to replay"),
        ([{"text": "a", "label": 0, "members": {"m": 0.1}}], 2, "there is no failure to find"),
    ],
    ids=["empty", "no labels", "no good row", "no failure"],
)
def test_files_in_which_nothing_can_be_found(hungjury, pool, rows, code, message):
    """Each says what is missing."""
    told = hungjury("replay", "--pool", pool(rows), "--labels", 20)
    assert told.code == code
    assert message in told.err


def test_a_missing_file_is_named(hungjury, tmp_path):
    """Exit 2 and the path."""
    told = hungjury("replay", "--pool", tmp_path / "none.jsonl")
    assert told.code == 2
    assert "none.jsonl cannot be read" in told.err
