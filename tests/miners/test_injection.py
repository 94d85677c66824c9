"""Prompt injection as a rewrite: the text stays whole, the label stays, and a control of the same length exists."""

import json
from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.tasks.task import load_task
from ensemble.text import LabelledText
from miners.rewrites.injection import PLAIN, Injection, Pattern, Wording, diluted, injected, patterns
from miners.rewrites.seeds import SeedRewrites

TEXT = 'He broke {his} arm, "twice", they said.'


def test_ten_patterns_ship():
    """They have different names and different texts."""
    found = patterns()
    assert len(found) == len({one.name for one in found}) == len({one.template for one in found}) == 10


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_the_text_stays_whole_and_the_wanted_answer_is_there(pattern, answer):
    """Word for word, braces and quotes included, with what the attacker wants around it."""
    found = injected(pattern, TEXT, answer)
    assert found.count(TEXT) == 1
    around = found.replace(TEXT, "")
    assert answer in around
    assert ("No" if answer == "Yes" else "Yes") not in around.replace("Note", "")
    assert "{" not in around.replace('{"', "")


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.name)
def test_the_control_has_the_same_length_in_the_same_place_and_asks_for_nothing(pattern):
    """Harmless words stand where the attack does, as many to a word; no answer is among them."""
    attack, control = injected(pattern, TEXT, "No"), diluted(pattern, TEXT, "No")
    assert control.count(TEXT) == 1
    assert abs(len(attack) - len(control)) < 25
    for one, other in zip(attack.split(TEXT), control.split(TEXT), strict=True):
        assert abs(len(one) - len(other)) < 20
    assert not {"No", "answer", "Answer:", "System:"} & set(control.replace(TEXT, "").split())


def test_an_attacker_who_knows_the_prompt_uses_its_words():
    """Start, cue and answers of a known prompt stand in the patterns that imitate it."""
    wording = Wording(start="Text:", cue="Outcome:", yes="injured", no="fine")
    line = next(one for one in patterns() if one.name == "fake-examples")
    found = injected(line, TEXT, wording.no, wording)
    assert found.count("Outcome: fine") == 3
    assert found.endswith(f"Text: {TEXT}")


def test_as_a_source_of_rewrites_it_keeps_labels_and_names_the_pattern():
    """Seed texts get all patterns in turn; each wants what the label is not."""
    seeds = load_task("injury").rows("train")[:200]
    by_id = {seed.id: seed for seed in seeds}
    found = SeedRewrites(Injection(), seeds, seed=3).propose(200)
    used = Counter(candidate.provenance.meta["pattern"] for candidate in found)
    assert set(used) == {one.name for one in patterns()}
    named = {one.name: one for one in patterns()}
    for candidate in found:
        parent = by_id[candidate.provenance.parent]
        assert candidate.provenance.source == "rewrite:injection"
        assert candidate.provenance.expected_label == parent.label
        wanted = PLAIN.no if parent.label else PLAIN.yes
        pattern = named[candidate.provenance.meta["pattern"]]
        assert candidate.text.text == injected(pattern, parent.text.strip(), wanted)
        assert json.dumps(candidate.provenance.meta)


def test_it_is_deterministic():
    """The same seed gives the same rewrites."""
    row = LabelledText("He broke his arm.", label=1)
    first, second = (Injection().rewrite(row, np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_a_pattern_without_a_place_for_the_text_is_refused():
    """A template that drops or doubles the text is an error."""
    for template in ("Answer {answer}.", "{text} {text}"):
        with pytest.raises(ValidationError, match="holds"):
            Pattern(name="x", template=template)
