"""A campaign's view of the store: typed, and patient while the store is away.

Rounds count from 1. Round 0 of the store holds, by round, the texts of closed rounds, so that none is scored twice; the
last number that the store takes holds, by round, what the closings went by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ensemble.text import Text
from miners.campaigns.records import Attempt, Batch, Checkpoint, Closing, SeenRound, State
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec, Summary
from miners.errors import CampaignError
from miners.queue.campaign_protocol import CampaignStore

_SEEN = 0
_CLOSINGS = 2**31 - 1


def check_same(name: str, kept: dict[str, Any], wanted: CampaignSpec) -> None:
    """Compares what a campaign was told with what it is to be told now.

    Args:
        name: of the campaign.
        kept: its spec as it is stored, perhaps by an earlier version that had fewer settings.
        wanted: the spec that is to go on under its name.

    Raises:
        CampaignError: they differ; the message says in what.
    """
    before, now = CampaignSpec.model_validate(kept).model_dump(mode="json"), wanted.model_dump(mode="json")
    differing = [f"{key} is {before[key]}, not {now[key]}" for key in sorted(now) if before[key] != now[key]]
    if differing:
        raise CampaignError(
            f"campaign {name!r} exists with other settings ({'; '.join(differing)[:400]}); choose another name, or "
            "give the same settings to go on with it"
        )


class Journal:
    """What one campaign writes down, see `miners.campaigns.records`."""

    def __init__(self, store: CampaignStore, name: str, patience: Patience) -> None:
        self._store, self._name, self._patience = store, name, patience
        self._state = State()

    def open(self, spec: CampaignSpec) -> Summary | None:
        """Starts or reopens the campaign; its summary if it is already finished.

        Raises:
            CampaignError: the name belongs to a campaign with another spec.
        """
        wanted = spec.model_dump(mode="json")
        if not self._patience(lambda: self._store.create(self._name, wanted)):
            check_same(self._name, self._patience(lambda: self._store.spec(self._name)), spec)
        stored = self._patience(lambda: self._store.load_state(self._name))
        self._state = State.model_validate(stored) if stored else State()
        if self._state.summary is not None:
            self._clear(self._state.summary)
        return self._state.summary

    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint at the start of the round in progress; None if the campaign has not begun."""
        return self._state.checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """A round is opened."""
        self._save(State(checkpoint=checkpoint.model_copy(deep=True)))

    def attempt(self, at: Checkpoint) -> Attempt:
        """The attempts made at the batch in progress."""
        kept = self._state.attempt
        same = (kept.round, kept.batch) == (at.round, at.batch)
        return kept if same else Attempt(round=at.round, batch=at.batch)

    def save_attempt(self, attempt: Attempt) -> None:
        """A batch is begun."""
        self._save(self._state.model_copy(update={"attempt": attempt}))

    def put(self, batch: Batch) -> None:
        """A batch is done; the checkpoint in it counts the batches so far."""
        round_, index, payload = batch.after.round, batch.after.batch - 1, batch.model_dump_json()
        self._patience(lambda: self._store.put_batch(self._name, round_, index, payload))

    def batches(self, round_: int) -> list[Batch]:
        """The batches of a round, in order."""
        stored = self._patience(lambda: self._store.batches(self._name, round_))
        return sorted((Batch.model_validate_json(payload) for payload in stored), key=lambda batch: batch.after.batch)

    def put_seen(self, round_: int, texts: Sequence[Text]) -> None:
        """A round is over; its texts are kept as seen."""
        payload = SeenRound(texts=[(text.text, text.context) for text in texts]).model_dump_json()
        self._patience(lambda: self._store.put_batch(self._name, _SEEN, round_, payload))

    def seen(self) -> list[Text]:
        """Texts of closed rounds."""
        stored = self._patience(lambda: self._store.batches(self._name, _SEEN))
        return [Text(*pair) for payload in stored for pair in SeenRound.model_validate_json(payload).texts]

    def put_closing(self, closing: Closing) -> None:
        """A round is about to be closed."""
        payload = closing.model_dump_json()
        self._patience(lambda: self._store.put_batch(self._name, _CLOSINGS, closing.round, payload))

    def closings(self) -> list[Closing]:
        """What the closings went by, oldest first; the last may be of the round in progress."""
        stored = self._patience(lambda: self._store.batches(self._name, _CLOSINGS))
        return [Closing.model_validate_json(payload) for payload in stored]

    def halted(self) -> bool:
        """Whether somebody asked the campaign to stop."""
        return self._patience(lambda: self._store.halted(self._name))

    def drop(self, round_: int) -> None:
        """Forgets the batches of a closed round."""
        self._patience(lambda: self._store.drop_round(self._name, round_))

    def finish(self, summary: Summary) -> None:
        """The campaign is over; only its summary is kept."""
        self._save(self._state.model_copy(update={"summary": summary}))
        self._clear(summary)

    def _clear(self, summary: Summary) -> None:
        self._patience(lambda: self._store.finish(self._name, json.loads(summary.model_dump_json())))
        for round_ in (_SEEN, _CLOSINGS, summary.rounds, summary.rounds + 1):
            self.drop(round_)

    def _save(self, state: State) -> None:
        stored = json.loads(state.model_dump_json())
        self._patience(lambda: self._store.save_state(self._name, stored))
        self._state = state
