"""A text is looked at once, for as long as somebody works on it."""

import attack_parts
import pytest

from ensemble.text import Text
from miners.attack.saliency import Looks


@pytest.fixture
def looks():
    """Remembers two texts."""
    return Looks(attack_parts.AddedWords(), keep=2)


def test_a_text_is_looked_at_once(looks):
    """The second look is free, until others have taken its place."""
    hurt = Text("badly hurt")
    assert [looks.look(hurt).passes for _ in range(2)] == [1, 0]
    looks.look(Text("one"))
    looks.look(Text("two"))
    assert looks.look(hurt).passes == 1


def test_texts_that_differ_in_spaces_alone_have_their_own_places(looks):
    """Their identity is the same, their words stand elsewhere."""
    assert looks.look(Text("badly hurt")).spans == ((0, 5), (6, 10))
    assert looks.look(Text("badly  hurt")).spans == ((0, 5), (7, 11))


def test_effects_are_those_of_the_word_that_begins_there(looks):
    """Where none begins, nothing is foretold."""
    (effects, calm), passes = looks.effects(Text("badly hurt"), [(6, ["tea", "bled"]), (0, ["calmly"])])
    assert (effects.tolist(), calm.tolist(), passes) == ([-6.0, -1.0], [-2.0], 1)
    assert looks.effects(Text("badly hurt"), [(7, ["tea"]), (0, [])]) == ([None, None], 0)
