"""Leaving out what is already there."""

import time

import numpy as np
import pytest

from ensemble.near_duplicates import SeenTexts, shingles, similar_pairs
from ensemble.text import Text

BASE = " ".join(f"word{i}" for i in range(90))


def _changed(count):
    """The base text of 90 words with `count` words changed, far apart."""
    words = BASE.split()
    for i in range(count):
        words[5 + i * 9] = f"other{i}"
    return " ".join(words)


def test_the_same_text_is_exact_whatever_its_spacing_or_form():
    """Texts that differ in spacing, Unicode form or order of arrival only are one text."""
    seen = SeenTexts()
    texts = [
        Text("Café  noir.\n"),
        Text("Cafe\u0301 noir."),
        Text("Café noir.", "context"),
        Text("café Noir."),
        Text("Tea."),
    ]
    assert seen.filter(texts) == ["new", "exact", "near", "near", "new"]


@pytest.mark.parametrize(("changed", "expected"), [(0, "exact"), (1, "near"), (2, "near"), (5, "new"), (9, "new")])
def test_a_few_words_changed_in_a_long_text_are_near(changed, expected):
    """One or two of 90 words changed leave a near-duplicate (Jaccard 0.94, 0.87); five do not (0.71)."""
    seen = SeenTexts()
    seen.add([Text(BASE)])
    assert seen.filter([Text(_changed(changed))]) == [expected]


def test_a_short_pair_of_injury_and_benign_twin_is_kept():
    """Twins that differ in the word that matters are both kept."""
    twins = [Text("The blade came down through the lamb."), Text("The blade came down through his thumb.")]
    assert SeenTexts().filter(twins) == ["new", "new"]


def test_a_threshold_of_one_compares_exactly():
    """With threshold 1.0 only identical texts are left out."""
    seen = SeenTexts(1.0)
    assert seen.filter([Text(BASE), Text(_changed(1)), Text(BASE)]) == ["new", "new", "exact"]


def test_what_was_added_counts_in_whatever_order():
    """The answer depends on the set of texts seen, not on the order in which they came."""
    texts = [Text(f"{BASE} {i} " + " ".join(f"x{i}{j}" for j in range(60))) for i in range(30)]
    fresh = [Text(t.text.replace(f"x{i}3", "y", 1)) for i, t in enumerate(texts)]
    first, second = SeenTexts(), SeenTexts()
    first.add(texts)
    second.add(reversed(texts))
    second.add(texts)
    assert first.filter(fresh) == second.filter(fresh)
    assert len(second) == 30


def test_shingles_are_triples_of_folded_words():
    """Shingles are runs of three words; shorter texts are one run."""
    assert shingles("The  CAT sat\ndown") == [b"the cat sat", b"cat sat down"]
    assert shingles("Two words") == [b"two words"]


def test_twenty_thousand_passages_take_less_than_a_minute():
    """20,000 texts of 90 words are filtered in batches of 64 within a minute, planted duplicates all found."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{i}" for i in range(8_000)])
    texts = [Text(" ".join(vocabulary[rng.integers(0, 8_000, 90)])) for _ in range(19_000)]
    near = [Text(text.text.replace(" ", " extra ", 1)) for text in texts[:1_000]]
    started, seen, found = time.perf_counter(), SeenTexts(), []
    everything = [*texts, *near]
    for start in range(0, len(everything), 64):
        found += seen.filter(everything[start : start + 64])
    seconds = time.perf_counter() - started
    print(f"20,000 texts of 90 words: {seconds:.1f} s")
    assert seconds < 60
    assert found[:19_000].count("new") == 19_000
    assert found[19_000:].count("near") >= 990


def test_similar_pairs_are_those_of_the_plain_definition():
    """Every pair at or above the threshold is found, each once, with its exact similarity."""
    rng = np.random.default_rng(1)
    words = np.array([f"w{i}" for i in range(40)])
    texts = [Text(" ".join(words[rng.integers(0, 40, 12)])) for _ in range(60)]
    texts += [Text(f"{text.text} more") for text in texts[:20]] + [
        Text(" ".join(text.text.split()[:9])) for text in texts[:20]
    ]
    sets = [set(shingles(text.text)) for text in texts]
    jaccard = {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for j in range(len(texts)) for i in range(j)}
    found = {(earlier, later): similarity for earlier, later, similarity in similar_pairs(texts, 0.5)}
    expected = {pair: similarity for pair, similarity in jaccard.items() if similarity >= 0.5}
    assert len(expected) >= 40
    assert len(found) >= 0.95 * len(expected)
    assert all(found[pair] == expected[pair] for pair in found)


def test_the_nearest_text_is_named():
    """The text itself, else the most alike above the threshold, but for those that do not count."""
    seen = SeenTexts(0.5)
    ferry = Text("The old ferry went over at noon and the rope took two of his fingers with it.")
    other = Text("The old ferry went over at noon and the rope took two of her buckets with it.")
    seen.add([ferry, other, Text("Quite another text that has nothing to do with ferries.")])
    assert seen.nearest(ferry) == (ferry.id, 1.0)
    name, similarity = seen.nearest(ferry, besides=[ferry.id])
    assert (name, 0.5 <= similarity < 1.0) == (other.id, True)
    assert seen.nearest(Text("Rain fell all day long on the quiet roofs.")) is None
    assert SeenTexts(1.0).nearest(ferry) is None
