"""Stories told from another viewpoint or in another tense: grammar by example, and what is left alone."""

import numpy as np
import pytest

from ensemble.text import LabelledText
from miners.rewrites.tense import Tense
from miners.rewrites.verbs import is_adverb, is_plural, is_present, kinds, past, present, tokens
from miners.rewrites.viewpoint import Viewpoint


def _present(text, context=""):
    made = Tense().rewrite(LabelledText(text, context, label=1), np.random.default_rng(0))
    return None if made is None else made[0].text


def _told(text, context="", person="I"):
    """The text and context as that person, over the draws that give it; None where no draw does."""
    for seed in range(20):
        made = Viewpoint().rewrite(LabelledText(text, context, label=1), np.random.default_rng(seed))
        if made is not None and made[1]["person"] == person:
            return made[0].text, made[0].context
    return None


@pytest.mark.parametrize(
    ("past_tense", "present_tense"),
    [
        ("He slipped and broke his wrist.", "He slips and breaks his wrist."),
        ("They were late, and she had lost two fingers.", "They are late, and she has lost two fingers."),
        ("The guards took him to the yard.", "The guards take him to the yard."),
        ("The noise of the engines woke her.", "The noise of the engines wakes her."),
        ('"I fell," said Anna, and showed them the cut.', '"I fell," says Anna, and shows them the cut.'),
        ('"We fell," said the two clerks.', '"We fell," say the two clerks.'),
        ("He could not see, and she would not look.", "He cannot see, and she will not look."),
        ("The fever had left her weak.", "The fever has left her weak."),
        (
            "All evening the family took no notice of the shouts.",
            "All evening the family takes no notice of the shouts.",
        ),
        ("It was a drummer who had been shot.", "It is a drummer who has been shot."),
        ("She must not spill it, he thought.", "She must not spill it, he thinks."),
        ("He lay at the foot of the ladder.", "He lies at the foot of the ladder."),
    ],
)
def test_past_becomes_present(past_tense, present_tense):
    """Finite verbs change with their subject's number; participles, adjectives and direct speech stay."""
    assert _present(past_tense) == present_tense


@pytest.mark.parametrize(
    "text",
    [
        "The horse raced past the barn fell.",
        "I broke my wrist.",
        "If he had fallen, he would have died.",
        "The letter dropped on the mat was hers.",
        "There had been seven riders.",
        "The sheet turned back by her hand was clean, and salt and bread came.",
        "'He fell,' she said.",
        "A cold morning, without wind.",
    ],
)
def test_what_cannot_be_told_stays_in_the_past(text):
    """Where a verb may be a participle, or its subject's number is open, nothing is rewritten."""
    assert _present(text) is None


@pytest.mark.parametrize("past_tense", ["Holding it shut, he waited.", "He stood with its lamp turned down."])
def test_participles_stay(past_tense):
    """A participle that looks like a past form does not change, or the text is left alone."""
    found = _present(past_tense)
    assert found is None or not any(word in found for word in ("shuts", "turns"))


@pytest.mark.parametrize(
    ("text", "context", "person", "expected"),
    [
        ("He fell and broke his wrist.", "", "I", ("I fell and broke my wrist.", "")),
        ("She was tired, and she cut her thumb.", "", "you", ("You were tired, and you cut your thumb.", "")),
        (
            "She touched the iron and burned herself.",
            "Ines was late for work.",
            "you",
            ("You touched the iron and burned yourself.", "You were late for work."),
        ),
        (
            "By evening he'd lost an eye, and the hat was his.",
            "Old Marek's mule had been sold.",
            "I",
            ("By evening I'd lost an eye, and the hat was mine.", "My mule had been sold."),
        ),
        ('"He fell," she said, and left.', "", "I", ('"He fell," I said, and left.', "")),
        ("When she fell they lifted her gently.", "", "you", None),
        ("At dawn he was carried home.", "", "you", ("At dawn you were carried home.", "")),
    ],
)
def test_he_and_she_become_i_and_you(text, context, person, expected):
    """Pronouns change by what they are in their clause, "was" with "you", and the one name of the context with them."""
    assert _told(text, context, person) == expected


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("He hit her.", ""),
        ("He told him to stop.", ""),
        ("I saw that he had lost an eye.", ""),
        ("He fell.", "Marek and Ines ran."),
        ("The mechanic lay on his back. He slept.", ""),
        ("Tolliver fell, and he broke a leg.", ""),
        ("He runs and falls.", ""),
        ("Nobody fell.", ""),
        ("A she-bear came, and she slept.", ""),
        ("One kept saying that she could not see.", ""),
    ],
)
def test_stories_about_more_than_one_person_stay(text, context):
    """With two people, an unclear one, or the present tense, nothing is rewritten."""
    assert _told(text, context, "I") is None
    assert _told(text, context, "you") is None


def test_words_are_looked_up():
    """Readings and forms of words, irregular and regular, and of none."""
    assert past("broke") == ("break", False, False)
    assert past("cut") == ("cut", True, True)
    assert past("lay") == ("lie", False, False)
    assert past("table") is None
    assert (present("go", plural=False), present("go", plural=True)) == ("goes", "go")
    assert [is_plural(noun) for noun in ("feet", "foot", "Xyzzy")] == [True, False, False]
    assert [is_adverb(word) for word in ("slowly", "never", "family", "belly")] == [True, True, False, False]
    assert [is_present(word) for word in ("runs", "ran", "is")] == [True, False, True]
    assert kinds("xyzzy") == frozenset()


def test_tokens_know_their_place():
    """Direct speech is left out; what follows it, opens a sentence or is joined to the word before says so."""
    words = tokens('He ran. "No," said Ann, slowly.')
    assert [token.word for token in words] == ["He", "ran", "said", "Ann", "slowly"]
    assert [token.opens for token in words] == [True, False, False, False, False]
    assert [token.tells for token in words] == [False, False, True, False, False]
    assert [token.joined for token in words] == [False, True, False, True, False]
