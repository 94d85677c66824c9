"""The gate on words: its probabilities are true, it reads about the share told, and what it saves is measured."""

import numpy as np
import pytest
from bulk_corpus import settings, shard, texts

from miners.bulk.gate import FILE, WordGate, fit_gate
from miners.bulk.piece import PieceWorker, load_state
from miners.bulk.pilot import make_gate, pilot_texts, score_pilot
from miners.bulk.plan import make_plan
from miners.bulk.shortlist import BulkReport, join, read_shortlist
from miners.errors import CampaignError


def _priorities(found):
    """Priorities that words tell: high with "bled", lower with "kill", with noise."""
    rng = np.random.default_rng(5)
    base = np.array([0.08 + 0.5 * ("bled" in text) + 0.1 * ("kill" in text) for text in found])
    return np.clip(base + rng.normal(0, 0.02, len(found)), 0.01, 0.99)


@pytest.mark.parametrize("look", [0.05, 0.3, 0.9])
def test_about_the_share_is_read_that_was_asked_for(look):
    """On other texts of the same kind the mean probability is near the share, and none is below the floor."""
    pilot, other = texts(1500), texts(1500, 1)
    chances = fit_gate(pilot, _priorities(pilot), look)(other)
    assert chances.mean() == pytest.approx(look, rel=0.15)
    assert chances.min() >= 0.25 * look
    assert chances.max() <= 1


def test_texts_worth_finding_are_likelier_to_be_read():
    """Texts whose words speak for them are read more than twice as often as the others."""
    pilot, other = texts(1500), texts(1500, 1)
    chances = fit_gate(pilot, _priorities(pilot), 0.5)(other)
    worth = np.array(["bled" in text for text in other])
    assert chances[worth].mean() > 2 * chances[~worth].mean()


def test_a_corpus_on_which_all_texts_are_alike_is_read_evenly():
    """With nothing to learn the gate is a plain coin."""
    pilot = texts(50)
    assert fit_gate(pilot, np.full(50, 0.2), 0.4)(texts(20, 1)) == pytest.approx(0.4, rel=0.05)
    assert fit_gate(["one text"], np.array([0.2]), 0.4)(["one text"])[0] == pytest.approx(0.4, rel=0.05)


def test_a_gate_written_down_is_the_same_gate(tmp_path):
    """Saved and loaded it gives the same probabilities; what is no gate is refused by name."""
    pilot = texts(200)
    gate = fit_gate(pilot, _priorities(pilot), 0.2)
    gate.save(tmp_path / FILE)
    assert (WordGate.load(tmp_path / FILE)(pilot) == gate(pilot)).all()
    (tmp_path / FILE).write_bytes(b"no gate")
    with pytest.raises(CampaignError, match=r"gate\.npz, cannot be read"):
        WordGate.load(tmp_path / FILE)


def test_the_pilot_is_read_all_over_the_corpus(tmp_path):
    """Its texts are distinct and come from every piece, damaged ones as far as they go."""
    shards = [shard(tmp_path / f"{i}.jsonl", texts(100, i) + texts(5), bad_every=10) for i in range(6)]
    found = pilot_texts(make_plan(shards, settings()).pieces, 60)
    assert len(found) == len({text.id for text in found}) == 60
    assert {text.text.split()[-2] for text in found} == set("012345")


def _run(folder, chosen, path):
    plan = make_plan([path], chosen, piece_bytes=20_000)
    make_gate(chosen, plan.pieces, folder)
    worker = PieceWorker(chosen, folder)
    for piece in plan.pieces:
        worker.work(piece)
    report = BulkReport(shards=1, pieces=len(plan.pieces))
    join(folder, plan.pieces, chosen, report)
    return report, plan


def test_a_run_behind_a_gate_stands_for_the_whole_corpus(tmp_path, monkeypatch):
    """It reads about the share, and over 30 seeds its weighted counts, read and kept, average to the truth."""
    monkeypatch.setattr("miners.bulk.pilot.LEAST", 200)
    rows = texts(900)
    path, chosen = shard(tmp_path / "a.jsonl", rows), settings(look=0.3, part_rows=300)
    found, stood = [], []
    for seed in range(30):
        report, _ = _run(tmp_path / str(seed), chosen.model_copy(update={"seed": seed}), path)
        listed = read_shortlist(tmp_path / str(seed) / "shortlist.jsonl")
        assert report.scored + report.passed_over == report.rows == 900
        assert all(one.probability <= one.kept.gate <= 1 for one in listed)
        found.append(sum(1 / one.probability for one in listed if "bled" in one.kept.text))
        stood.append(sum(report.stood_for.values()))
        share = report.scored / 900
        assert 0.1 < share < 0.6
    for values, truth in ((found, sum("bled" in text for text in rows)), (stood, 900)):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(30)


def test_a_run_behind_a_gate_goes_on_where_it_stopped(tmp_path):
    """The gate is fitted once and stays; a piece begun again ends as if it had never been stopped."""
    chosen, path = settings(look=0.5), shard(tmp_path / "a.jsonl", texts(300))
    _, plan = _run(tmp_path / "run", chosen, path)
    gate = (tmp_path / "run" / FILE).read_bytes()
    ended = load_state(tmp_path / "run", plan.pieces[0].name)
    (tmp_path / "run" / "pieces" / f"{plan.pieces[0].name}.json").unlink()
    make_gate(chosen, plan.pieces[:1], tmp_path / "run")
    assert (tmp_path / "run" / FILE).read_bytes() == gate
    assert PieceWorker(chosen, tmp_path / "run").work(plan.pieces[0]) == ended


def test_the_pilot_is_scored_alike_in_parts(tmp_path, monkeypatch):
    """However many processes share it, its priorities are the same to the last digit, and so is the gate."""
    monkeypatch.setattr("miners.bulk.pilot._SLICE", 256)
    chosen, path = settings(look=0.5), shard(tmp_path / "a.jsonl", texts(1100))
    pieces = make_plan([path], chosen, piece_bytes=20_000).pieces
    monkeypatch.setattr("miners.bulk.pilot.LEAST", 600)
    whole = score_pilot(chosen, pieces)
    assert len(whole) > 600
    for parts in (2, 9):
        assert (np.concatenate([score_pilot(chosen, pieces, part, parts) for part in range(parts)]) == whole).all()
    make_gate(chosen, pieces, tmp_path / "one")
    make_gate(chosen, pieces, tmp_path / "parts", whole)
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "parts" / FILE).read_bytes()
