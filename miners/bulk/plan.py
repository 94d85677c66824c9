"""What a bulk run reads: shards found under the paths given, cut into pieces that are worked on apart from each other.

A piece is named by a hash over all that its result depends on: the shard's path, size and time of change, where in it
the piece lies, and the settings. What lies under that name is never out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ensemble.errors import InputError
from ensemble.members.hashing import version_of
from ensemble.row_spans import Span, cut
from miners.errors import SourceError
from miners.ranking import Weights

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".pq", ".txt", ".text")
"""Files of a folder that are taken for shards, each also with `.gz`."""

PIECE_BYTES = 64 << 20
"""Size of a piece, where a shard can be cut: some 100,000 passages."""


class BulkSettings(BaseModel):
    """All that the result of a piece depends on, beside the shard.

    Attributes:
        task: name of the question, or its folder.
        artifact: folder of the members, readable wherever a piece is worked on.
        groups: member groups that read every text, in the artifact's order.
        versions: of their members, by name.
        keep: texts kept in all, at most.
        look: share of the texts that the members read, about; below 1 a gate on words chooses, see `miners.bulk.gate`.
        seed: of everything drawn at random.
        weights: what makes a text worth an answer, as for a campaign.
        part_rows: rows after which a piece's state is written down, and within which repeats are scored once.
        threads: of one forward pass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    artifact: str
    groups: tuple[str, ...] = Field(min_length=1)
    versions: dict[str, str]
    keep: int = Field(default=1000, ge=1, le=1_000_000)
    look: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int = Field(default=0, ge=0)
    weights: Weights = Weights()
    part_rows: int = Field(default=4096, ge=1, le=1_000_000)
    threads: int = Field(default=1, ge=1)

    @property
    def fingerprint(self) -> str:
        """12 hex digits over everything but where the artifact lies."""
        return version_of(self.model_dump(mode="json", exclude={"artifact"}))


@dataclass(frozen=True)
class Piece:
    """A span of a shard.

    Attributes:
        name: hash over all that its result depends on, 12 hex digits.
        path: of the shard.
        span: where in it.
    """

    name: str
    path: str
    span: Span


@dataclass(frozen=True)
class Plan:
    """The work of a run.

    Attributes:
        pieces: in the order of the shards.
        shards: files that hold them, empty ones included.
    """

    pieces: tuple[Piece, ...]
    shards: int

    @property
    def rows(self) -> int:
        """Rows in all, as far as they can be counted without parsing: blank lines count, zipped Parquet does not."""
        return sum(piece.span.rows for piece in self.pieces)


def make_plan(
    shards: Sequence[Path],
    settings: BulkSettings,
    *,
    piece_bytes: int = PIECE_BYTES,
    progress: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Looks at every shard and cuts it.

    Args:
        shards: as `find_shards` gives them.
        settings: of the run.
        piece_bytes: size of a piece at most, where a shard can be cut.
        progress: told how many shards were looked at.

    Raises:
        SourceError: a shard cannot be read at all, or all are empty.
    """
    pieces: list[Piece] = []
    try:
        for number, path in enumerate(shards, start=1):
            pieces += _pieces(path, settings, piece_bytes)
            progress(number)
    except InputError as error:
        raise SourceError(str(error), field="--input") from None
    if not pieces:
        raise SourceError(f"no rows in {_listed(shards)}; the corpus is empty", field="--input")
    return Plan(tuple(pieces), len(shards))


def find_shards(inputs: Sequence[str]) -> list[Path]:
    """Files under paths, in sorted order and once each: a file itself, a folder's files, or a pattern's.

    Raises:
        SourceError: an input stands for no file.
    """
    found: dict[Path, None] = {}
    for given in inputs:
        files = sorted(_files(given))
        if not files:
            raise SourceError(
                f"{given} is neither a file, nor a folder with files ({', '.join(SUFFIXES)}, each also .gz), nor a "
                "pattern that a file matches",
                field="--input",
            )
        found |= dict.fromkeys(files)
    return list(found)


def _files(given: str) -> Iterator[Path]:
    path = Path(given).expanduser().absolute()
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file() and _is_shard(file.relative_to(path)))
    else:
        yield from (file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file())


def _is_shard(path: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not hidden and Path(path.name.lower().removesuffix(".gz")).suffix in SUFFIXES


def _pieces(path: Path, settings: BulkSettings, piece_bytes: int) -> list[Piece]:
    stat = path.stat()
    stamp = [str(path), stat.st_size, stat.st_mtime_ns, settings.fingerprint]
    return [Piece(version_of([*stamp, asdict(span)]), str(path), span) for span in cut(path, piece_bytes)]


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
