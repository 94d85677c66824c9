"""Steered completions: what stands in a prompt, what is kept of the answer, learning, determinism."""

import json

import numpy as np
import pytest

from ensemble.text import LabelledText, Text
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError
from miners.proposer import Learns, Outcome
from miners.sources.shots import MOST_CHARS, Shots, can_steer
from miners.sources.steered import Steered, first_item

OPENINGS = tuple(f"Opening number {i} stood by the door." for i in range(5))


def _row(i, *, label=1, split="train", context="It was late.", text=None):
    meta = {"family": f"f{i}", **({"split": split} if split else {})}
    return LabelledText(text or f"Seed {i} fell down the stairs again.", context, label=label, row_id=str(i), meta=meta)


SEEDS = [_row(i) for i in range(12)]


class Model:
    """Writes by rule; notes its calls."""

    def __init__(self, write=None):
        self.calls = []
        self._write = write or (
            lambda _, seed, i: f" Figure {i} of {seed} slipped on the ice at noon.\n\nBeginning: And then"
        )

    def __call__(self, prompts, seed):
        self.calls.append((list(prompts), seed))
        return [self._write(prompt, seed, i) for i, prompt in enumerate(prompts)]

    @property
    def shown(self):
        """Everything that ever stood in a prompt."""
        return "\n".join(prompt for prompts, _ in self.calls for prompt in prompts)


def _outcome(text, *, missed=True, label=1, severity=None, split=None, family="fx", context="It was late."):
    provenance = Provenance(source="corpus:x", family=family, meta={"split": split} if split else {})
    return Outcome(Text(text, context).id, text, context, provenance, label, missed, severity)


def _take(source, count, size=8):
    found = []
    while len(found) < count:
        found += source.propose(size)
    return found[:count]


def test_a_call_asks_for_many_samples_of_one_prompt():
    """The prompt lists shots of split train and ends with an opening; what follows it is the text."""
    model = Model()
    found = Steered(SEEDS, model, openings=OPENINGS, seed=1).propose(8)
    ((prompts, seed),) = model.calls
    assert len(set(prompts)) == 1
    assert len(prompts) == 8
    lines = prompts[0].split("\n")
    assert sum(line.startswith("Beginning: It was late.") for line in lines) == 6
    assert lines[-2].removeprefix("Beginning: ") in OPENINGS
    assert lines[-1] == "Goes on:"
    assert [candidate.text.text for candidate in found] == [
        f"Figure {i} of {seed} slipped on the ice at noon." for i in range(8)
    ]
    assert {candidate.text.context for candidate in found} == {lines[-2].removeprefix("Beginning: ")}


def test_it_says_where_a_text_comes_from():
    """Source, split, the shots by id and family; texts of one prompt are one family, and no label is claimed."""
    found = Steered(SEEDS, Model(), openings=OPENINGS, seed=1).propose(4)
    provenance = found[0].provenance
    assert (provenance.source, provenance.expected_label, provenance.meta["split"]) == ("steered", None, "train")
    assert len(provenance.meta["shots"]) == 6
    assert set(provenance.meta["families"]) <= {f"f{i}" for i in range(12)}
    assert len({candidate.provenance.family for candidate in found}) == 1
    assert provenance.family.startswith("steered-")


def test_without_openings_it_writes_texts_alone():
    """The list is of texts, and the answer's first item is taken."""
    model = Model(lambda _, seed, i: f" He {i} slid off the wet roof {seed}.\n- Another one that nobody asked for.")
    found = Steered(SEEDS, model, seed=1).propose(2)
    ((prompts, seed),) = model.calls
    assert prompts[0].endswith("again.\n-")
    assert prompts[0].count("\n- Seed") == 5
    assert [(candidate.text.text, candidate.text.context) for candidate in found] == [
        (f"He {i} slid off the wet roof {seed}.", "") for i in range(2)
    ]


def test_seeds_without_context_are_shown_as_texts_alone():
    """Openings are of no use where the shots continue nothing."""
    model = Model(lambda *_: " He slid off the roof of the barn.")
    found = Steered([_row(i, context="") for i in range(8)], model, openings=OPENINGS).propose(3)
    assert model.shown.startswith("- Seed")
    assert [candidate.text.context for candidate in found] == [""]


