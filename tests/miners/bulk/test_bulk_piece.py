"""Working on pieces: what is kept, what is counted, and going on where it stopped."""

import gzip
import json

import numpy as np
import pytest
from bulk_corpus import settings, shard, texts

from miners.bulk.piece import PieceWorker, load_state
from miners.bulk.plan import make_plan
from miners.bulk.shortlist import BulkReport, join, read_shortlist
from miners.errors import CampaignError


def _run(folder, chosen, paths, piece_bytes=10**9):
    plan = make_plan(paths, chosen, piece_bytes=piece_bytes)
    worker = PieceWorker(chosen, folder)
    for piece in plan.pieces:
        worker.work(piece)
    worker.close()
    report = BulkReport(shards=plan.shards, pieces=len(plan.pieces))
    join(folder, plan.pieces, chosen, report)
    return report


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("part", [0, 1, 3])
def test_a_piece_goes_on_behind_its_last_part(tmp_path, part):
    """Ended in any part and begun again, the piece's file is byte for byte that of an undisturbed run."""
    path, chosen = shard(tmp_path / "a.jsonl", texts(450), bad_every=50), settings()
    (piece,) = make_plan([path], chosen).pieces
    told = []

    def tell(rows):
        told.append(rows)
        if sum(told) > 100 * part + 50:
            raise _KilledError

    with pytest.raises(_KilledError):
        PieceWorker(chosen, tmp_path / "killed", tell).work(piece)
    assert load_state(tmp_path / "killed", piece.name).read == 100 * part
    worker = PieceWorker(chosen, tmp_path / "killed")
    state = worker.work(piece)
    assert state == PieceWorker(chosen, tmp_path / "whole").work(piece)
    assert (state.done, state.read, state.bad) == (True, 459, 9)
    files = [tmp_path / name / "pieces" / f"{piece.name}.json" for name in ("killed", "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert worker.work(piece) == state


def test_the_way_a_corpus_is_cut_changes_nothing(tmp_path):
    """In one piece or many, in one shard or several, repeats or not: the same texts are kept with the same numbers."""
    chosen, rows = settings(), texts(600)
    one = shard(tmp_path / "one.jsonl", rows)
    several = [shard(tmp_path / f"{i}.jsonl", [*rows[i::3], *rows[:50]]) for i in range(2)]
    several.append(shard(tmp_path / "2.parquet", rows[2::3]))
    found = [
        _run(tmp_path / "a", chosen, [one]),
        _run(tmp_path / "b", chosen, [one], piece_bytes=4000),
        _run(tmp_path / "c", chosen, several, piece_bytes=4000),
    ]
    lists = [read_shortlist(tmp_path / name / "shortlist.jsonl") for name in "abc"]
    kept = [[(one.kept.id, one.kept.key, one.probability) for one in each] for each in lists]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == chosen.keep
    assert [report.rows for report in found] == [600, 600, 700]


def test_weighted_by_their_probabilities_the_kept_stand_for_the_corpus(tmp_path):
    """Over 40 seeds the estimates of the texts with "bled" and of the niches' sizes average to the truth."""
    rows, found, sizes = texts(800), [], []
    path, chosen = shard(tmp_path / "a.jsonl", rows), settings(part_rows=400)
    for seed in range(40):
        report = _run(tmp_path / str(seed), chosen.model_copy(update={"seed": seed}), [path])
        listed = read_shortlist(tmp_path / str(seed) / "shortlist.jsonl")
        found.append(sum(1 / one.probability for one in listed if "bled" in one.kept.text))
        sizes.append(
            [sum(1 / one.probability for one in listed if one.kept.niche == niche) for niche in sorted(report.seen)]
        )
    truth = [report.seen[niche] for niche in sorted(report.seen)]
    assert len(truth) >= 4
    assert abs(np.mean(found) - sum("bled" in text for text in rows)) < 4 * np.std(found) / np.sqrt(40)
    error = np.std(sizes, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(sizes, axis=0) - truth) <= 4 * error + 1e-9).all()


def test_one_text_a_thousand_times_is_one_text(tmp_path):
    """It is scored once a part at most, kept once, and the repeats are counted."""
    path = shard(tmp_path / "a.jsonl", ["He broke his arm."] * 1000)
    report = _run(tmp_path / "run", settings(), [path])
    assert (report.rows, report.repeats, report.scored) == (1000, 999, 1)
    (one,) = read_shortlist(tmp_path / "run" / "shortlist.jsonl")
    assert one.probability == 1.0
    assert one.kept.line == 1


def test_a_row_keeps_what_it_says_of_itself(tmp_path):
    """Text, id, label, place and meta go along; a meta of many kilobytes does not."""
    path = tmp_path / "a.jsonl"
    rows = [
        {"text": "They drank tea.", "context": "At five", "id": "r1", "label": 0, "meta": {"book": "Emma"}},
        {"text": "He broke his arm.", "notes": "x" * 5000},
    ]
    path.write_text("\n" + "\n".join(map(json.dumps, rows)))
    _run(tmp_path / "run", settings(), [path])
    kept = {one.kept.text: one.kept for one in read_shortlist(tmp_path / "run" / "shortlist.jsonl")}
    first = kept["They drank tea."]
    assert (first.context, first.row_id, first.label, first.file, first.line) == ("At five", "r1", 0, str(path), 2)
    assert first.meta == {"book": "Emma"}
    assert set(first.members) == {"encoder", "keyword"}
    assert "dropped" in kept["He broke his arm."].meta


def test_a_damaged_shard_does_not_end_the_run(tmp_path):
    """What can be read of it counts, the report names it, and the other shards are read."""
    good, broken = shard(tmp_path / "good.jsonl", texts(150)), tmp_path / "broken.jsonl.gz"
    whole = gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts(5000, 7)).encode())
    broken.write_bytes(whole[: len(whole) // 2])
    report = _run(tmp_path / "run", settings(), [good, broken])
    assert list(report.broken) == [str(broken)]
    assert "truncated gzip" in report.broken[str(broken)]
    assert 150 < report.rows < 5150


def test_a_corpus_without_a_readable_row_is_refused(tmp_path):
    """The message counts the bad rows and shows the first."""
    path = tmp_path / "a.jsonl"
    path.write_text("{broken\n[]\n")
    with pytest.raises(
        CampaignError, match=r"no readable row in 1 shards \(2 bad rows; the first: .*a.jsonl:1: is not"
    ):
        _run(tmp_path / "run", settings(), [path])


def test_unfinished_pieces_are_not_joined(tmp_path):
    """A shortlist is made of whole pieces only."""
    chosen = settings()
    plan = make_plan([shard(tmp_path / "a.jsonl", texts(10))], chosen)
    with pytest.raises(CampaignError, match=r"a.jsonl was not finished; run the same command again"):
        join(tmp_path, plan.pieces, chosen, BulkReport(shards=1, pieces=1))


def test_the_agreed_and_the_flagged_are_kept_too(tmp_path):
    """Nothing becomes invisible: every niche that occurs has texts on the list."""
    report = _run(tmp_path / "run", settings(), [shard(tmp_path / "a.jsonl", texts(600))])
    assert {"nobody/0", "flagged"} <= set(report.kept) == set(report.seen)
    assert min(report.kept.values()) >= min(10, *report.seen.values())
