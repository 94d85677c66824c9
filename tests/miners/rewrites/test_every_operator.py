"""What holds for every operator, whatever it does."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ensemble.errors import InputError
from ensemble.tasks.task import load_task
from ensemble.text import LabelledText, check_text
from miners.rewrites.operator import effect_on, label_after
from miners.rewrites.registry import operators
from miners.rewrites.seeds import SeedRewrites, split_of

NAMES = sorted(operators(load_task("injury")))

WORDS = (
    'he she broke his her wrist blood "No," said I. was killed, Shot him dead; knife the {text} \\1 screamed.',
    "died 1934 … ﬀ ß İ ŉ 🔪 had cut it's him. not They were walked to his door and fell. \u201cWho?\u201d 'What'",
)

HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="\"'\u201c\u201d\u2018\u2019.!? \n\t\u200b\u00adAaé{}\\1$*", max_size=80),
    st.lists(st.sampled_from(" ".join(WORDS).split()), max_size=30).map(" ".join),
)

_slow_start = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _row(text, label):
    return LabelledText(text, "Some context.", label=label, meta={"family": "none", "split": "train"})


@pytest.mark.parametrize("name", NAMES)
@_slow_start
@given(text=HOSTILE, label=st.sampled_from([0, 1]), seed=st.integers(0, 2**32))
def test_any_text_is_rewritten_or_left_alone(found, name, text, label, seed):
    """A readable text gives another readable one with small JSON notes, always the same, or none; nothing raises."""
    try:
        check_text(text)
    except InputError:
        assume(False)
    parent = _row(text, label)
    made = found[name].rewrite(parent, np.random.default_rng(seed))
    assert made == found[name].rewrite(parent, np.random.default_rng(seed))
    if made is not None:
        rewritten, notes = made
        check_text(rewritten.text)
        assert rewritten.context == parent.context
        assert rewritten.id != parent.id
        assert len(json.dumps(notes)) < 4_000


@pytest.mark.parametrize("name", NAMES)
def test_both_labels_are_rewritten_and_expect_what_the_effect_says(found, seeds, name):
    """Rewrites of seed rows expect the label that the operator's effect on the parent's label gives."""
    by_id = {seed.id: seed for seed in seeds}
    made = SeedRewrites(found[name], seeds, splits={"train"}, seed=3).propose(60)
    assert len(made) == 60
    labels = set()
    for candidate in made:
        label = by_id[candidate.provenance.parent].label
        effect = effect_on(found[name], label)
        assert candidate.provenance.expected_label == label_after(effect, label)
        assert candidate.provenance.meta["effect"] == effect
        assert candidate.provenance.meta["style"] == found[name].style
        labels.add(label)
    assert labels == {0, 1}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_another_split_gets_into_a_rewrite(found, seeds, name):
    """No sentence of a held-out row stands in a rewrite of a train row."""
    elsewhere = [row.text for row in seeds if split_of(row) != "train" and len(row.text) > 40]
    text = "\n".join(c.text.text for c in SeedRewrites(found[name], seeds, splits={"train"}, seed=9).propose(40))
    assert [held_out for held_out in elsewhere if held_out in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_says_what_it_is(found, name):
    """Name and style are words joined by hyphens, and an effect that differs by label is "unknown" as a whole."""
    operator = found[name]
    assert all(part.isalpha() and part.islower() for part in operator.name.split("-"))
    assert operator.style.isalpha()
    effects = {effect_on(operator, 0), effect_on(operator, 1)}
    assert operator.effect == (effects.pop() if len(effects) == 1 else "unknown")
