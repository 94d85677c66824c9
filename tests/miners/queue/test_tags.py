"""Items that want languages or skills of whoever judges them."""

import pytest
from pydantic import ValidationError

from ensemble.errors import InputError
from miners.queue.api_keys import KeyStore
from miners.queue.key_records import MemoryKeyRecords
from miners.queue.types import NewAnswer


def served(queue, rater, tags, count=100):
    """What the rater is given, and gives back."""
    leases = queue.lease(rater, count=count, request_id=f"{rater} {queue.counts().leases_granted}", tags=tags)
    for lease in leases:
        queue.release(lease.lease_id, rater)
    return [lease.item_id for lease in leases]


def test_only_who_has_all_tags_is_served(queue, new_item):
    """In order of priority still; tags beyond those wanted do no harm, and part of a tag is none."""
    queue.enqueue(
        [
            new_item("plain", 0.1),
            new_item("de", 0.9, tags=("de",)),
            new_item("both", 0.5, tags=("law", "de")),
            new_item("den", 0.4, tags=("den",)),
        ]
    )
    assert served(queue, "ann", ()) == ["plain"]
    assert served(queue, "bob", ("de", "x")) == ["de", "plain"]
    assert served(queue, "cid", ("de", "law")) == ["de", "both", "plain"]
    assert served(queue, "dan", ("law",)) == ["plain"]
    assert queue.item("both").new.tags == ("law", "de")


def test_a_rater_far_down_the_queue_is_served_what_new_tags_open(queue, new_item):
    """Hundreds that wanted other tags were passed; with the tags they are served, best first."""
    queue.enqueue([new_item(f"de{number}", 1 + number / 1000, tags=("de",)) for number in range(300)])
    queue.enqueue([new_item(f"i{number}", number / 1000) for number in range(100)])
    for number in reversed(range(50, 100)):
        (lease,) = queue.lease("ann", request_id=f"{number}")
        assert lease.item_id == f"i{number}"
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="no"))
    assert served(queue, "ann", ("de",), count=2) == ["de299", "de298"]
    queue.reprioritise("de7", 5.0)
    queue.enqueue([new_item("new", 9.0, tags=("de",)), new_item("other", 8.0, tags=("fr",))])
    assert served(queue, "ann", ("de",), count=2) == ["new", "de7"]
    assert served(queue, "ann", (), count=1) == ["i49"]


def test_keys_carry_tags():
    """Made with tags, given others later; a bad tag is refused."""
    keys = KeyStore(MemoryKeyRecords())
    secret, key = keys.create("label", "ann", tags=["law", "de", "de"])
    assert key.tags == ("de", "law")
    assert keys.retag(key.id, ["fr"]).tags == ("fr",)
    assert keys.verify(secret).tags == ("fr",)
    rotated, _ = keys.rotate(key.id)
    assert keys.verify(rotated).tags == ("fr",)
    for bad in ("", "two words", "a" * 33, "-x"):
        with pytest.raises(InputError, match="no tag"):
            keys.create("label", "bob", tags=[bad])


def test_what_is_no_tag(new_item):
    """Items refuse what keys refuse."""
    for bad in ("", "two words", "a\n", "a" * 33):
        with pytest.raises(ValidationError):
            new_item("a", tags=(bad,))
