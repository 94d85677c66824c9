"""The shortlist as a source: order, position, and the probability that its texts bring along."""

import pytest

from ensemble.text import Text
from miners.bulk.shortlist import Shortlisted
from miners.bulk.topk import Kept
from miners.campaigns.campaign import Campaign
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.errors import SourceError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.sources.shortlist import Shortlist


@pytest.fixture
def shortlist(tmp_path, sentences):
    """Forty texts, kept with probabilities from 0.025 to 1."""
    lines = [
        Shortlisted(
            probability=(i + 1) / 40,
            kept=Kept(
                key=0.1,
                weight=1.0,
                niche="keyword/3" if i % 2 else "nobody/0",
                id=Text(text).id,
                text=text,
                row_id=f"r{i}",
                label=i % 2,
                file="a.jsonl",
                line=i + 1,
                meta={"family": f"f{i}"} if i < 20 else {},
            ),
        )
        for i, text in enumerate(sentences(40))
    ]
    path = tmp_path / "shortlist.jsonl"
    path.write_text("".join(line.model_dump_json() + "\n" for line in lines))
    return path


def test_texts_come_in_order_with_all_that_is_known_of_them(shortlist):
    """Source, family, place, label and probability go along."""
    source = Shortlist(shortlist)
    found = source.propose(30) + source.propose(30)
    assert [candidate.provenance.row_id for candidate in found] == [f"r{i}" for i in range(40)]
    assert source.propose(5) == []
    first, last = found[0].provenance, found[-1].provenance
    assert (first.source, first.family, first.sampled) == ("bulk:nobody/0", "f0", 1 / 40)
    assert (last.source, last.family, last.sampled) == ("bulk:keyword/3", found[-1].text.id, 1.0)
    assert (first.meta["file"], first.meta["line"], first.meta["label"]) == ("a.jsonl", 1, 0)


def test_it_goes_on_where_it_stood(shortlist):
    """A restored source gives what the other would have given."""
    source, other = Shortlist(shortlist), Shortlist(shortlist)
    source.propose(17)
    other.restore(source.state())
    assert other.propose(9) == source.propose(9)
    assert (other.expected(100), other.expected(3)) == (14, 3)


def test_a_shortlist_that_is_missing_or_empty_is_refused(tmp_path):
    """The message names the file."""
    with pytest.raises(SourceError, match=r"nowhere.jsonl cannot be read"):
        Shortlist(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(SourceError, match=r"empty.jsonl is empty"):
        Shortlist(tmp_path / "empty.jsonl")


def test_an_item_carries_the_product_of_both_probabilities(shortlist, scorer):
    """The queue's selection probability is that of the source times that of the round."""
    spec = CampaignSpec(
        task="injury", deployed="encoder", shortlist=str(shortlist), queue_size=12, shares={"rewrite": 0}
    )
    (source,) = proposers_for(spec, _Task(), None)
    queue = MemoryQueue("injury")
    campaign = Campaign("c", spec, proposers=[source], score=scorer, queue=queue, ledger=queue, store=MemoryCampaigns())
    assert campaign.run().queued == 12
    items = [item.new for item in queue.top(100)]
    assert all(0 < item.selection_probability <= item.provenance.sampled for item in items)
    factors = [item.selection_probability / item.provenance.sampled for item in items]
    assert len({round(factor, 6) for factor in factors}) > 1
    assert max(factors) <= 1


class _Task:
    """A task without openings and rows."""

    openings = ()

    def rows(self):
        return []
