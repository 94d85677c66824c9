"""`hungjury traffic` and the sources of `hungjury mine`, on a real store."""

import json

import pytest

from ensemble.errors import InputError
from ensemble.text import identity
from miners.queue.traffic import ONE, Limits, Report, Sighting, key_of
from service.cli.mine import _shares

LIMITS = Limits(texts=5)


@pytest.fixture
def sample(store):
    """A sample of a dozen texts, of which there is room for five."""
    traffic = store.traffic("injury", LIMITS)
    state = traffic.state()
    window = LIMITS.window(state.now_ms)
    served = {"decision": "pass", "probability": 0.1, "disagreement": 0.2}
    sightings = []
    for i in range(12):
        fields = {"text": f"text \x1b[2J {i}", "context": "", "first_at": state.now_ms, "served": served}
        text_id = identity(fields["text"])
        sightings.append(Sighting(text_id, key_of(state.salt, window, text_id), 1, json.dumps(fields)))
    traffic.add(Report("p", 1, state.salt, window, seen=12, dropped=0, threshold=ONE, texts=sightings))
    return traffic


@pytest.mark.usefixtures("store")
def test_without_a_sample_it_says_what_switches_it_on(hungjury):
    """Nothing kept is no error."""
    told = hungjury("traffic", "status")
    assert told.code == 0
    assert "mining.live_traffic.enabled is false" in told.out
    assert hungjury("traffic", "status", "--json").json == []


@pytest.mark.usefixtures("sample")
def test_windows_are_shown_with_their_probability(hungjury):
    """Seen, kept and probability stand in a line a window; JSON has every figure."""
    (window,) = hungjury("traffic", "status", "--json").json
    assert (window["seen"], window["kept"]) == (12, 5)
    assert 0 < window["probability"] < 1
    assert f"{window['probability']:.4g}" in hungjury("traffic", "status").out


def test_texts_are_shown_harmlessly_and_whole_for_programs(hungjury, sample):
    """The table cannot move the cursor; JSON gives each text with count, id and probability."""
    table = hungjury("traffic", "show", "-n", 3)
    assert table.code == 0
    assert "\x1b" not in table.out
    found = hungjury("traffic", "show", "--json").json
    kept = sample.read(sample.windows()[0].window)
    assert [one["text"] for one in found] == [one.text for one in kept]
    assert {one["probability"] for one in found} == {sample.windows()[0].probability}
    assert {one["times"] for one in found} == {1}
    assert len(hungjury("traffic", "show", "-n", 2, "--json").json) == 2


def test_one_text_is_forgotten_by_its_id(hungjury, sample):
    """It is gone; asked again, the id is bad input."""
    text_id = hungjury("traffic", "show", "--json").json[0]["text_id"]
    assert hungjury("traffic", "forget", text_id, "--json").json == {"id": text_id, "deleted": True}
    assert text_id not in {one.text_id for one in sample.read(sample.windows()[0].window)}
    again = hungjury("traffic", "forget", text_id)
    assert again.code == 2
    assert "is not kept" in again.err


def test_everything_is_deleted_once_somebody_says_yes(hungjury, sample):
    """Without a yes nothing happens."""
    assert hungjury("traffic", "clear").code == 1
    assert sample.windows()[0].kept == 5
    assert hungjury("traffic", "clear", "--yes", "--json").json == {"deleted": 5}
    assert sample.windows() == []


def test_shares_are_read_by_source():
    """SOURCE=N, also by the full name of a rewrite."""
    assert _shares(["live=2", "rewrite:typos=0", "steered=0.5"]) == {"live": 2.0, "rewrite:typos": 0.0, "steered": 0.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("lice=1", "there is no source 'lice'; there are corpus, live, completions, steered, rewrite"),
        ("live", "is not SOURCE=N"),
        ("live=much", "is not SOURCE=N"),
        ("live=-1", "0 to 1,000"),
        ("live=nan", "0 to 1,000"),
        ("live=1e9", "0 to 1,000"),
    ],
)
def test_a_wrong_share_is_refused(given, message):
    """The message says what is there, or what form is wanted."""
    with pytest.raises(InputError, match=message):
        _shares([given])


@pytest.mark.usefixtures("store")
def test_an_input_that_is_not_there_is_refused_before_anything_starts(hungjury, tmp_path):
    """A missing path, a pattern that fits nothing and a folder without rows are bad input."""
    (tmp_path / "empty").mkdir()
    for path, message in (
        ("gone.jsonl", "neither a file nor a folder"),
        ("*.csv", "no file fits"),
        ("empty", "holds no file"),
    ):
        told = hungjury("mine", "--input", tmp_path / path)
        assert (told.code, message in told.err) == (2, True), told.err
