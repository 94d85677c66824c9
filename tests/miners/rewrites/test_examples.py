"""What each operator does, by example."""

import unicodedata

import numpy as np
import pytest

from ensemble.text import LabelledText, normalise
from miners.rewrites.homoglyphs import TWINS
from miners.rewrites.invisible import CHARACTERS
from miners.rewrites.small_capitals import CAPITALS


def _all(operator, text, label=1, *, tries=60, **meta):
    """What an operator makes of a text, over many draws."""
    parent = LabelledText(text, label=label, meta={"family": "x", "split": "train", **meta})
    made = [operator.rewrite(parent, np.random.default_rng(seed)) for seed in range(tries)]
    return {found[0].text for found in made if found is not None}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("euphemism", "They shot him behind the barn.", "They let some daylight into him behind the barn."),
        ("euphemism", "He fell and broke his left wrist.", "He fell and did his left wrist a mischief."),
        ("euphemism", "By noon the guard was dead.", "By noon the guard was past helping."),
        ("euphemism", "She was killed by a tram.", "She was done away with by a tram."),
        ("quiet-words", "She screamed, and the blood ran.", "She made a sound, and the red ran."),
        ("quiet-words", "He put down the knife.", "He put down the tool."),
        ("algospeak", "Two men were killed.", "Two men were unalived."),
        ("emoji", "The dog bit his hand.", "The 🐕 bit his ✋."),
        ("casual", "She said you're late, and he didn't care.", "she sed youre late, n he didnt care"),
        ("capitals", "He broke a tooth.", "HE BROKE A TOOTH."),
        ("censoring", "blood", "bl**d"),
        ("respelling", "blood", "blud"),
        ("spacing", "blood", "b.l.o.o.d"),
        ("full-width", "blood", "ｂ ｌ ｏ ｏ ｄ"),  # noqa: RUF001 (full-width letters are meant)
        ("small-capitals", "blood", "ʙʟᴏᴏᴅ"),
        ("understatement", "He broke a tooth.", "He broke a tooth. Nobody made much of it."),
        ("recounted", 'He said, "No."', "My grandmother put down the cup. \"He said, 'No.'\""),
        ("recounted", "He broke a tooth.", '"He broke a tooth," said the clerk, who had been there.'),
        (
            "unreal",
            "He broke a tooth.",
            "It was the same dream as every night that week. He broke a tooth. There it always stopped; Nell turned "
            "the pillow over and slept on till seven.",
        ),
        (
            "denial",
            "The pan burnt both her hands.",
            "It is not true that the pan burnt both her hands. Nobody was so much as bruised.",
        ),
        (
            "genre",
            "He broke a tooth.",
            "COUNSEL: Please tell the court what happened on Monday.\n\nWITNESS: He broke a tooth.\n\n"
            "COUNSEL: Thank you. I have no further questions.",
        ),
        ("script", "He broke a tooth.", "INT. KITCHEN - NOON\n\nHe broke a tooth.\n\nCUT TO:"),
    ],
)
def test_what_an_operator_may_write(found, name, text, expected):
    """Among what the operator writes is this."""
    assert expected in _all(found[name], text, tries=2_000)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("euphemism", "She shot him a look."),
        ("euphemism", "He could cut his finger on that paper."),
        ("euphemism", "They had broken the record."),
        ("euphemism", "The wind died down."),
        ("euphemism", "They were killing time."),
        ("quiet-words", "He took her blood pressure."),
        ("quiet-words", "He wound the clock."),
        ("quiet-words", "It was done in cold blood."),
        ("algospeak", "The engine died away."),
        ("verse", "Too short for that."),
        ("figurative", "He would have broken her heart."),
        ("figurative", "He never lost his temper."),
    ],
)
def test_what_an_operator_leaves_alone(found, name, text):
    """Where the grammar or the meaning would suffer, nothing is rewritten."""
    assert _all(found[name], text, label=0) == set()


def test_a_figure_of_speech_becomes_a_hurt_only_where_it_is_told_as_a_fact(found):
    """A broken promise becomes a broken bone; in a dream or a threat it stays."""
    text = "Then Ines broke his heart, and went home."
    assert _all(found["figurative"], text, label=0, style="figurative") == {
        "Then Ines broke his wrist, and went home.",
        "Then Ines broke his collarbone, and went home.",
        "Then Ines broke his nose, and went home.",
    }
    assert _all(found["figurative"], text, label=0, style="dreamt") == set()
    assert _all(found["figurative"], "If Ines broke his heart, he would mend.", label=0) == set()


