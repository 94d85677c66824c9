"""What a search may be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SearchSettings(BaseModel):
    """How a campaign searches.

    Attributes:
        depth: operators in a chain, at most; no operator twice.
        block: rewrites made and checked together. All of a block are chosen by what was known at its beginning.
        most_characters: longest text proposed.
        memory: member calls after which what an operator promised counts for 1/e of what it did.
        shown: best niches that the summary shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = Field(default=3, ge=1, le=8)
    block: int = Field(default=16, ge=1, le=256)
    most_characters: int = Field(default=1_500, ge=100, le=20_000)
    memory: float = Field(default=4_000.0, ge=100.0, le=1e9, allow_inf_nan=False)
    shown: int = Field(default=10, ge=0, le=1_000)
