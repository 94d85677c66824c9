"""A campaign that is killed at any moment goes on and leaves the queue that it would have left anyway."""

import pytest

from miners.campaigns.campaign import Campaign
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec
from miners.errors import CampaignError, StoreUnavailableError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue

SPEC = CampaignSpec(
    task="injury", deployed="encoder", budget=460, queue_size=17, round_size=20, batch_size=9, places=4, seed=11
)


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


class Killer:
    """Stands before an object and ends the process before or after its n-th call."""

    def __init__(self, inner, countdown):
        self._inner, self._countdown = inner, countdown

    def __getattr__(self, name):
        method = getattr(self._inner, name)

        def call(*args, **kwargs):
            self._countdown.tick()
            result = method(*args, **kwargs)
            self._countdown.tick()
            return result

        return call


class Countdown:
    """Ends the process at its n-th tick; never, if n is None."""

    def __init__(self, ticks):
        self.left, self.ticked = ticks, 0

    def tick(self):
        self.ticked += 1
        if self.ticked == self.left:
            raise Killed


class World:
    """What survives the process: the stores. `run` is one process."""

    def __init__(self, source, sentences, scorer):
        texts = sentences(150)
        texts[20:20] = texts[:7]  # exact duplicates within
        texts[40:40] = [" ".join(texts[:5]), " ".join(texts[:5]) + " Again."]  # near duplicates
        self.queue, self.store = MemoryQueue(SPEC.task), MemoryCampaigns()
        self._source, self._texts, self._others, self.scorer = source, texts, sentences(40, 5), scorer

    def run(self, ticks=None, name="c"):
        countdown = Countdown(ticks)
        queue, store = Killer(self.queue, countdown), Killer(self.store, countdown)

        def score(texts):
            countdown.tick()
            verdicts = self.scorer(texts)
            countdown.tick()
            return verdicts

        sources = [self._source("corpus:a", self._texts), self._source("completions", self._others)]
        campaign = Campaign(
            name,
            SPEC,
            proposers=sources,
            score=score,
            queue=queue,
            ledger=queue,
            store=store,
            patience=Patience(sleep=lambda _: None),
        )
        return campaign.run(), countdown.ticked

    def content(self):
        """All queued items, their order of priority and place, and all numbers in them."""
        return [item.new for item in self.queue.top(1000)]


@pytest.fixture
def world(source, sentences, hash_scorer):
    """Makes a fresh world."""
    return lambda: World(source, sentences, hash_scorer())


def _same(summary):
    return summary.model_dump(exclude={"seconds", "cpu_seconds", "proposing"})  # what the clock says


def test_killed_anywhere_the_campaign_leaves_the_same_queue(world):
    """Killed before or after every single call to store, queue and scorer, the resumed run ends as if never killed."""
    reference = world()
    expected, ticks = reference.run()
    assert expected.queued == 17
    assert expected.rounds >= 3
    assert expected.exact_duplicates > 0
    assert expected.near_duplicates > 0
    assert ticks > 100
    for moment in range(1, ticks + 1):
        killed = world()
        with pytest.raises(Killed):
            killed.run(moment)
        summary, _ = killed.run()
        assert _same(summary) == _same(expected), f"killed at call {moment}"
        assert killed.content() == reference.content(), f"killed at call {moment}"
        repeated = len(killed.scorer.asked) - len(reference.scorer.asked)
        assert 0 <= repeated <= SPEC.batch_size, f"killed at call {moment}"


def test_killed_again_and_again_it_still_ends_the_same(world):
    """Killed every few calls, at varying distances, the campaign still gets to the same end."""
    reference = world()
    expected, _ = reference.run()
    killed, lives, step = world(), 0, 0
    while True:
        lives += 1
        step = 23 + (step * 7 + 5) % 31
        try:
            summary, _ = killed.run(step)
            break
        except Killed:
            assert lives < 200
    assert lives > 3
    assert _same(summary) == _same(expected)
    assert killed.content() == reference.content()


def test_one_seed_one_queue(world):
    """Two fresh runs with one seed give identical queues."""
    first, second = world(), world()
    first.run()
    second.run()
    assert first.content() == second.content()


def test_a_batch_that_ends_the_process_is_left_out_in_the_end(world):
    """A text on which the process dies is tried three times, then its batch is left out; nothing loops for ever."""
    grave = world()
    inner, deaths = grave.scorer, 0

    def score(texts):
        if any(text.text == grave._texts[35] for text in texts):
            raise Killed
        return inner(texts)

    grave.scorer = score
    while True:
        try:
            summary, _ = grave.run()
            break
        except Killed:
            deaths += 1
            assert deaths < 10
    assert deaths == 3
    assert 1 <= summary.left_out <= SPEC.batch_size
    assert summary.queued == 17
    assert not {item.text for item in grave.content()} & {grave._texts[35]}


def test_a_source_that_ends_the_process_is_benched(world):
    """A source whose proposing kills the process three times is benched; the others go on."""
    grave = world()
    deaths = 0

    def deadly(name, texts):
        made = original(name, texts)
        if name == "completions":

            def propose(_count):
                raise Killed

            made.propose = propose
        return made

    original, grave._source = grave._source, deadly
    while True:
        try:
            summary, _ = grave.run()
            break
        except Killed:
            deaths += 1
            assert deaths < 10
    assert deaths == 3
    assert summary.benched == {"completions": "ended the process 3 times while proposing"}
    assert summary.queued == 17


def test_a_store_that_is_away_is_waited_for(world):
    """Store and queue calls that fail because the server is away are repeated, with the same result."""
    reference, shaky = world(), world()
    expected, _ = reference.run()

    class Shaky:
        def __init__(self, inner):
            self._inner, self._calls = inner, 0

        def __getattr__(self, name):
            method = getattr(self._inner, name)

            def call(*args, **kwargs):
                self._calls += 1
                if self._calls % 3 == 0:
                    raise StoreUnavailableError("away")
                return method(*args, **kwargs)

            return call

    content = shaky.queue
    shaky.queue, shaky.store = Shaky(shaky.queue), Shaky(shaky.store)
    summary, _ = shaky.run()
    shaky.queue = content
    assert _same(summary) == _same(expected)
    assert shaky.content() == reference.content()


def test_a_store_that_stays_away_gives_a_clear_error(world):
    """When the store does not come back, the error says so."""
    lost = world()

    class Away:
        def __getattr__(self, name):
            def call(*_args, **_kwargs):
                raise StoreUnavailableError("Redis does not answer")

            return call

    lost.store = Away()
    with pytest.raises(CampaignError, match=r"Redis does not answer \(gave up after"):
        lost.run()


def test_two_campaigns_do_not_queue_the_same_text(world):
    """A second campaign over the same sources finds everything that the first queued already there."""
    shared = world()
    first, _ = shared.run(name="first")
    second, _ = shared.run(name="second")
    assert second.exact_duplicates >= first.exact_duplicates + first.queued
    assert len({item.id for item in shared.content()}) == first.queued + second.queued
