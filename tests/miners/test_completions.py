"""Texts out of a language model: what is kept, what is dropped, determinism."""

import pytest

from miners.errors import SourceError
from miners.sentences import split_sentences
from miners.sources.completions import Completions, is_repetitive, tidy

OPENINGS = [f"Opening number {i} stood by the door." for i in range(10)]


class Model:
    """Continues by rule; notes its calls."""

    def __init__(self, write=None):
        self.calls = []
        self._write = write or (lambda prompt, seed: f"{prompt[8:17]} waited there with a lantern {seed}. Nobody ca")

    def __call__(self, prompts, seed):
        self.calls.append((list(prompts), seed))
        return [self._write(prompt, seed) for prompt in prompts]


def _take(source, count, size=4):
    found = []
    while len(found) < count:
        found += source.propose(size)
    return found[:count]


def test_completions_continue_their_opening():
    """The opening becomes the context, the whole sentences behind it the text; family and seed are noted."""
    model = Model()
    (found,) = Completions(OPENINGS, model, seed=1).propose(1)
    ((prompts, seed),) = model.calls
    assert found.text.context == prompts[0]
    assert found.text.text == f"{prompts[0][8:17]} waited there with a lantern {seed}."
    assert found.provenance.source == "completions"
    assert found.provenance.family.startswith("opening-")
    assert found.provenance.meta == {"opening": OPENINGS.index(prompts[0]), "seed": seed}


def test_every_opening_is_used_once_a_turn():
    """Openings are taken in turn, each time round in another order and with another seed."""
    model = Model()
    source = Completions(OPENINGS, model, seed=2)
    contexts = [c.text.context for c in _take(source, 30)]
    for start in (0, 10, 20):
        assert sorted(contexts[start : start + 10]) == sorted(OPENINGS)
    assert contexts[:10] != contexts[10:20]
    assert len({seed for _, seed in model.calls}) == len(model.calls)


def test_it_is_deterministic_and_goes_on_from_any_position():
    """Same seed, same candidates; restored from its state, the rest."""
    first = Completions(OPENINGS, Model(), seed=3)
    head, state = first.propose(4) + first.propose(3), first.state()
    tail = first.propose(5)
    again = Completions(OPENINGS, Model(), seed=3)
    again.restore(state)
    assert again.propose(5) == tail
    fresh = Completions(OPENINGS, Model(), seed=3)
    assert fresh.propose(4) + fresh.propose(3) == head
    assert Completions(OPENINGS, Model(), seed=4).propose(4) != head[:4]


def test_the_limit_ends_it():
    """No more prompts are spent than allowed, and then nothing is proposed."""
    model = Model()
    source = Completions(OPENINGS, model, limit=7)
    assert source.expected(100) == 7
    assert len(_take(source, 7)) == 7
    assert source.propose(4) == []
    assert source.expected(100) == 0
    assert sum(len(prompts) for prompts, _ in model.calls) == 7


def test_nothing_but_rubbish_is_an_error():
    """A model that only gives degenerate text is asked a few times and then reported."""
    model = Model(lambda *_: "la la la la la la la la la la la la.")
    with pytest.raises(SourceError, match="degenerate"):
        Completions(OPENINGS, model).propose(4)
    assert len(model.calls) == 8


def test_a_wrong_number_of_completions_is_an_error():
    """One completion a prompt, or SourceError."""
    with pytest.raises(SourceError, match="1 completions for 4"):
        Completions(OPENINGS, lambda *_: ["x"]).propose(4)
    with pytest.raises(SourceError, match="no opening"):
        Completions([], Model())


TIDY = [
    ("  She ran down to the sea. Then she", "She ran down to the sea."),
    ("The door stood open. She ran down to the sea!", "She ran down to the sea!"),
    ("“Who goes there, at this hour?” he said", "“Who goes there, at this hour?”"),
    ("Mr. Grey and J. Doe\ncame in from the\train. Ok", "Mr. Grey and J. Doe\ncame in from the\train."),
    ("He turned\x07 and\x1b went home again.", "He turned and went home again."),
    ("and then and then and then", None),
    ("Too short.", None),
    ("", None),
    ("   \n", None),
    ("<start_of_turn> He walked to the old mill.", None),
    ("Here is **the story** of an old mill by the sea.", None),
    ("See https://example.org for the rest of the story.", None),
    ("He fell. He fell. He fell. And that was all of it.", None),
    ("He went on and on and on and on and on and on and on and on and on.", None),
    ("x" * 20_001 + " and so on for ever more.", None),
]


@pytest.mark.parametrize(("completion", "expected"), TIDY, ids=range(len(TIDY)))
def test_tidying(completion, expected):
    """Whole sentences without echo and control characters, or nothing."""
    assert tidy(completion, "The door stood open.") == expected


def test_repetition():
    """Ordinary prose is not repetitive, a loop is."""
    assert not is_repetitive("The cat sat on the mat, and the dog sat by the cat, and neither of them said a word.")
    assert is_repetitive("the rain and the wind " * 6)


def test_sentences():
    """Sentences end at their marks with the quotes behind them, not after titles, initials or inside numbers."""
    text = 'Dr. A. Smith paid 3.50 for it… "Why?" he asked. I did. So did I. And'
    assert split_sentences(text) == ["Dr. A. Smith paid 3.50 for it…", '"Why?"', "he asked.", "I did.", "So did I."]
