"""Leaving out texts that are already there, exactly or nearly.

Exact: the same identity (`ensemble.text.identity`). Near: MinHash estimate of the Jaccard similarity of word triples at
or above a threshold, found by locality-sensitive hashing (Broder 1997; datasketch). Injury and benign twin of a pair
differ by few words, so the threshold is high, and 1.0 turns the near filter off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal
from zlib import crc32

from ensemble.text import Text, normalise

Sameness = Literal["new", "exact", "near"]

DEFAULT_THRESHOLD = 0.85
_PERMUTATIONS = 128
_SHINGLE_WORDS = 3
_RECALL = 0.99


class SeenTexts:
    """What was seen so far, and whether another text is new beside it.

    Deterministic, and independent of the order in which earlier texts were added. About 3 kB a text are kept.
    """

    def __init__(self, threshold: float = DEFAULT_THRESHOLD) -> None:
        """Starts empty.

        Args:
            threshold: Jaccard similarity in (0, 1] from which a text is a near-duplicate; 1.0 = exact filter only.
        """
        from datasketch import MinHashLSH

        self._threshold = threshold
        self._ids: set[str] = set()
        self._sketches: dict[str, Any] = {}
        bands = _bands(threshold)
        self._index = MinHashLSH(num_perm=_PERMUTATIONS, params=bands) if threshold < 1.0 else None

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, texts: Iterable[Text]) -> None:
        """Remembers texts without asking whether they are new."""
        texts = [text for text in {text.id: text for text in texts}.values() if text.id not in self._ids]
        for text, sketch in zip(texts, self._sketched(texts), strict=True):
            self._remember(text, sketch)

    def filter(self, texts: Sequence[Text]) -> list[Sameness]:
        """For each text in order, whether it is new beside all before it; new ones are remembered."""
        return [self._judge(text, sketch) for text, sketch in zip(texts, self._sketched(texts), strict=True)]

    def compare(self, texts: Sequence[Text]) -> list[Sameness]:
        """For each text, whether it is new beside what is remembered; nothing is remembered of them."""
        return [self._sameness(text, sketch) for text, sketch in zip(texts, self._sketched(texts), strict=True)]

    def nearest(self, text: Text, *, besides: Collection[str] = ()) -> tuple[str, float] | None:
        """The most alike of the remembered texts that count as the same, as (identity, estimated similarity).

        Args:
            text: nothing is remembered of it.
            besides: identities of texts that do not count.

        Returns:
            None where there is none; similarity 1.0 for the text itself.
        """
        if text.id in self._ids and text.id not in besides:
            return text.id, 1.0
        if self._index is None:
            return None
        (sketch,) = self._sketched([text])
        near = set(self._index.query(sketch)) - {text.id, *besides}
        found = max(((sketch.jaccard(self._sketches[key]), key) for key in near), default=(0.0, ""))
        return (found[1], float(found[0])) if found[0] >= self._threshold else None

    def _judge(self, text: Text, sketch: Any) -> Sameness:
        sameness = self._sameness(text, sketch)
        if sameness == "new":
            self._remember(text, sketch)
        return sameness

    def _sameness(self, text: Text, sketch: Any) -> Sameness:
        if text.id in self._ids:
            return "exact"
        return "near" if self._has_near(sketch) else "new"

    def _has_near(self, sketch: Any) -> bool:
        if self._index is None:
            return False
        # The index answers with likely neighbours; their estimated similarity decides.
        return any(sketch.jaccard(self._sketches[key]) >= self._threshold for key in self._index.query(sketch))

    def _remember(self, text: Text, sketch: Any) -> None:
        self._ids.add(text.id)
        if self._index is not None:
            self._sketches[text.id] = sketch
            self._index.insert(text.id, sketch)

    def _sketched(self, texts: Sequence[Text]) -> list[Any]:
        if self._index is None:
            return [None] * len(texts)
        from datasketch import MinHash

        return list(MinHash.bulk([shingles(text.text) for text in texts], num_perm=_PERMUTATIONS, hashfunc=crc32))


def similar_pairs(texts: Sequence[Text], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs of texts whose word triples overlap, as (earlier, later, Jaccard similarity), by the later one's place.

    Candidates are found by locality-sensitive hashing; the similarity itself is exact.

    Args:
        texts: any number.
        threshold: lowest similarity of a pair, in (0, 1]; pairs exactly at it are found with probability 0.99.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_bands(threshold))
    sets = [frozenset(shingles(text.text)) for text in texts]
    for later, sketch in enumerate(MinHash.bulk(map(list, sets), num_perm=_PERMUTATIONS, hashfunc=crc32)):
        for earlier in sorted(index.query(sketch)):
            similarity = len(sets[earlier] & sets[later]) / len(sets[earlier] | sets[later])
            if similarity >= threshold:
                yield earlier, later, similarity
        index.insert(later, sketch)


def _bands(threshold: float) -> tuple[int, int]:
    """Number and size of bands: the largest with which a pair at the threshold collides with probability 0.99.

    Pairs of similarity s collide in one of b bands of r values with probability 1 - (1 - s^r)^b. The library's own
    choice balances misses against needless comparisons; here a comparison is cheap and a miss is a label wasted.
    """
    sizes = range(1, _PERMUTATIONS // 2 + 1)
    enough = [r for r in sizes if 1 - (1 - threshold**r) ** (_PERMUTATIONS // r) >= _RECALL]
    size = max(enough, default=1)
    return _PERMUTATIONS // size, size


def shingles(text: str) -> list[bytes]:
    """Runs of three words of the case-folded text, each as bytes; a text of fewer words is one run. Never empty."""
    words = normalise(text).casefold().split()
    last = max(1, len(words) - _SHINGLE_WORDS + 1)
    return [" ".join(words[start : start + _SHINGLE_WORDS]).encode() for start in range(last)]
