"""Labels flow back into a running campaign: proposers learn, findings are counted, and a resumed one ends the same."""

from uuid import uuid4

import pytest

from ensemble.text import Text
from miners.campaigns.campaign import Campaign
from miners.campaigns.labels import LabelBook
from miners.campaigns.records import Closing, Said
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec, Findings
from miners.candidate import Candidate, Provenance
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer

SPEC = CampaignSpec(
    task="injury", deployed="encoder", budget=460, queue_size=16, round_size=20, batch_size=7, places=4, seed=2
)


class Pupil:
    """Gives from the front of its texts, or from the back once it has learnt of an odd number of labels."""

    def __init__(self, texts, *, name="rewrite:pupil", start=True):
        self.name, self._texts = name, texts
        self._front, self._back, self._learnt, self._start = 0, 0, [], start
        self.told = []

    def propose(self, count):
        if not self._start and not self._learnt:
            return []
        made = []
        while len(made) < count and self._front + self._back < len(self._texts):
            if len(self._learnt) % 2:
                self._back += 1
                made.append(self._texts[-self._back])
            else:
                self._front += 1
                made.append(self._texts[self._front - 1])
        return [Candidate(Text(text), Provenance(source=self.name, family=text)) for text in made]

    def learn(self, outcomes):
        self.told.append(list(outcomes))
        self._learnt += [[outcome.text_id, outcome.label, outcome.missed, outcome.severity] for outcome in outcomes]

    def observe(self, scored):
        pass

    def state(self):
        return {"front": self._front, "back": self._back, "learnt": self._learnt}

    def restore(self, state):
        self._front, self._back, self._learnt = state["front"], state["back"], list(state["learnt"])


def say(queue, opinion, rater="ann", count=1_000):
    """A rater answers what waits: yes or no by the text, with a severity; how many."""
    leases = queue.lease(rater, count=min(count, 100), seconds=100, request_id=uuid4().hex)
    for lease in leases:
        yes = opinion(lease.text)
        queue.answer(lease.lease_id, rater, NewAnswer(answer="yes" if yes else "no", severity=3 if yes else None))
    return len(leases)


def by_length(text):
    """An opinion that follows from the text."""
    return len(text) % 3 == 0


@pytest.fixture
def make(scorer):
    """Makes a campaign."""

    def build(proposers, queue, store, *, name="c", spec=SPEC, score=None, **more):
        return Campaign(
            name,
            spec,
            proposers=proposers,
            score=score or scorer,
            queue=queue,
            ledger=queue,
            store=store,
            patience=Patience(sleep=lambda _: None),
            **more,
        )

    return build


def answering(queue, scorer):
    """A scorer beside which a rater answers what waits, from the second batch on."""
    calls = []

    def score(texts):
        calls.append(len(texts))
        if len(calls) > 1:
            say(queue, by_length, count=2)
        return scorer(texts)

    return score


def test_proposers_are_told_what_people_said(make, scorer, sentences):
    """A proposer that learns is told each new label once, oldest first, with whether the deployed member missed it."""
    queue, pupil = MemoryQueue("injury"), Pupil(sentences(100))
    summary = make([pupil], queue, MemoryCampaigns(), score=answering(queue, scorer)).run()
    told = [outcome for outcomes in pupil.told for outcome in outcomes]
    items = {item.new.id: item for item in queue.items() if item.label}
    assert len(told) > 4
    assert len({outcome.text_id for outcome in told}) == len(told)
    for outcome in told:
        item = items[outcome.text_id]
        assert (outcome.text, outcome.provenance) == (item.new.text, item.new.provenance)
        assert outcome.label == int(item.label == "yes") == int(by_length(item.new.text))
        assert outcome.missed == (item.finding == "FN")
        assert outcome.severity == (3.0 if outcome.label else None)
    order = [item.new.id for item in queue.labelled(count=1_000)]
    assert [outcome.text_id for outcome in told] == order[: len(told)]
    assert summary.benched == {}


def test_labels_from_before_count_too(make, sentences, source):
    """What people said of texts that other campaigns queued is told before the first proposal."""
    queue, store, pupil = MemoryQueue("injury"), MemoryCampaigns(), Pupil(sentences(30, 4))
    make([source("corpus:a", sentences(40))], queue, store, name="before").run()
    count = say(queue, by_length)
    make([pupil], queue, store, name="after").run()
    assert len(pupil.told[0]) == count == 16


def test_who_ran_dry_is_asked_again_after_news(make, scorer, sentences, source):
    """A proposer that had nothing to give before the first label gives once it has learnt something."""
    queue, pupil = MemoryQueue("injury"), Pupil(sentences(40, 3), start=False)
    sources = [pupil, source("corpus:a", sentences(100))]
    summary = make(sources, queue, MemoryCampaigns(), score=answering(queue, scorer)).run()
    assert summary.proposed_by_source["rewrite:pupil"] > 0


def test_who_fails_to_learn_is_benched(make, scorer, sentences, source):
    """A proposer that raises when it is told labels is taken out and named; the others go on."""
    queue, pupil = MemoryQueue("injury"), Pupil(sentences(100, 1))
    pupil.learn = lambda _outcomes: 1 / 0
    sources = [pupil, source("corpus:a", sentences(100))]
    summary = make(sources, queue, MemoryCampaigns(), score=answering(queue, scorer)).run()
    assert summary.benched == {"rewrite:pupil": "ZeroDivisionError: division by zero"}
    assert summary.queued == 16


