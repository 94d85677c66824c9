"""What comes out of a bulk run: the shortlist, a file of texts with the probability with which each was kept.

Joined from the states of all pieces, one at a time, so that memory does not grow with the corpus. The same pieces give
the same file, byte by byte, whatever happened on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from miners.bulk.piece import EXAMPLES, empty, load_state, write_safely
from miners.bulk.plan import BulkSettings, Piece
from miners.bulk.topk import Kept, drawn, uniform
from miners.errors import CampaignError

FILE = "shortlist.jsonl"


class Shortlisted(BaseModel):
    """A line of the shortlist.

    Attributes:
        probability: with which the text was kept, in (0, 1].
        kept: the text, and what the cheap members said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(gt=0.0, le=1.0)
    kept: Kept


class BulkReport(BaseModel):
    """What a bulk run did.

    Attributes:
        shards, pieces: files read, and the pieces they were cut into.
        rows: rows read, bad ones included.
        bad_rows: rows that could not be read.
        bad_examples: the first of them, "file:line: message".
        repeats: rows left out because the text was there before, as far as that was seen without a list of all texts.
        scored: texts that the cheap members read.
        passed_over: texts that the gate left out; 0 where every text is read.
        broken: shards that could not be read to their end, and why.
        seen, kept: texts by niche: scored, and on the shortlist.
        stood_for: texts by niche that those scored stand for; more than were scored where a gate left some out.
        shortlist: the file.
        seconds: wall time of this call.
        rows_per_second: rows that this call read, over its wall time; 0 where all was there already.
    """

    model_config = ConfigDict(extra="forbid")

    shards: int
    pieces: int
    rows: int = 0
    bad_rows: int = 0
    bad_examples: list[str] = Field(default_factory=list)
    repeats: int = 0
    scored: int = 0
    passed_over: int = 0
    broken: dict[str, str] = Field(default_factory=dict)
    seen: dict[str, int] = Field(default_factory=dict)
    kept: dict[str, int] = Field(default_factory=dict)
    stood_for: dict[str, float] = Field(default_factory=dict)
    shortlist: str = ""
    seconds: float = 0.0
    rows_per_second: float = 0.0


def join(folder: Path, pieces: Iterable[Piece], settings: BulkSettings, report: BulkReport) -> None:
    """Joins finished pieces into the shortlist and the report.

    Args:
        folder: of the run.
        pieces: all of them.
        settings: of the run.
        report: takes the counts.

    Raises:
        CampaignError: a piece is not finished, or no row of any could be read.
    """
    held = empty(settings)
    for piece in pieces:
        state = load_state(folder, piece.name)
        if not state.done:
            raise CampaignError(f"a piece of {piece.path} was not finished; run the same command again to go on")
        held.add(state.kept)
        report.rows += state.read
        report.bad_rows += state.bad
        report.bad_examples = [*report.bad_examples, *state.bad_examples][:EXAMPLES]
        report.repeats += state.repeats
        report.passed_over += state.passed_over
        report.seen = dict(Counter(report.seen) + Counter(state.seen))
        for niche, count in state.stood_for.items():
            report.stood_for[niche] = report.stood_for.get(niche, 0.0) + count
        if state.problem:
            report.broken[piece.path] = state.problem
    report.scored = sum(report.seen.values())
    chosen = drawn(held, settings.keep)
    if not chosen:
        raise CampaignError(_nothing(report))
    # By the number that belongs to the text, not the key: whoever reads on from the start meets a fair mixture.
    chosen.sort(key=lambda one: (uniform(one[0].id, settings.seed), one[0].id))
    lines = [Shortlisted(probability=q, kept=kept).model_dump_json() for kept, q in chosen]
    write_safely(folder / FILE, "".join(line + "\n" for line in lines))
    report.shortlist = str(folder / FILE)
    report.kept = dict(sorted(Counter(kept.niche for kept, _ in chosen).items()))


def read_shortlist(path: Path) -> list[Shortlisted]:
    """All lines of a shortlist."""
    with path.open(encoding="utf-8") as stream:
        return [Shortlisted.model_validate_json(line) for line in stream]


def _nothing(report: BulkReport) -> str:
    first = next(iter([*report.bad_examples, *report.broken.values()]), "all lines are blank")
    return f"no readable row in {report.shards:,} shards ({report.bad_rows:,} bad rows; the first: {first})"