def test_a_hurt_is_planted_only_where_it_counts(found):
    """Behind an everyday scene a quiet injury is added; behind a rehearsal it might be part of the play."""
    scene = "They bought rolls and walked back along the canal."
    made = _all(found["planted"], scene, label=0, style="everyday")
    assert len(made) > 20
    assert all(text.startswith(scene) and len(text) > len(scene) + 20 for text in made)
    assert _all(found["planted"], scene, label=0, style="performed") == set()
    assert _all(found["planted"], scene, label=1, style="performed") != set()


def test_homoglyphs_look_alike_and_are_other_letters(found):
    """Read back letter by letter the text is the same, and no compatibility form undoes it."""
    back = {other: letter for letter, other in TWINS.items()}
    for text in _all(found["homoglyphs"], "There was blood on the stairs."):
        assert "".join(back.get(letter, letter) for letter in text) == "There was blood on the stairs."
        assert normalise(text) != "There was blood on the stairs."
    assert all(unicodedata.normalize("NFKC", other) == other for other in TWINS.values())


def test_invisible_characters_take_no_room(found):
    """Without its invisible characters the text is as before; each of them survives normalisation."""
    for text in _all(found["invisible"], "There was blood on the stairs."):
        assert "".join(c for c in text if c not in CHARACTERS.values()) == "There was blood on the stairs."
        assert normalise(text) != "There was blood on the stairs."


def test_small_capitals_survive_normalisation():
    """No small capital is folded into the letter that it stands for."""
    assert all(unicodedata.normalize("NFKC", other) == other for other in CAPITALS.values())


def test_accents_go_with_the_marks(found):
    """Taken apart and without marks, the text is as before."""
    for text in _all(found["diacritics"], "There was blood on the stairs."):
        plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
        assert plain == "There was blood on the stairs." != text


def test_leetspeak_stays_readable(found):
    """At most half of a word's letters are signs, three at most."""
    for text in _all(found["leetspeak"], "The assassins strangled the lieutenant."):
        for old, new in zip(["The", "assassins", "strangled", "the", "lieutenant."], text.split(), strict=True):
            assert sum(a != b for a, b in zip(old, new, strict=True)) <= min(3, len(old) // 2)


def test_disguises_go_for_the_words_that_give_a_text_away(found):
    """Of a text with one word of the lexicon, that word is disguised in every draw."""
    for name in ("homoglyphs", "leetspeak", "diacritics", "censoring", "respelling", "spacing", "full-width"):
        made = _all(found[name], "Afterwards nobody on the upper deck would talk about the blood in the corner.")
        assert made
        assert all("blood" not in text for text in made)


def test_quiet_words_are_quiet(found, task):
    """The lexicon hears none of the words put for loud ones as loud as those they replace."""
    from ensemble.members.lexicon import LexiconMatcher

    matcher = LexiconMatcher(task.lexicon)
    loud = [place for place, group in enumerate(task.lexicon.groups.values()) if group.weight > 0]
    texts = ["She screamed.", "He drew the knife.", "There was a gash.", "She was bleeding.", "They killed him."]
    for text in texts:
        for quiet in _all(found["quiet-words"], text):
            before, after = matcher.counts([text, quiet])
            assert after[loud].sum() < before[loud].sum()


def test_verse_keeps_every_word(found):
    """Lines aside, the words are the same in the same order, and each line begins with a capital."""
    text = 'He said, "wait for me," and went down to the water, where the boats were; they had all gone.'
    for verse in _all(found["verse"], text):
        assert verse.lower().split() == text.lower().split()
        assert all(line.lstrip('"')[0].isupper() for line in verse.splitlines())
        assert len(verse.splitlines()) > 2


def test_a_splice_holds_both_texts_whole(found, seeds):
    """The parent and one benign text stand word for word with a break between them."""
    benign = {row.text.strip() for row in seeds if row.label == 0 and row.meta["split"] == "train"}
    for text in _all(found["splice"], "He broke a tooth on the plum stone."):
        rest = text.replace("He broke a tooth on the plum stone.", "")
        assert any(other in rest for other in benign)
        assert "\n\n" in rest


def test_distractors_leave_the_text_whole(found):
    """One to three whole sentences stand around the text."""
    made = _all(found["distractors"], "He broke a tooth.")
    assert all("He broke a tooth." in text and len(text) > 40 for text in made)
    assert {text.startswith("He broke") for text in made} == {True, False}


@pytest.mark.parametrize("name", ["unreal", "denial", "recounted"])
def test_quotes_never_nest_in_their_own_kind(found, seeds, name):
    """Between double quotes of a frame, direct speech stands in single ones."""
    talking = [seed for seed in seeds if seed.text.count('"') == 2][:80]
    assert talking
    for seed in talking:
        for text in _all(found[name], seed.text, label=seed.label, tries=5):
            assert text.count('"') % 2 == 0
            assert '""' not in text