def test_findings_so_far_are_in_progress_and_summary(make, scorer, sentences, source):
    """The progress counts the labels of the campaign's own texts and the findings among them, and so does the end."""
    queue, told = MemoryQueue("injury"), []
    make([source("corpus:x", sentences(30, 9))], queue, MemoryCampaigns(), name="other").run()
    say(queue, by_length)
    summary = make(
        [source("corpus:a", sentences(100))],
        queue,
        MemoryCampaigns(),
        score=answering(queue, scorer),
        progress=told.append,
    ).run()
    own = [item for item in queue.items() if item.new.provenance.campaign == "c" and item.label]
    expected = Findings(
        labelled=len(own),
        fn=sum(item.finding == "FN" for item in own),
        fp=sum(item.finding == "FP" for item in own),
    )
    assert summary.findings == told[-1].findings == expected
    assert expected.labelled > 4
    assert expected.fn + expected.fp > 0
    assert told[0].findings == Findings()


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """Stands before an object and ends the process before or after its n-th call; `after` follows each call."""

    def __init__(self, inner, clock, after=None):
        self._inner, self._clock, self._after = inner, clock, after or {}

    def __getattr__(self, name):
        method = getattr(self._inner, name)

        def call(*args, **kwargs):
            self._clock.tick()
            result = method(*args, **kwargs)
            self._after.get(name, lambda _result: None)(result)
            self._clock.tick()
            return result

        return call


class Clock:
    """Ends the process at its n-th tick."""

    def __init__(self, at):
        self.at, self.ticks = at, 0

    def tick(self):
        self.ticks += 1
        if self.ticks == self.at:
            raise Killed


def test_killed_anywhere_it_learns_the_same(make, hash_scorer, sentences, source):
    """With labels coming in after every selection, a campaign killed at any call ends with the same queue."""

    def life(queue, store, at):
        clock = Clock(at)
        mortal = Mortal(
            queue, clock, {"enqueue": lambda found: say(queue, by_length, count=3) if "added" in found else None}
        )
        proposers = [Pupil(sentences(60)), source("corpus:a", sentences(60, 7))]
        summary = make(proposers, mortal, Mortal(store, clock), score=hash_scorer()).run()
        return summary.model_dump(exclude={"seconds", "cpu_seconds", "proposing", "findings"}), clock.ticks

    queue = MemoryQueue("injury")
    expected, ticks = life(queue, MemoryCampaigns(), None)
    contents = [item.new for item in queue.arrived(count=1_000)]
    assert len(contents) == 16
    assert expected["rounds"] >= 3
    for moment in range(1, ticks + 1, 3):
        queue, store = MemoryQueue("injury"), MemoryCampaigns()
        with pytest.raises(Killed):
            life(queue, store, moment)
        assert life(queue, store, None)[0] == expected, f"killed at call {moment}"
        assert [item.new for item in queue.arrived(count=1_000)] == contents, f"killed at call {moment}"


def test_a_label_that_changes_later_is_learnt_as_it_was(new_item_of):
    """What a closing went by is repeated from what was written down, though raters have changed their minds since."""
    queue = MemoryQueue("injury")
    queue.enqueue([new_item_of("a text about a lamp")])
    book = LabelBook(queue, "c", Patience())
    say(queue, lambda _text: True)
    book.follow()
    closing = Closing(round=0, read=book.read, labels=book.pending())
    (answer,) = queue.answers()
    queue.amend(answer.answer_id, "ann", NewAnswer(answer="no"))
    again = LabelBook(queue, "c", Patience())
    again.load([closing], 0)
    assert [outcome.label for outcome in again.outcomes(closing)] == [1]
    assert [known.said.label for known in again.answered()] == ["yes"]
    again.settle(closing)
    again.follow()
    assert [said.label for said in again.pending()] == ["no"]


def test_labels_are_remembered_in_bounds(new_item_of, monkeypatch):
    """Beyond the limit the first labelled texts are forgotten."""
    monkeypatch.setattr("miners.campaigns.labels.MOST_LABELS", 5)
    queue = MemoryQueue("injury")
    queue.enqueue([new_item_of(f"text number {n} of nine") for n in range(9)])
    say(queue, by_length)
    book = LabelBook(queue, "c", Patience())
    book.follow()
    closing = Closing(round=1, read=book.read, labels=book.pending())
    assert len(closing.labels) == book.read == 9
    book.settle(closing)
    assert {known.said.id for known in book.answered()} == {said.id for said in closing.labels[-5:]}
    assert isinstance(closing.labels[0], Said)


def test_what_a_family_is_marked_as_is_its_split(new_item_of):
    """Who learns from labels is told, so that nothing kept out of training stands in a prompt."""
    queue = MemoryQueue("injury")
    items = [new_item_of("a text about a lamp"), new_item_of("another, about a door")]
    queue.enqueue(items)
    queue.mark(items[0].provenance.family, "hold-out")
    for lease in queue.lease("ann", count=2, request_id="r"):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    book = LabelBook(queue, "c", Patience())
    book.follow()
    closing = Closing(round=0, read=book.read, labels=book.pending())
    assert [outcome.provenance.meta.get("split") for outcome in book.outcomes(closing)] == ["hold-out", None]