@pytest.mark.parametrize("split", ["test", "calibration", "hold-out"])
def test_nothing_that_is_held_out_ever_stands_in_a_prompt(split):
    """Neither seeds, nor findings, nor promising texts of another split than train, however they come in."""
    seeds = [*SEEDS, *(_row(i, split=split, text=f"Held out {i} broke both of his legs.") for i in range(100, 140))]
    model = Model()
    source = Steered(seeds, model, openings=OPENINGS, seed=2)
    source.learn([_outcome(f"Held out finding {i} hurt a hand.", split=split, severity=4.0) for i in range(30)])
    _take(source, 200)
    assert "Held out" not in model.shown
    assert "Seed" in model.shown


def test_of_findings_without_a_split_only_families_of_the_training_side_are_shown():
    """The family decides, as everywhere."""
    model = Model()
    source = Steered(SEEDS, model, openings=OPENINGS, seed=2)
    source.learn(
        [_outcome("A finding held out of this.", family="z"), _outcome("A finding to learn from.", family="x")]
    )
    _take(source, 100)
    assert "A finding to learn from." in model.shown
    assert "A finding held out of this." not in model.shown


def test_findings_push_the_seeds_aside():
    """Before anything is found seeds fill the prompts; two dozen findings fill most of them."""
    model = Model()
    source = Steered(SEEDS, model, openings=OPENINGS, seed=3)
    _take(source, 64)
    assert "Finding" not in model.shown
    model.calls.clear()
    source.learn([_outcome(f"Finding {i} bled from the ear.", family=f"g{i}", split="train") for i in range(24)])
    _take(source, 200)
    lines = model.shown.split("\n")
    found, seeds = (sum(line.startswith(f"Goes on: {word}") for line in lines) for word in ("Finding", "Seed"))
    print(f"{found} findings and {seeds} seeds in the prompts")
    assert found > 3 * seeds


def test_what_people_say_no_to_is_not_shown_again(verdict):
    """A promising text goes once its label is in; a finding whose label is corrected goes as well."""
    shots = Shots(SEEDS)
    provenance = Provenance(source="steered", family="s", meta={"split": "train"})
    missed = verdict({"encoder": 0.1, "judge": 0.999, "keyword": 0.99, "probe": 0.99})
    shots.observe([Scored(Candidate(Text(f"Promising {i} text."), provenance), missed) for i in range(3)])
    shots.learn([_outcome("Promising 1 text.", missed=False, label=0, context="", split="train")])
    shots.learn([_outcome("Corrected later.", split="train")])
    shots.learn([_outcome("Corrected later.", missed=False, label=None, split="train")])
    state = shots.state()
    assert [shot["text"] for shot in state["promising"]] == ["Promising 0 text.", "Promising 2 text."]
    assert state["found"] == []


def test_only_texts_that_the_deployed_member_passes_are_promising(verdict):
    """A text with miss score 0 says nothing of what is missed; the best are kept, and few."""
    shots = Shots(SEEDS)
    provenance = Provenance(source="steered", family="s", meta={"split": "train"})
    flagged = verdict({"encoder": 0.9, "judge": 0.99})
    shots.observe([Scored(Candidate(Text("Flagged."), provenance), flagged)])
    assert shots.state()["promising"] == []
    scores = np.random.default_rng(0).permutation(np.linspace(0.5, 0.99, 60))
    items = [
        Scored(Candidate(Text(f"Text {p:.3f}."), provenance), verdict({"encoder": 0.2, "judge": float(p)}))
        for p in scores
    ]
    shots.observe(items)
    shots.observe(items[:5])
    kept = [shot["weight"] for shot in shots.state()["promising"]]
    assert len(kept) == 24
    assert kept == sorted(kept, reverse=True)


def test_graver_and_newer_findings_are_shown_more_often():
    """Severity and age weigh in the draw."""
    shots = Shots(SEEDS)
    shots.learn([_outcome(f"Old {i}.", family=f"o{i}", split="train") for i in range(12)])
    shots.learn([_outcome(f"New {i}.", family=f"n{i}", split="train") for i in range(6)])
    shots.learn([_outcome(f"Grave {i}.", family=f"v{i}", split="train", severity=4.0) for i in range(6)])
    rng = np.random.default_rng(1)
    drawn = [shot.text.split()[0] for _ in range(400) for shot in shots.draw(6, rng)]
    share = {word: drawn.count(word) / count for word, count in (("Old", 12), ("New", 6), ("Grave", 6))}
    print(share)
    assert share["Grave"] > share["New"] > share["Old"] > 0


