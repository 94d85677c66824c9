"""Texts that come again: a group's answers kept by content, in front of its forward passes.

Miners rewrite and rescore, clients retry, pages are posted twice; a repeat should cost a look-up. Campaigns and HTTP
requests reach a group through the same replica, so one cache serves both.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from ensemble.scorer import FloatArray, Member
from ensemble.text import Text
from service.batching import BatchedScores, Batcher, ScoreBatch

_LENGTH_BYTES, _KEY_BYTES = 8, 32


@dataclass(frozen=True)
class CacheUse:
    """What the cache did for one request.

    Attributes:
        hits: texts answered without a place in a forward pass: known, or twice in the request.
        misses: texts that had to be scored.
        entries: texts known to this replica now.
    """

    hits: int
    misses: int
    entries: int


class ScoreCache:
    """The newest rows of probabilities of one scorer, least recently used out first. Thread-safe.

    The key is a hash of the members' versions and of context and text exactly as a member reads them. It is not the
    text's identity: that is the same for texts that differ in spacing or Unicode form, which members may score
    differently. Neither texts nor batches are kept, so an entry takes about 300 bytes however long its text is, and
    the bound on entries is a bound on memory.

    A row is kept as the scorer gave it, bit for bit; a scorer's own rounding may depend on what else is in a batch, so
    a repeat is at least as stable as scoring again. Rows that are not finite, and passes that fail, are not kept.
    """

    def __init__(self, score: ScoreBatch, members: Sequence[Member], *, texts: int) -> None:
        """Starts empty.

        Args:
            score: what it stands before.
            members: the columns of `score`; their versions are part of every key.
            texts: most entries, at least 1.
        """
        self._score, self._columns, self._limit = score, len(members), texts
        self._versions = blake2b(repr([(one.name, one.version) for one in members]).encode(), digest_size=_KEY_BYTES)
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def entries(self) -> int:
        """Texts known now."""
        return len(self._rows)

    def key(self, text: Text) -> bytes:
        """Under which a text is kept: 32 bytes over versions, context and text, with the context's length between.

        The length keeps apart what would read the same when joined.
        """
        context = text.context.encode(errors="surrogatepass")
        digest = self._versions.copy()
        digest.update(len(context).to_bytes(_LENGTH_BYTES, "big") + context + text.text.encode(errors="surrogatepass"))
        return digest.digest()

    def recall(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Rows of the keys that are known, as float64 bytes; they count as just used."""
        with self._lock:
            found = {key: self._rows[key] for key in keys if key in self._rows}
            for key in found:
                self._rows.move_to_end(key)
        return found

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """As the scorer, which sees each text once, and only those that no earlier pass has scored.

        Meant to be what a batcher calls. Its passes come one after the other, so two requests that ask for a text at
        the same time share one computation: in one pass the text stands once, and a later pass finds it here.
        """
        keys = [self.key(text) for text in texts]
        rows = self.recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
        if missing:
            rows |= self._scored(missing)
        return self.table([rows[key] for key in keys])

    def table(self, rows: Sequence[bytes]) -> FloatArray:
        """Rows as an array, shape (rows, columns)."""
        return np.frombuffer(b"".join(rows), dtype=np.float64).reshape(len(rows), self._columns).copy()

    def _scored(self, missing: dict[bytes, Text]) -> dict[bytes, bytes]:
        scores = np.ascontiguousarray(self._score(list(missing.values())), dtype=np.float64)
        if scores.shape != (len(missing), self._columns):
            raise ValueError(f"scores of shape {scores.shape} for {len(missing)} texts and {self._columns} members")
        rows = {key: row.tobytes() for key, row in zip(missing, scores, strict=True)}
        finite = [bool(np.isfinite(row).all()) for row in scores]
        self._keep({key: rows[key] for key, whole in zip(rows, finite, strict=True) if whole})
        return rows

    def _keep(self, rows: dict[bytes, bytes]) -> None:
        with self._lock:
            self._rows.update(rows)
            while len(self._rows) > self._limit:
                self._rows.popitem(last=False)


async def submit(cache: ScoreCache, batcher: Batcher, texts: Sequence[Text]) -> tuple[BatchedScores, CacheUse]:
    """Scores of a request's texts, in order; those that are known neither wait nor take a place in a pass.

    Args:
        cache: what is known.
        batcher: runs `cache.score`.
        texts: at least one.

    Raises:
        ValueError, OverloadedError, MemberUnavailableError: as `Batcher.submit`.
    """
    keys = [cache.key(text) for text in texts]
    rows = cache.recall(keys)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
    found = BatchedScores(cache.table([]), 0.0, (), 0.0, 0.0)
    if missing or not texts:
        found = await batcher.submit(list(missing.values()))
        rows |= {key: row.tobytes() for key, row in zip(missing, found.scores, strict=True)}
    use = CacheUse(len(texts) - len(missing), len(missing), cache.entries)
    return replace(found, scores=cache.table([rows[key] for key in keys])), use
