"""Texts that a bulk run kept, each with the probability with which it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ensemble.text import Text
from miners.bulk.shortlist import Shortlisted
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError


class Shortlist:
    """Lines of a shortlist, in their order, which is one of chance; see `miners.bulk.shortlist`."""

    name = "bulk"

    def __init__(self, path: Path) -> None:
        """Looks at the file once.

        Raises:
            SourceError: it is not there, or holds nothing.
        """
        self._path, self._at = path, 0
        try:
            with path.open(encoding="utf-8") as stream:
                self._count = sum(1 for _ in stream)
        except OSError as error:
            raise SourceError(f"the shortlist {path} cannot be read: {error.strerror or error}") from None
        if not self._count:
            raise SourceError(f"the shortlist {path} is empty; run `hungjury mine --bulk` again")

    def propose(self, count: int) -> list[Candidate]:
        """The next `count` texts; fewer only at the end."""
        with self._path.open(encoding="utf-8") as stream:
            found = [_candidate(one) for one in _parsed(islice(stream, self._at, self._at + count))]
        self._at += len(found)
        return found

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: the texts are chosen already."""

    def expected(self, limit: int) -> int:
        """Texts left, at most `limit`."""
        return min(limit, self._count - self._at)

    def state(self) -> dict[str, Any]:
        """Texts given so far."""
        return {"at": self._at}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind them."""
        self._at = int(state["at"])


def _parsed(lines: Iterator[str]) -> Iterator[Shortlisted]:
    return (Shortlisted.model_validate_json(line) for line in lines)


def _candidate(one: Shortlisted) -> Candidate:
    kept = one.kept
    family = kept.meta.get("family")
    meta = {**kept.meta, "file": kept.file, "line": kept.line, "cheap_priority": kept.priority}
    if kept.label is not None:
        meta["label"] = kept.label
    return Candidate(
        Text(kept.text, kept.context),
        Provenance(
            source=f"bulk:{kept.niche}",
            family=family if isinstance(family, str) and family else kept.id,
            row_id=kept.row_id or None,
            sampled=one.probability,
            meta=meta,
        ),
    )
