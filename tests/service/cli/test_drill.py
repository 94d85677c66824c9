"""`hungjury drill` on a prepared artifact whose members are bags of words, and plants in a real store."""

import json

import pytest
import tiny_artifact

from miners.queue.types import NewAnswer

from .conftest import item

BURNS = [f"He broke jar {i}, and his hand bled for an hour." for i in range(8)]


def printed_missed(shown):
    """Texts that a report lists under "missed"."""
    return [line.strip() for line in shown.partition("missed, as ")[2].splitlines()[1:]]


@pytest.fixture
def data(tmp_path):
    """Eight burns among a hundred calm rows."""
    tiny_artifact.make()
    path = tmp_path / "rows.jsonl"
    rows = [{"text": text, "label": 1, "meta": {"harm": "burn"}} for text in BURNS]
    rows += [{"text": f"They drank tea number {i} by window {i * 3}.", "label": 0} for i in range(100)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_it_says_what_miner_ranking_and_raters_caught(hungjury, data):
    """Burns that the copy passes are seen by the keyword member, so the ranking has them first."""
    told = hungjury("drill", "--data", data, "--blind-spot", "harm=burn", "--labels", 20, "--json")
    assert told.code == 0, told.err
    (spot,) = told.json["spots"]
    assert spot["blind_spot"] == "harm=burn"
    assert spot["ranking"] == {"caught": 8, "plants": 8, "first": 1}
    assert spot["miner"]["plants"] == spot["raters"]["plants"] == 8
    shown = hungjury("drill", "--data", data, "--blind-spot", "harm=burn", "--labels", 20)
    assert "harm=burn" in shown.out
    assert "100 % (63-100)" in shown.out
    assert "encoder was made blind" in shown.out
    assert "hungjury drill plant" in shown.out  # what to do next
    assert spot["seen"] == {"caught": 8, "plants": 8, "first": None}
    assert (spot["missed"], spot["blindness"]) == ([], None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--blind-spot", "burn"], "harm=VALUE"),
        (["--blind-spot", "harm=frost"], "covers 0 texts"),
        (["--labels", "0"], "--labels"),
        (["--sensitivity", "2"], "--sensitivity"),
        (["--how", "hypnotised"], "wrapped"),
        (["--strategy", "top"], "adaptive or ranked"),
        (["--how", "trained", "--blind-spot", "trigger=hand"], "covers 4 texts"),
    ],
)
def test_what_makes_no_sense_is_refused(hungjury, data, arguments, said):
    """Exit 2, and the message names what to write."""
    told = hungjury("drill", "--data", data, *arguments)
    assert told.code == 2
    assert said in told.err


def test_what_the_ranking_missed_is_shown(hungjury, data):
    """Plants in whom no other member sees anything are listed, for a person and for a machine."""
    with data.open("a") as file:
        file.writelines(
            json.dumps({"text": f"The lamp went out over sailor {i}.", "label": 1, "meta": {"harm": "dark"}}) + "\n"
            for i in range(6)
        )
    told = hungjury("drill", "--data", data, "--blind-spot", "harm=dark", "--labels", 5, "--json")
    (spot,) = told.json["spots"]
    assert spot["ranking"]["caught"] + len(spot["missed"]) == 6
    assert spot["missed"]
    assert spot["seen"]["caught"] == 0
    shown = hungjury("drill", "--data", data, "--blind-spot", "harm=dark", "--labels", 5).out
    assert f"harm=dark: {spot['missed'][0]}" in shown


def test_rows_of_one_label_are_refused(hungjury, tmp_path):
    """There is nothing to plant, or nothing to hide it among."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "They drank tea.", "label": 0}\n')
    told = hungjury("drill", "--data", path)
    assert (told.code, "both labels" in told.err) == (2, True)


def test_plants_wait_unmarked_and_are_reported(hungjury, data, store):
    """Planted texts stand in the queue like others; the report counts what raters said, exports leave them out."""
    queue = store.queue("injury")
    queue.enqueue([item(i, f"real text {i}") for i in range(5)])
    assert "nothing is planted" in hungjury("drill", "report").out
    told = hungjury("drill", "plant", "--data", data, "--count", 4, "--name", "may")
    assert told.code == 0, told.err
    assert "4 texts planted as 'may'" in told.out
    for turn in range(9):
        (lease,) = queue.lease("ann", request_id=str(turn))
        answer = "no" if "real" in lease.text or turn == 8 else "yes"
        queue.answer(lease.lease_id, "ann", NewAnswer(answer=answer))
    (found,) = hungjury("drill", "report", "--json").json
    assert (found["name"], found["plants"], found["waiting"]) == ("may", 4, 0)
    assert found["raters"]["caught"] + len(found["missed"]) == 4
    shown = hungjury("drill", "report").out
    assert "may: 4 texts planted whose answer is yes, 0 still unlabelled" in shown
    assert printed_missed(shown) == found["missed"]
    assert {row["new"]["plant"] for row in hungjury("export", "items").lines} == {""}
    assert len(hungjury("export", "answers").lines) == 5
    assert len(hungjury("export", "plants").lines) == 4
    assert all(not row["item"]["new"]["plant"] for row in hungjury("export", "findings").lines)


def test_plants_alone_are_not_planted(hungjury, data, store):
    """With nothing waiting they would be recognised; the message says what to do first."""
    told = hungjury("drill", "plant", "--data", data)
    assert told.code == 2
    assert "hungjury mine" in told.err
    assert list(store.queue("injury").plants()) == []
