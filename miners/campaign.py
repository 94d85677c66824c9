"""The campaign loop: propose, leave out what is there already, score, rank, select with known probability, enqueue.

A plain object without threads or Ray. It may be killed at any moment: what is done is in the store, and `run` goes on
behind it. With the same seed, inputs and verdicts the queue comes out the same, however often it was interrupted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from ensemble.errors import InputError
from ensemble.near_duplicates import SeenTexts
from ensemble.text import Text, check_text
from miners.campaign_intake import Intake
from miners.campaign_plan import affordable, places, round_target
from miners.campaign_records import Attempt, Batch, Checkpoint
from miners.campaign_scoring import Patience, Score, counted_kinds, score_batch
from miners.campaign_spec import CampaignSpec, Ending, Progress, Summary
from miners.campaign_store import Journal
from miners.candidate import Candidate, Scored, Selected
from miners.errors import CampaignError, CampaignInterruptedError
from miners.proposer import Proposer
from miners.queue.campaigns import CampaignStore
from miners.queue.protocol import Ledger, Queue
from miners.queue.types import NewItem
from miners.ranking import rank
from miners.selection import select


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
            stopping: asked before every batch whether to stop; what is done stays.
            patience: how long to wait for scorer and store while they are away.
            clock: seconds, for the summary only.

        Raises:
            CampaignError: no proposer, or two of one name.
        """
        self.name, self.spec = name, spec
        self._intake = Intake(proposers, spec)
        self._score, self._queue, self._ledger = score, queue, ledger
        self._patience = patience or Patience()
        self._journal = Journal(store, name, self._patience)
        self._progress, self._stopping, self._clock = progress, stopping, clock
        self._started = self._seconds_before = 0.0
        self._at = Checkpoint()
        self._seen = SeenTexts(spec.near_duplicate)
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
                return self._summary("stopped")
            if self._scored:
                self._close_round()
            ending = self._ending()
        summary = self._summary(ending)
        self._journal.finish(summary)
        return summary

    def _load(self) -> None:
        """Brings memory to where the store says the campaign stands."""
        kept = self._journal.checkpoint()
        if kept is None:
            self._intake.start()
            kept = self._opened(Checkpoint(intake=self._intake.state))
            self._journal.save(kept)
        batches = self._journal.batches(kept.round)
        self._scored = [scored for batch in batches for scored in batch.candidates()]
        self._round_texts = [text for batch in batches for text in batch.texts()]
        self._at = (batches[-1].after if batches else kept).model_copy(deep=True)
        self._seconds_before = self._at.seconds
        self._intake.restore(self._at.intake)
        if self._at.round > 1:
            self._journal.drop(self._at.round - 1)  # the process may have ended between opening a round and this
        self._remember_seen()

    def _remember_seen(self) -> None:
        self._seen = SeenTexts(self.spec.near_duplicate)
        queued = self._patience(lambda: [Text(item.new.text, item.new.context) for item in self._ledger.items()])
        self._seen.add([*queued, *self._journal.seen(), *self._round_texts])

    def _collect(self) -> bool:
        """Scores batches until the round is full or there is no more; False if asked to stop."""
        while len(self._scored) < self._at.target and self._affordable() > 0:
            name = self._intake.next_name()
            if name is None:
                break
            if self._stopping is not None and self._stopping():
                return False
            self._one_batch(name)
        return True

    def _one_batch(self, name: str) -> None:
        attempt = self._journal.attempt(self._at)
        if attempt.proposer == name and attempt.proposing >= self.spec.max_attempts:
            self._intake.bench(name, f"ended the process {attempt.proposing} times while proposing")
            self._commit(name, [], [], 0)
            return
        again = attempt.proposing if attempt.proposer == name else 0
        attempt = attempt.model_copy(update={"proposing": again + 1, "proposer": name})
        self._journal.save_attempt(attempt)
        count = min(self.spec.batch_size, self._at.target - len(self._scored), self._affordable())
        candidates = self._intake.propose(name, count)
        fresh = self._fresh(name, candidates)
        scored = self._scored_or_left_out(fresh, attempt.model_copy(update={"proposing": 0}))
        left_out = [candidate.text for candidate in fresh] if fresh and not scored else []
        self._commit(name, scored, left_out, len(candidates))

    def _fresh(self, name: str, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates that can be read and were not seen before, with the campaign's name on them."""
        readable = [candidate for candidate in candidates if _readable(candidate.text)]
        found = self._seen.filter([candidate.text for candidate in readable])
        counts, tally = Counter(found), self._at.tally
        tally.proposed += len(candidates)
        tally.proposed_by_source[name] = tally.proposed_by_source.get(name, 0) + len(candidates)
        tally.refused += len(candidates) - len(readable)
        tally.exact_duplicates += counts["exact"]
        tally.near_duplicates += counts["near"]
        return [self._named(c) for c, sameness in zip(readable, found, strict=True) if sameness == "new"]

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
            return score_batch(fresh, self._score, self._patience, self._at.tally, self.spec.budget)
        except CampaignInterruptedError:
            self._journal.save_attempt(attempt)  # being away says nothing against the batch
            raise
        except CampaignError:
            raise
        except Exception as error:
            raise CampaignError(f"scoring failed: {type(error).__name__}: {error}") from error

    def _commit(self, name: str, scored: list[Scored], left_out: list[Text], proposed: int) -> None:
        """Writes the batch and everything that holds after it in one go."""
        self._intake.observe(name, scored, proposed=proposed, new=len(scored) + len(left_out))
        self._at.batch += 1
        self._at.intake = self._intake.state
        self._at.tally.bad_rows = self._intake.bad_rows()[0]
        batch = Batch.of(scored, left_out, self._stamped())
        self._journal.put(batch)
        self._scored += scored
        self._round_texts += batch.texts()
        self._report()

    def _close_round(self) -> None:
        """Selects, enqueues, and opens the next round."""
        ranked = [rank(item.verdict, self.spec.deployed, self.spec.weights) for item in self._scored]
        rng = np.random.default_rng([self.spec.seed, self._at.round])
        selected = select(
            self._scored, ranked, places(self.spec, self._at.tally, self._intake, len(ranked)), self.spec.design, rng
        )
        passed = {s.candidate.text.id: r.deployed_passed for s, r in zip(self._scored, ranked, strict=True)}
        items = [self._item(item, passed=passed[item.scored.candidate.text.id]) for item in selected]
        self._patience(lambda: self._queue.enqueue(items))
        tally = self._at.tally
        tally.queued += len(selected)
        by_source = Counter(item.scored.candidate.provenance.source for item in selected)
        tally.queued_by_source = dict(Counter(tally.queued_by_source) + by_source)
        tally.queued_kinds = counted_kinds(tally.queued_kinds, [item.scored for item in selected])
        self._journal.put_seen(self._at.round, self._round_texts)
        self._at = self._opened(self._stamped().model_copy(update={"round": self._at.round + 1, "batch": 0}))
        self._journal.save(self._at)
        self._journal.drop(self._at.round - 1)
        self._scored, self._round_texts = [], []
        self._report()

    def _item(self, selected: Selected, *, passed: bool) -> NewItem:
        candidate, verdict = selected.scored.candidate, selected.scored.verdict
        return NewItem(
            id=candidate.text.id,
            task=self.spec.task,
            text=candidate.text.text,
            context=candidate.text.context,
            priority=selected.priority,
            needed=self.spec.answers,
            selection_probability=selected.probability * candidate.provenance.sampled,
            deployed=self.spec.deployed,
            deployed_passed=passed,
            verdict=verdict,
            provenance=candidate.provenance,
            why=selected.why,
            parts={**selected.parts, "round": float(self._at.round)},
        )

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
        if self._at.tally.queued >= self.spec.queue_size:
            return "queue full"
        if self._affordable() == 0:
            return "budget spent"
        return "nothing left to propose" if self._intake.next_name() is None else None

    def _stamped(self) -> Checkpoint:
        return self._at.model_copy(deep=True, update={"seconds": self._seconds()})

    def _seconds(self) -> float:
        return self._seconds_before + self._clock() - self._started

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    campaign=self.name,
                    round=self._at.round,
                    tally=self._at.tally.model_copy(deep=True),
                    budget=self.spec.budget,
                    queue_size=self.spec.queue_size,
                    seconds=self._seconds(),
                )
            )

    def _summary(self, ending: Ending) -> Summary:
        return Summary(
            **self._at.tally.model_dump(),
            campaign=self.name,
            rounds=self._at.round - 1,
            benched=dict(self._intake.state.benched),
            bad_examples=self._intake.bad_rows()[1],
            ended=ending,
            seconds=self._seconds(),
        )


def _readable(text: Text) -> bool:
    try:
        check_text(text.text)
        check_text(text.context, field="context", allow_empty=True)
    except InputError:
        return False
    return True