def test_a_family_stands_once_in_a_prompt():
    """Rewrites of one finding do not fill the list."""
    shots = Shots(SEEDS)
    shots.learn([_outcome(f"Variant {i}.", family="same", split="train") for i in range(20)])
    for seed in range(20):
        drawn = shots.draw(6, np.random.default_rng(seed))
        assert len({shot.family for shot in drawn}) == len(drawn) == 6


def test_degenerate_texts_and_copies_are_dropped():
    """Repetition, echoes of a shot and repeats within a call are not proposed."""
    answers = [
        " Seed 3 fell down the stairs again.",
        " la la la la la la la la la la.",
        " A new thing happened to the cook.",
        " A new thing happened to the cook.",
        " Too short.",
    ]
    found = Steered(SEEDS, Model(lambda _p, _s, i: answers[i]), openings=OPENINGS).propose(5)
    assert [candidate.text.text for candidate in found] == ["A new thing happened to the cook."]


def test_nothing_but_rubbish_is_an_error():
    """A model that only echoes is asked a few times and then reported."""
    model = Model(lambda *_: " la la la la la la la la la la la.")
    with pytest.raises(SourceError, match="degenerate text or copies in 8 calls"):
        Steered(SEEDS, model, openings=OPENINGS).propose(4)
    assert len(model.calls) == 8


def test_it_is_deterministic_and_goes_on_from_any_position(verdict):
    """Same seed and same history, same candidates; restored from its state, also what was learnt, the rest."""
    outcomes = [_outcome(f"Finding {i} bled a little.", family=f"g{i}", split="train", severity=2.0) for i in range(5)]

    def begin(seed=7):
        source = Steered(SEEDS, Model(), openings=OPENINGS, seed=seed)
        head = source.propose(6)
        missed = verdict({"encoder": 0.1, "judge": 0.99})
        source.observe([Scored(candidate, missed) for candidate in head])
        source.learn(outcomes)
        return source, head

    first, head = begin()
    state = json.loads(json.dumps(first.state()))
    again = Steered(SEEDS, Model(), openings=OPENINGS, seed=7)
    again.restore(state)
    tail = _take(first, 20)
    assert _take(again, 20) == tail
    second, head_again = begin()
    assert (head_again, _take(second, 20)) == (head, tail)
    assert begin(seed=8)[1] != head
    assert len(json.dumps(state)) < 50_000


def test_the_limit_ends_it():
    """No more samples are asked for than allowed."""
    model = Model()
    source = Steered(SEEDS, model, openings=OPENINGS, limit=11)
    assert source.expected(100) == 11
    assert len(_take(source, 11)) == 11
    assert (source.propose(4), source.expected(100)) == ([], 0)
    assert sum(len(prompts) for prompts, _ in model.calls) == 11


def test_seeds_that_cannot_be_used_are_an_error():
    """No labelled yes of split train that is short enough: nothing to steer by."""
    useless = [
        _row(1, label=0),
        _row(2, split="test"),
        _row(3, text="x" * (MOST_CHARS + 1)),
        _row(4, context="y" * 500),
    ]
    assert not can_steer(useless)
    assert can_steer(SEEDS)
    with pytest.raises(SourceError, match="to steer by"):
        Steered(useless, Model())


def test_a_wrong_number_of_texts_is_an_error():
    """One text a prompt, or SourceError."""
    with pytest.raises(SourceError, match="1 texts for 4"):
        Steered(SEEDS, lambda *_: ["x"], openings=OPENINGS).propose(4)


def test_it_learns():
    """A campaign tells it labels."""
    assert isinstance(Steered(SEEDS, Model()), Learns)


ITEMS = [
    (" He fell off the old roof.\n\nBeginning: x", "An opening.", "He fell off the old roof."),
    (" He fell off the old roof.\nBeginning: x", "An opening.", "He fell off the old roof."),
    ("\n He fell off the old roof. Then he", "An opening.", "He fell off the old roof."),
    (" He fell off the old roof.\n- Another item here now.", "", "He fell off the old roof."),
    (" and so", "An opening.", None),
]


@pytest.mark.parametrize(("written", "opening", "expected"), ITEMS, ids=range(len(ITEMS)))
def test_the_first_item_is_taken(written, opening, expected):
    """Whatever the model writes of the next item is left out."""
    assert first_item(written, opening) == expected
