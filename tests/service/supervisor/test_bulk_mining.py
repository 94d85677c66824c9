"""`hungjury mine --bulk` on a running service, from shards to the queue."""

import json
import signal
import time

import pytest
from bulk_corpus import shard, texts

from miners.bulk.shortlist import read_shortlist
from miners.queue.connect import Store

pytestmark = pytest.mark.service


@pytest.fixture
def corpus(tmp_path):
    """A folder of two shards with 1,500 rows and a few bad ones."""
    rows = texts(1_500)
    shard(tmp_path / "shards" / "a.jsonl", rows[:1_000], bad_every=250)
    shard(tmp_path / "shards" / "b.parquet", rows[1_000:])
    return tmp_path / "shards"


def _queued(service):
    with Store((service.home / "run" / "redis_url").read_text()) as store:
        return [item.new for item in store.queue("injury").top(1000)]


def test_a_corpus_in_shards_ends_in_the_queue_with_the_product_of_both_probabilities(service, corpus):
    """The report counts rows and niches; every item's chance is that of the shortlist times that of its round."""
    done = service.call("mine", "--bulk", "--input", corpus, "--keep", 120, "--queue", 20, "--name", "shards", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["bulk"]["rows"], told["bulk"]["bad_rows"], told["bulk"]["shards"]) == (1_504, 4, 2)
    assert sum(told["bulk"]["kept"].values()) == 120
    assert told["campaign"]["queued"] == 20
    listed = {one.kept.id: one for one in read_shortlist(service.home / "bulk" / "shards" / "shortlist.jsonl")}
    items = [item for item in _queued(service) if item.provenance.campaign == "shards"]
    assert len(items) == 20
    for item in items:
        one = listed[item.id]
        assert item.provenance.sampled == one.probability
        assert 0 < item.selection_probability <= one.probability
        assert item.provenance.source == f"bulk:{one.kept.niche}"
    assert sum(one.probability < 0.5 for one in listed.values()) > 60

    again = service.call("mine", "--bulk", "--input", corpus, "--keep", 120, "--queue", 20, "--name", "shards")
    assert again.returncode == 0, again.stderr
    assert "(all read before)" in again.stdout
    assert "20 queued" in again.stdout
    assert "4 bad rows" in again.stdout
    assert "a.jsonl:1: is not valid JSON" in again.stderr


def test_ctrl_c_says_how_to_go_on(service, corpus):
    """Interrupted while it reads, the command names what is kept and how to go on; the same command then ends well."""
    arguments = ("mine", "--bulk", "--input", corpus, "--keep", 50, "--queue", 10, "--name", "stopped")
    with service.start(*arguments) as running:
        for line in running.stderr:
            if line.startswith("bulk run"):
                break
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(60) != 0
    assert "go on with the same command and --name stopped" in said
    assert service.call(*arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bulk"], "--input must name files, folders or patterns"),
        (["--keep", "5"], "--keep needs --bulk"),
        (["--bulk", "--input", "nowhere"], "nowhere is neither a file, nor a folder"),
        (["--bulk", "--input", "{corpus}", "--keep", "50", "--budget", "20"], "cost 50 member calls"),
        (["--bulk", "--input", "{corpus}/empty.txt"], "the corpus is empty"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_read(service, corpus, arguments, message):
    """What is missing or does not fit is said in one line, with exit 2."""
    (corpus / "empty.txt").touch()
    done = service.call("mine", *(argument.format(corpus=corpus) for argument in arguments))
    assert done.returncode == 2
    assert message in done.stderr


def test_a_name_that_is_taken_is_refused_before_hours_are_spent(service, corpus):
    """With other settings the same name is refused at once, whether the shards or the campaign had it."""
    first = ("mine", "--bulk", "--input", corpus, "--keep", 30, "--queue", 5, "--name", "mine")
    assert service.call(*first).returncode == 0
    other = service.call(*first[:5], 40, *first[6:])
    assert other.returncode == 1
    assert "campaign 'mine' exists with other settings; choose another --name" in other.stderr
