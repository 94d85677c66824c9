"""The signature of what keeps the checkpoints of campaigns, and where a campaign stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

JsonDict: TypeAlias = dict[str, Any]


class CampaignStatus(BaseModel):
    """Where a campaign stands.

    Attributes:
        state: "running" from creation until `finish`, whether or not anybody works on it now.
        halted: somebody asked it to stop, and nobody yet to go on.
        summary: what `finish` was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: Literal["running", "finished"]
    created_at: datetime
    finished_at: datetime | None = None
    summary: dict[str, Any] | None = None
    halted: bool = False


class CampaignStore(Protocol):
    """Keeps checkpoints. Every call is durable when it returns and safe to repeat; thread-safe.

    Calls about a campaign that was never created raise CampaignError.
    """

    def create(self, name: str, spec: JsonDict) -> bool:
        """Creates a campaign; False if there is one of that name, which then stays as it is."""

    def spec(self, name: str) -> JsonDict:
        """What `create` was given."""

    def save_state(self, name: str, state: JsonDict) -> None:
        """Replaces the state."""

    def load_state(self, name: str) -> JsonDict | None:
        """The last state saved; None if there is none yet."""

    def put_batch(self, name: str, round: int, index: int, payload: str) -> None:  # noqa: A002 - the word of the field
        """Keeps one batch of a round, in place of an earlier one with that index."""

    def batches(self, name: str, round: int) -> list[str]:  # noqa: A002 - the word of the field
        """The batches of a round in the order of their indices."""

    def drop_round(self, name: str, round: int) -> None:  # noqa: A002 - the word of the field
        """Forgets the batches of a round."""

    def finish(self, name: str, summary: JsonDict) -> None:
        """Ends the campaign; its spec, state and summary stay."""

    def halt(self, name: str, *, halted: bool = True) -> None:
        """Asks whoever works on the campaign to stop, or takes that back."""

    def halted(self, name: str) -> bool:
        """Whether it is asked to stop."""

    def names(self) -> list[str]:
        """All campaigns, oldest first."""

    def status(self, name: str) -> CampaignStatus:
        """Where it stands."""
