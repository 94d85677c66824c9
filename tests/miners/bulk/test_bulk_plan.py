"""Finding shards and cutting them into pieces that are named by all that their result depends on."""

import os

import pytest
from bulk_corpus import settings, shard, texts

from ensemble.errors import InputError
from miners.bulk.plan import find_shards, make_plan


@pytest.fixture
def corpus(tmp_path):
    """A folder with shards of both kinds, and files that are none."""
    folder = tmp_path / "corpus"
    shard(folder / "b.jsonl", texts(100))
    shard(folder / "deep" / "a.parquet", texts(300, 1))
    for name in ("README.md", ".hidden.jsonl", "_temporary/c.jsonl", "deep/.git/d.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text('{"text": "no"}\n')
    return folder


def test_a_folder_stands_for_the_shards_below_it(corpus):
    """Files of rows count, hidden ones and others do not; the order is fixed and no file comes twice."""
    wanted = [corpus / "b.jsonl", corpus / "deep" / "a.parquet"]
    assert find_shards([str(corpus)]) == wanted
    assert find_shards([str(corpus / "**" / "*.*l"), str(corpus / "*.jsonl"), str(corpus)])[-1] == wanted[1]
    assert len(set(found := find_shards([str(corpus), str(corpus / "b.jsonl")]))) == len(found) == 2


@pytest.mark.parametrize("given", ["nothing.jsonl", "none*.parquet", "empty"])
def test_an_input_that_stands_for_no_file_is_refused(tmp_path, given):
    """The message names it and says what is taken."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"{given.replace('*', '.')} is neither a file, nor a folder with files"):
        find_shards([str(tmp_path / given)])


def test_pieces_cover_every_shard(corpus):
    """Large shards are cut, all rows are counted, and every piece has a name of its own."""
    plan = make_plan(find_shards([str(corpus)]), settings(), piece_bytes=3000)
    assert plan.rows == 400
    assert plan.shards == 2
    assert len(plan.pieces) == len({piece.name for piece in plan.pieces}) > 4


def test_a_piece_is_renamed_when_anything_changes_that_counts(corpus):
    """Another time of change, another size or other settings make other names; another piece's name stays."""
    shards, chosen = find_shards([str(corpus)]), settings()
    before = [piece.name for piece in make_plan(shards, chosen).pieces]
    assert [piece.name for piece in make_plan(shards, chosen).pieces] == before
    os.utime(shards[0], (1, 1))
    touched = [piece.name for piece in make_plan(shards, chosen).pieces]
    assert touched[0] != before[0]
    assert touched[1] == before[1]
    for change in ({"seed": 1}, {"keep": 61}, {"versions": {"encoder": "other"}}, {"part_rows": 99}):
        other = chosen.model_copy(update=change)
        assert not {piece.name for piece in make_plan(shards, other).pieces} & set(touched)


def test_an_empty_corpus_is_refused(tmp_path):
    """Shards without a line are named."""
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(InputError, match=r"no rows in .*a\.jsonl; the corpus is empty"):
        make_plan([tmp_path / "a.jsonl"], settings())
