"""Cutting texts into windows, and counting keywords in them."""

import numpy as np
import pytest

from ensemble.members.lexicon import LexiconMatcher
from ensemble.members.windows import MAX_CONTEXT_TOKENS, MAX_TOKENS, WindowTokenizer, pad
from ensemble.tasks.task import Lexicon
from ensemble.text import Text
from ensemble.training.bert import minilm_path


@pytest.fixture(scope="module")
def tokenizer():
    return WindowTokenizer(minilm_path() / "tokenizer.json")


def test_short_text_is_one_window_with_its_context_in_front(tokenizer):
    """Segment 0 is the context, segment 1 the text."""
    (window,) = tokenizer.windows([Text("She fell.", "It was dark.")], with_context=True)
    assert window.ids[0] == 101
    assert window.ids.count(102) == 2
    assert sorted(set(window.segments)) == [0, 1]
    (bare,) = tokenizer.windows([Text("She fell.", "It was dark.")], with_context=False)
    assert len(bare.ids) < len(window.ids)
    assert set(bare.segments) == {0}


def test_long_text_is_covered_by_overlapping_windows(tokenizer):
    """No token of a long text is dropped, and no window exceeds the limit."""
    words = [f"word{i}" for i in range(900)]
    windows = tokenizer.windows([Text(" ".join(words))], with_context=False)
    whole = tokenizer._tokenizer.encode(" ".join(words), add_special_tokens=False).ids
    assert len(windows) > 1
    assert max(len(window.ids) for window in windows) <= MAX_TOKENS
    seen = {token for window in windows for token in window.ids}
    assert set(whole) <= seen
    assert windows[-1].ids[1:-1] == tuple(whole[-(len(windows[-1].ids) - 2) :])


def test_long_context_keeps_its_end(tokenizer):
    """What stands nearest to the text survives."""
    (window,) = tokenizer.windows([Text("She fell.", "dog " * 500 + "cat")], with_context=True)
    cat = tokenizer._tokenizer.token_to_id("cat")
    assert window.segments.count(0) == MAX_CONTEXT_TOKENS + 2
    assert cat in window.ids


def test_blank_text_still_gives_a_window(tokenizer):
    """A text of unreadable characters gives one window, so that every row gets a score."""
    assert [window.row for window in tokenizer.windows([Text("\u200b"), Text("a")], with_context=True)] == [0, 1]


def test_padding_is_masked(tokenizer):
    """Shorter rows are filled with zeros that the mask hides."""
    arrays = pad(tokenizer.windows([Text("one"), Text("one two three")], with_context=False))
    np.testing.assert_array_equal(arrays["attention_mask"].sum(axis=1), [3, 5])
    assert arrays["input_ids"][0, 3:].sum() == 0


def test_lexicon_counts_words_stems_and_phrases():
    """A trailing star matches any ending, phrases any spacing; a stem inside a longer word does not count."""
    groups = {
        "blood": {"patterns": ["bleed*", "blood"]},
        "idiom": {"patterns": ["killer joke"]},
        "none": {"patterns": []},
    }
    matcher = LexiconMatcher(Lexicon.model_validate({"groups": groups}))
    counts = matcher.counts(["Bleeding, BLOOD, bloodless.", "A killer\n joke.", "nosebleed"])
    np.testing.assert_array_equal(counts, [[2, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("text", "plain", "denied"),
    [
        ("He was hurt.", 1, 0),
        ("Nobody was hurt.", 0, 1),
        ("He wasn\u2019t badly hurt.", 0, 1),
        ("Without so much as getting hurt, he went.", 1, 0),  # the negator stands too far off
        ("There was no wind. He was hurt.", 1, 0),
        ("No, he was hurt.", 1, 0),
        ("It will not hurt; the other was hurt.", 1, 1),
    ],
)
def test_a_denied_word_counts_apart(text, plain, denied):
    """A negator within three words before it, with nothing but words between, denies it."""
    matcher = LexiconMatcher(Lexicon.model_validate({"groups": {"pain": {"patterns": ["hurt"]}}}))
    np.testing.assert_array_equal(matcher.counts([text]), [[plain, denied]])


def test_a_figure_of_speech_covers_its_words():
    """A word counts where it is meant, and not inside a phrase that speaks against yes; its neighbour does."""
    groups = {
        "death": {"patterns": ["kill*", "time"]},
        "idiom": {"weight": -1.0, "patterns": ["killing time", "killing"]},
    }
    matcher = LexiconMatcher(Lexicon.model_validate({"groups": groups}))
    counts = matcher.counts(
        ["They were killing time.", "They were killing. Time passed.", "Killing time, he killed her."]
    )
    np.testing.assert_array_equal(counts, [[0, 1, 0, 0], [2, 1, 0, 0], [1, 1, 0, 0]])


def test_patterns_are_found_by_the_words_of_a_text():
    """Exact words, beginnings, phrases over a line break and patterns that begin with a sign; the longest wins."""
    groups = {
        "cut": {"patterns": ["cut", "cut*", "cut to the bone", "cut to the quick"]},
        "dash": {"patterns": ["-and-run", "hit"]},
        "word": {"patterns": ["i*", "été"]},
    }
    matcher = LexiconMatcher(Lexicon.model_validate({"groups": groups}))
    texts = ["Cut to the\nbone, cutlass; uncut, cut to the chase", "a hit-and-run, hit", "İl y a été, ÉTÉ! I, it", ""]
    counts = matcher.counts(texts)[:, :3]
    np.testing.assert_array_equal(counts, [[3, 0, 0], [0, 3, 0], [0, 0, 5], [0, 0, 0]])
    np.testing.assert_array_equal(matcher.counts(texts)[:, :3], counts)
