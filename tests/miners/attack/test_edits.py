"""Steps from one text to another, done again by anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.errors import InputError
from miners.attack.edits import Edit, replay


def test_steps_are_done_one_after_the_other():
    """Places count in characters of the text as it stands then, pictures as one."""
    steps = [Edit(at=2, removed="cat", inserted="dog"), Edit(at=0, removed="😀 "), Edit(at=3, inserted=" ran")]
    assert replay("😀 cat", steps) == "dog ran"


@pytest.mark.parametrize("edit", [Edit(at=1, removed="x"), Edit(at=4, inserted="x"), Edit(at=2, removed="cd")])
def test_a_step_that_does_not_fit_is_named(edit):
    """Nothing is guessed."""
    with pytest.raises(InputError) as caught:
        replay("abc", [Edit(at=0), edit])
    assert caught.value.field == "edits[1]"


def test_a_text_cannot_grow_without_end():
    """Many small requests could otherwise make a huge text."""
    with pytest.raises(InputError, match="limit"):
        replay("", [Edit(at=0, inserted="x" * 15_000)] * 2)


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text(max_size=5))))
def test_any_chain_of_splices_is_reproduced(start, splices):
    """What was done by hand is what the steps do."""
    text, edits = start, []
    for at, length, inserted in splices:
        place = min(at, len(text))
        edits.append(Edit(at=place, removed=text[place : place + length], inserted=inserted))
        text = text[:place] + inserted + text[place + length :]
    assert replay(start, edits) == text
