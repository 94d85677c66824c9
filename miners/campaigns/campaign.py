"""The campaign loop: propose, leave out what is there already, score, rank, select with known probability, enqueue.

A plain object without threads or Ray. It may be killed at any moment: what is done is in the store, and `run` goes on
behind it. With the same seed, inputs, verdicts and labels, and no other campaign beside it, the queue comes out the
same, however often it was interrupted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ensemble.text import Text, is_readable
from miners.campaigns.account import progress_of, summary_of
from miners.campaigns.budget import affordable, affordable_from, charge_proposing, may_cost_cpu
from miners.campaigns.closing import Closer
from miners.campaigns.intake import Intake
from miners.campaigns.labels import LabelBook
from miners.campaigns.meaning import RememberedMeaning
from miners.campaigns.neighbours import Neighbours
from miners.campaigns.plan import round_target
from miners.campaigns.records import Attempt, Batch, Checkpoint
from miners.campaigns.scoring import Patience, Score, count_queued, score_batch
from miners.campaigns.spec import CampaignSpec, Ending, Progress, Summary
from miners.campaigns.store import Journal
from miners.candidate import Candidate, Scored
from miners.errors import CampaignError, CampaignInterruptedError
from miners.proposer import Proposer
from miners.queue.campaign_protocol import CampaignStore
from miners.queue.protocol import Ledger, Queue
from miners.rewrite_counts import counted_rewrites


class Campaign:
    """One campaign, by its name in the store.

    Attributes:
        name: what it is called; running it again under the same name goes on, or returns its summary once finished.
        spec: what it was told.
    """

    def __init__(
        self,
        name: str,
        spec: CampaignSpec,
        *,
        proposers: Sequence[Proposer],
        score: Score,
        queue: Queue,
        ledger: Ledger,
        store: CampaignStore,
        progress: Callable[[Progress], None] | None = None,
        stopping: Callable[[], bool] | None = None,
        patience: Patience | None = None,
        meaning: RememberedMeaning | None = None,
        left_out: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Touches nothing yet.

        Args:
            name: see the class.
            spec: see the class.
            proposers: sources of texts; those with share 0 are left alone.
            score: verdicts for texts, in order.
            queue: where selected texts go.
            ledger: the same queue read; texts already in it are not proposed again.
            store: keeps checkpoints.
            progress: told where it stands after every batch.
            stopping: asked before every batch whether to stop, as is the store; what is done stays.
            patience: how long to wait for scorer and store while they are away.
            meaning: embeds texts for a strategy that learns from answers; None leaves it their words.
            left_out: sources that were asked for and cannot be had here, and why; they stand among those benched.
            clock: seconds, for the summary only.

        Raises:
            CampaignError: no proposer, two of one name, or a strategy that a campaign cannot use.
        """
        self.name, self.spec = name, spec
        self._intake, self._left_out = Intake(proposers, spec), dict(left_out or {})
        self._score, self._ledger = score, ledger
        self._patience = patience or Patience()
        self._journal = Journal(store, name, self._patience)
        self._neighbours = Neighbours(ledger, name, spec.near_duplicate, self._patience)
        self._labels = LabelBook(ledger, name, self._patience)
        self._closer = Closer(
            name,
            spec,
            queue=queue,
            neighbours=self._neighbours,
            labels=self._labels,
            journal=self._journal,
            patience=self._patience,
            meaning=meaning,
        )
        self._progress, self._stopping, self._clock = progress, stopping, clock
        self._started = self._seconds_before = 0.0
        self._at = Checkpoint()
        self._scored: list[Scored] = []
        self._round_texts: list[Text] = []

    def run(self) -> Summary:
        """Runs to its end, or until asked to stop.

        Raises:
            CampaignInterruptedError: scorer or store stayed away too long; run again to go on.
            CampaignError: the name is taken by another campaign, or the scorer fails; run again to go on.
        """
        self._started = self._clock()
        known = self._journal.open(self.spec)
        if known is not None:
            return known
        self._load()
        ending = self._ending()
        while ending is None:
            if not self._collect():
                self._labels.follow()
                return self._summary("stopped")
            if self._scored:
                self._close_round()
            ending = self._ending()
        self._labels.follow()
        summary = self._summary(ending)
        self._journal.finish(summary)
        return summary

    def _load(self) -> None:
        """Brings memory to where the store says the campaign stands."""
        kept, closings = self._journal.checkpoint(), self._journal.closings()
        round_ = kept.round if kept is not None else 0
        self._labels.load(closings, round_)
        self._closer.load(closings, round_)
        batches = self._journal.batches(round_)
        self._scored = [scored for batch in batches for scored in batch.candidates() if not scored.candidate.again]
        self._round_texts = [text for batch in batches for text in batch.texts()]
        self._neighbours.load([*self._journal.seen(), *self._round_texts], kept.arrived if kept is not None else 0)
        if kept is None:
            kept = self._begin()
        self._at = (batches[-1].after if batches else kept).model_copy(deep=True)
        self._seconds_before = self._at.seconds
        self._intake.restore(self._at.intake)
        for source, why in self._left_out.items():
            self._intake.bench(source, why)
        if self._at.round > 1:
            self._journal.drop(self._at.round - 1)  # the process may have ended between opening a round and this

    def _begin(self) -> Checkpoint:
        """Opens the first round; proposers are told what people have said of the queue already."""
        self._intake.start()
        closing = self._closer.begin(self._intake)
        self._intake.learn(self._labels.outcomes(closing))
        opened = self._opened(Checkpoint(intake=self._intake.state))
        self._journal.save(opened)
        self._closer.end(closing)
        return opened

    def _collect(self) -> bool:
        """Scores batches until the round is full or there is no more; False if asked to stop."""
        while len(self._scored) < self._at.target and self._affordable() > 0:
            name = self._next_name()
            if name is None:
                break
            if self._asked_to_stop():
                return False
            self._one_batch(name)
        return True

    def _next_name(self) -> str | None:
        return self._intake.next_name(costly=may_cost_cpu(self.spec, self._at.tally))

    def _asked_to_stop(self) -> bool:
        return (self._stopping is not None and self._stopping()) or self._journal.halted()

    def _one_batch(self, name: str) -> None:
        attempt = self._journal.attempt(self._at)
        if attempt.proposer == name and attempt.proposing >= self.spec.max_attempts:
            self._intake.bench(name, f"ended the process {attempt.proposing} times while proposing")
            self._commit(name, [], [], 0)
            return
        again = attempt.proposing if attempt.proposer == name else 0
        attempt = attempt.model_copy(update={"proposing": again + 1, "proposer": name})
        self._journal.save_attempt(attempt)
        candidates = self._proposed(name)
        fresh = self._fresh(name, candidates)
        scored = self._scored_or_left_out(fresh, attempt.model_copy(update={"proposing": 0}))
        left_out = [candidate.text for candidate in fresh] if fresh and not scored else []
        self._commit(name, scored, left_out, len(candidates))

    def _proposed(self, name: str) -> list[Candidate]:
        """What a proposer gives for the next batch; its cost is charged at once."""
        most = min(self.spec.batch_size, self._at.target - len(self._scored))
        candidates, cost = self._intake.propose(name, min(most, affordable_from(self.spec, self._at.tally, name)))
        charge_proposing(self._at.tally, name, cost, candidates)
        return candidates

    def _fresh(self, name: str, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates that can be read and were not seen before, with the campaign's name on them."""
        readable = [candidate for candidate in candidates if is_readable(candidate.text)]
        self._neighbours.follow()
        sameness = self._neighbours.filter([candidate.text for candidate in readable])
        found = ["new" if c.again else same for c, same in zip(readable, sameness, strict=True)]
        counts, tally = Counter(found), self._at.tally
        tally.proposed += len(candidates)
        tally.proposed_by_source[name] = tally.proposed_by_source.get(name, 0) + len(candidates)
        tally.refused += len(candidates) - len(readable)
        tally.exact_duplicates += counts["exact"]
        tally.near_duplicates += counts["near"]
        fresh = [self._named(c) for c, same in zip(readable, found, strict=True) if same == "new"]
        paid = fresh[: self._affordable()]
        tally.unpaid += len(fresh) - len(paid)
        return paid

    def _named(self, candidate: Candidate) -> Candidate:
        return Candidate(candidate.text, candidate.provenance.model_copy(update={"campaign": self.name}))

    def _scored_or_left_out(self, fresh: list[Candidate], attempt: Attempt) -> list[Scored]:
        """The batch scored; empty when it ended the process too often and is left out."""
        if not fresh:
            return []
        if attempt.scoring >= self.spec.max_attempts:
            self._at.tally.left_out += len(fresh)
            return []
        self._journal.save_attempt(attempt.model_copy(update={"scoring": attempt.scoring + 1}))
        try:
            return score_batch(fresh, self._score, self._patience, self._at.tally, self.spec)
        except CampaignInterruptedError:
            self._journal.save_attempt(attempt)  # being away says nothing against the batch
            raise
        except CampaignError:
            raise
        except Exception as error:
            raise CampaignError(f"scoring failed: {type(error).__name__}: {error}") from error

    def _commit(self, name: str, scored: list[Scored], left_out: list[Text], proposed: int) -> None:
        """Writes the batch and everything that holds after it in one go."""
        first = [item for item in scored if not item.candidate.again]
        self._intake.observe(name, scored, proposed=proposed, new=len(first) + len(left_out))
        self._at.batch += 1
        self._at.intake = self._intake.state
        self._at.tally.bad_rows = self._intake.bad_rows()[0]
        self._at.tally.repeated_rows = self._intake.repeated_rows()
        self._at.tally.rewrites = counted_rewrites(self._at.tally.rewrites, scored, self.spec.deployed)
        batch = Batch.of(scored, left_out, self._stamped())
        self._journal.put(batch)
        self._scored += first
        self._round_texts += batch.texts()
        self._report()

    def _close_round(self) -> None:
        """Selects, enqueues, tells what people said, and opens the next round."""
        closing, queued, ordered = self._closer.close(self._at, self._scored, self._intake)
        self._at.tally.ordered += ordered
        self._at.tally.withdrawn += len(closing.withdrawn)
        count_queued(queued, self._at.tally)
        self._journal.put_seen(self._at.round, self._round_texts)
        self._intake.learn(self._labels.outcomes(closing))
        self._at.intake = self._intake.state
        self._at.arrived = self._neighbours.looked
        self._at = self._opened(self._stamped().model_copy(update={"round": self._at.round + 1, "batch": 0}))
        self._journal.save(self._at)
        self._journal.drop(self._at.round - 1)
        self._closer.end(closing)
        self._scored, self._round_texts = [], []
        self._report()

    def _opened(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with the size of its round set."""
        checkpoint.target = round_target(self.spec, checkpoint.tally, self._intake)
        return checkpoint

    def _affordable(self) -> int:
        return affordable(self.spec, self._at.tally)

    def _ending(self) -> Ending | None:
        """Why there is nothing more to do; None while there is."""
        if self._scored:
            return None
        if self._at.tally.taken >= self.spec.queue_size:
            return "queue full"
        if self._affordable() == 0:
            return "budget spent"
        return "nothing left to propose" if self._next_name() is None else None

    def _stamped(self) -> Checkpoint:
        return self._at.model_copy(deep=True, update={"seconds": self._seconds()})

    def _seconds(self) -> float:
        return self._seconds_before + self._clock() - self._started

    def _report(self) -> None:
        self._labels.follow()
        if self._progress is not None:
            self._progress(progress_of(self.name, self.spec, self._stamped(), self._labels.findings))

    def _summary(self, ending: Ending) -> Summary:
        bad = self._intake.bad_rows()[1]
        return summary_of(self.name, self.spec, self._stamped(), self._labels.findings, ending, bad)
