"""Texts out of files: order, shuffling, positions, bad rows."""

import gzip
import json

import pytest

from ensemble.errors import InputError
from miners.errors import SourceError
from miners.sources.corpus import Corpus


@pytest.fixture
def files(tmp_path):
    """Three files of 100, 1 and 50 rows, each third row of the first one bad."""
    first, second, third = tmp_path / "a.jsonl.gz", tmp_path / "b.txt", tmp_path / "c.csv"
    lines = [json.dumps({"text": f"a{i}", "id": f"id{i}", "label": 1}) if i % 3 else "{broken" for i in range(100)]
    first.write_bytes(gzip.compress("\n".join(lines).encode()))
    second.write_text("b0\n")
    third.write_text("text,book\n" + "".join(f"c{i},Emma\n" for i in range(50)))
    return [first, second, third]


def _all(corpus, size=7):
    found = []
    while batch := corpus.propose(size):
        assert len(batch) <= size
        found += batch
    return found


def _texts(candidates):
    return [candidate.text.text for candidate in candidates]


def test_rows_come_in_file_order_with_their_provenance(files):
    """Without a seed rows keep their order; source, id, line, label and meta go along; bad rows are counted."""
    corpus = Corpus(files)
    found = _all(corpus)
    assert _texts(found) == [*(f"a{i}" for i in range(100) if i % 3), "b0", *(f"c{i}" for i in range(50))]
    assert corpus.name == "corpus:3 files"
    assert corpus.bad_rows == 34
    assert corpus.bad_examples[0].startswith(f"{files[0]}:1: is not valid JSON")
    assert len(corpus.bad_examples) == 20
    first, last = found[0].provenance, found[-1].provenance
    assert (first.source, first.row_id, first.meta) == ("corpus:a.jsonl.gz", "id1", {"label": 1, "line": 2})
    assert (last.source, last.row_id, last.meta) == ("corpus:c.csv", None, {"book": "Emma", "line": 51})
    assert first.expected_label is None


def test_a_seed_shuffles_within_blocks(files):
    """With a seed each block is a permutation of its rows, the same for the same seed, another for another."""
    plain, once, again, other = (_texts(_all(Corpus(files, seed=s, block=20))) for s in (None, 1, 1, 2))
    assert once == again
    assert once not in (plain, other)
    for start in range(0, len(plain), 20):
        assert sorted(once[start : start + 20]) == sorted(plain[start : start + 20])


@pytest.mark.parametrize("seed", [None, 5])
def test_it_goes_on_from_any_position(files, seed):
    """A fresh corpus restored from the state after any number of rows gives the rest, and the same counts."""
    whole = Corpus(files, seed=seed, block=16)
    expected = _texts(_all(whole))
    for cut in range(0, 118, 9):
        first = Corpus(files, seed=seed, block=16)
        taken = _texts(first.propose(cut))
        state = json.loads(json.dumps(first.state()))
        second = Corpus(files, seed=seed, block=16)
        second.propose(3)
        second.restore(state)
        assert taken + _texts(_all(second)) == expected
        assert second.bad_rows == whole.bad_rows == 34
        assert second.bad_examples == whole.bad_examples
        assert second.state() == whole.state()


def test_it_knows_how_much_is_left(files):
    """Expected rows are counted exactly up to the limit, bad ones left out."""
    corpus = Corpus(files, seed=1, block=32)
    assert corpus.expected(1_000) == 117
    assert corpus.expected(50) == 50
    corpus.propose(40)
    assert corpus.expected(1_000) == 77
    _all(corpus)
    assert corpus.expected(1_000) == 0


def test_big_meta_stays_out_and_families_are_kept(tmp_path):
    """A family in meta is the candidate's family, else the text is its own; meta over 4 kB is left out."""
    path = tmp_path / "r.jsonl"
    rows = [{"text": "x", "meta": {"family": "f7"}}, {"text": "y", "meta": {"blob": "z" * 5000}}]
    path.write_text("\n".join(map(json.dumps, rows)))
    first, second = Corpus([path]).propose(9)
    assert first.provenance.family == "f7"
    assert second.provenance.family == second.text.id
    assert len(json.dumps(second.provenance.meta)) < 200


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "cannot be read"),
        (lambda path: path.mkdir(), "holds no file of rows"),
        (lambda path: path.write_text(""), "no readable row"),
        (lambda path: path.write_text("{broken\n" * 5), "no readable row"),
    ],
)
def test_a_corpus_without_a_readable_row_is_refused_at_once(tmp_path, make, message):
    """Missing, empty and all-bad inputs raise SourceError, which is bad input, naming the file."""
    path = tmp_path / "r.jsonl"
    make(path)
    with pytest.raises(SourceError, match=message) as raised:
        Corpus([path])
    assert str(path) in str(raised.value)
    assert isinstance(raised.value, InputError)


def test_no_input_is_refused():
    """A corpus needs a file."""
    with pytest.raises(SourceError, match="no input"):
        Corpus([])


def test_a_folder_is_one_source_by_its_name(tmp_path):
    """Texts of a folder are of one source; the file stands in meta; what was left out counts and is named."""
    folder = tmp_path / "books"
    folder.mkdir()
    for name in "ba":
        (folder / f"{name}.jsonl").write_text(json.dumps({"text": name, "meta": {"split": "train"}}))
    (folder / "cover.png").write_bytes(b"x")
    corpus = Corpus([folder])
    found = corpus.propose(9)
    assert corpus.name == "corpus:books"
    assert [candidate.provenance.source for candidate in found] == ["corpus:books"] * 2
    assert found[0].provenance.meta == {"split": "train", "file": "a.jsonl", "line": 1}
    assert (corpus.bad_rows, corpus.expected(99)) == (1, 0)
    assert "cover.png was left out" in corpus.bad_examples[0]


def test_a_folder_that_grew_can_be_resumed_and_one_that_changed_cannot(tmp_path):
    """New files behind the one in progress are read; where earlier ones changed, going on would mix texts up."""
    for name in "bd":
        (tmp_path / f"{name}.txt").write_text("".join(f"{name}{i}\n" for i in range(4)))
    first = Corpus([tmp_path])
    first.propose(6)
    state = json.loads(json.dumps(first.state()))
    (tmp_path / "e.txt").write_text("e0\n")
    grown = Corpus([tmp_path])
    grown.restore(state)
    assert _texts(_all(grown)) == ["d2", "d3", "e0"]
    (tmp_path / "a.txt").write_text("a0\n")
    with pytest.raises(SourceError, match="no longer there as they were"):
        Corpus([tmp_path]).restore(state)


def test_the_same_text_again_and_again_is_passed_over(tmp_path):
    """Copies within a block are counted and not proposed, and it goes on from any position all the same."""
    path = tmp_path / "r.txt"
    path.write_text("same\n" * 50_000 + "other\n")
    corpus = Corpus([path], seed=1, block=10_000)
    assert corpus.expected(1_000) == 6
    found = _texts(_all(corpus))
    assert found == ["same"] * 5 + ["other"]
    assert (corpus.repeated_rows, corpus.expected(1_000)) == (49_995, 0)
    for cut in range(7):
        first = Corpus([path], seed=1, block=10_000)
        taken = _texts(first.propose(cut))
        second = Corpus([path], seed=1, block=10_000)
        second.restore(json.loads(json.dumps(first.state())))
        assert taken + _texts(_all(second)) == found
        assert second.repeated_rows == 49_995
