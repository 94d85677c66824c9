"""Labels out of answers: what they say together, who is how reliable, and when to ask once more."""

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.labels.agreement import krippendorff
from ensemble.labels.batch import fit
from ensemble.labels.incremental import AnswerModel
from ensemble.labels.settings import LabelSettings
from ensemble.labels.stopping import wants_more, worth_of_more

WORDS = ("no", "yes", "unsure")


def told(model, item, *answers):
    """Several people answer one text; what is believed then."""
    for number, answer in enumerate(answers):
        model.answer(item, f"rater {number}", answer)
    return model.belief(item)


def replay(crowd, settings=None):
    """A model that was given all answers of a crowd, one after the other."""
    model = AnswerModel(settings)
    for item, rater, answer in zip(crowd.items, crowd.raters, crowd.answers, strict=True):
        model.answer(str(item), str(rater), WORDS[answer])
    return model


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        (["yes"], "yes"),
        (["no", "no"], "no"),
        (["yes", "no"], "yes"),
        (["no", "unsure", "no"], "no"),
        (["unsure"], "unsure"),
        ([], None),
        (["no", "no", "no", "yes"], "no"),
    ],
)
def test_label(answers, label):
    """A tie is yes, nothing but unsure is unsure, no answer no label, and many outweigh one."""
    assert told(AnswerModel(), "a", *answers).label(LabelSettings()) == label


def test_what_a_wrong_no_costs_decides_ties():
    """With equal costs two against one decide; where a miss costs much, one yes of three may."""
    for cost, label in ((1.0, "no"), (200.0, "yes")):
        settings = LabelSettings(miss_cost=cost)
        assert told(AnswerModel(settings), "a", "no", "no", "yes").label(settings) == label


def test_ambiguity_is_apart_from_uncertainty():
    """One answer is uncertain and not ambiguous; even answers by many are ambiguous, and more would not help."""
    settings = LabelSettings()
    one = told(AnswerModel(settings), "a", "no")
    split = told(AnswerModel(settings), "a", *["yes", "no"] * 3, "unsure", "unsure")
    assert one.uncertainty > 0.1
    assert not one.is_ambiguous
    assert split.is_ambiguous
    assert wants_more(one, settings)
    assert not wants_more(split, settings.model_copy(update={"max_votes": 100}))


def test_one_at_a_time_comes_to_the_labels_of_all_at_once(crowd):
    """At least 99.9 % of the labels are the same, and beliefs are the same once settled."""
    answers = crowd(texts=1000, votes=5)
    model, batch = replay(answers), fit(answers.items, answers.raters, answers.answers)
    settings = model.settings
    p = np.array([model.belief(str(item)).p_yes for item in range(len(answers.truth))])
    assert np.mean((p >= settings.threshold) == (batch.p_yes() >= settings.threshold)) >= 0.999
    model.settle()
    p = np.array([model.belief(str(item)).p_yes for item in range(len(answers.truth))])
    assert np.abs(p - batch.p_yes()).max() < 1e-3


def test_raters_are_told_apart(crowd):
    """Sensitivity and specificity come close to the truth, and their intervals hold nearly all of them."""
    answers = crowd(texts=3000, raters=10, votes=5)
    model = replay(answers, LabelSettings(miss_cost=1.0))
    model.settle()
    held = []
    for rater in range(10):
        found = model.rater(str(rater))
        assert abs(found.sensitivity - answers.sensitivity[rater]) < 0.05
        assert abs(found.specificity - answers.specificity[rater]) < 0.05
        for interval, truth in (
            (found.sensitivity_interval, answers.sensitivity[rater]),
            (found.specificity_interval, answers.specificity[rater]),
        ):
            held.append(interval[0] <= truth <= interval[1])
    assert sum(held) >= 17


def test_reliable_raters_outvote_others():
    """Weighed by how reliable people are, labels are right more often than by majority."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 800)
    model = AnswerModel(LabelSettings(miss_cost=1.0))
    skill = [0.97, 0.6, 0.6, 0.6, 0.6]
    votes = np.array([np.where(rng.random(800) < share, truth, 1 - truth) for share in skill])
    for item in rng.permutation(800):
        for rater in range(5):
            model.answer(str(item), str(rater), WORDS[votes[rater, item]])
    ours = np.array([model.belief(str(item)).p_yes >= 0.5 for item in range(800)])
    majority = votes.mean(0) >= 0.5
    assert np.mean(ours == truth) > np.mean(majority == truth) + 0.08


def test_gold_measures_raters():
    """Somebody who is wrong about known texts counts for less, whether the truth comes before or after the answers."""
    for before in (True, False):
        model = AnswerModel()
        if before:
            for n in range(40):
                model.gold(f"gold {n}", "yes")
        for n in range(40):
            model.answer(f"gold {n}", "careless", "no")
            model.answer(f"gold {n}", "careful", "yes")
        if not before:
            for n in range(40):
                model.gold(f"gold {n}", "yes")
        assert model.rater("careless").sensitivity < 0.4
        assert model.rater("careful").sensitivity > 0.95
        assert model.rater("careful").votes == 40


def test_a_corrected_answer_leaves_no_trace():
    """Beliefs and counts are those of a model that never saw the first answer."""
    corrected, plain = AnswerModel(), AnswerModel()
    for model in (corrected, plain):
        for n in range(20):
            told(model, str(n), "yes" if n % 2 else "no", "yes")
    corrected.answer("new", "rater 0", "no")
    corrected.answer("new", "rater 0", "yes")
    plain.answer("new", "rater 0", "yes")
    for model in (corrected, plain):
        model.settle(tolerance=1e-12)
    assert corrected.rater("rater 0").votes == plain.rater("rater 0").votes == 21
    assert corrected.rater("rater 0").sensitivity == pytest.approx(plain.rater("rater 0").sensitivity, abs=1e-9)
    assert corrected.belief("new").p_yes == pytest.approx(plain.belief("new").p_yes, abs=1e-9)


def test_a_forgotten_text_leaves_no_trace():
    """Taking a text of known label back leaves everybody as if it had never been answered."""
    model, never = AnswerModel(), AnswerModel()
    for number in range(8):
        for one in (model, never):
            told(one, str(number), "yes", "yes", "no" if number % 3 else "yes")
    before = model.rater("rater 2").sensitivity
    for number in range(8):
        model.gold(f"g{number}", "no")
        told(model, f"g{number}", "no", "no", "no")
    assert model.rater("rater 2").specificity != never.rater("rater 2").specificity
    assert all(model.forget(f"g{number}") for number in range(8))
    assert not model.forget("g0")
    model.settle()
    never.settle()
    assert model.rater("rater 2").sensitivity == pytest.approx(before, abs=0.02)
    for rater in never.raters():
        assert model.rater(rater).votes == never.rater(rater).votes
        assert model.rater(rater).specificity == pytest.approx(never.rater(rater).specificity, abs=1e-4)
    for number in range(8):
        assert model.belief(str(number)).yes == pytest.approx(never.belief(str(number)).yes, abs=1e-4)
    model.gold("g0", "yes")  # another truth than before


def test_a_stranger_is_what_is_assumed():
    """Of a rater without answers the settings speak."""
    found = AnswerModel().rater("nobody")
    assert found.votes == 0
    assert found.sensitivity == pytest.approx(0.93 / 0.97)
    assert found.sensitivity_interval[0] < found.sensitivity < found.sensitivity_interval[1]


def test_what_is_refused():
    """Answers and truths that are none, and a truth that contradicts an earlier one."""
    model = AnswerModel()
    with pytest.raises(InputError, match="maybe"):
        model.answer("a", "ann", "maybe")
    with pytest.raises(InputError, match="unsure"):
        model.gold("a", "unsure")
    model.gold("a", "yes")
    with pytest.raises(InputError, match="opposite"):
        model.gold("a", "no")
    with pytest.raises(ValidationError, match="leave nothing"):
        LabelSettings(sensitivity=0.98, unsure=0.02)


def test_more_answers_are_asked_for_where_they_could_change_the_label():
    """A lone no is asked about again, the more so the more a miss costs; two that agree are enough at a low cost."""
    settings, dear = LabelSettings(miss_cost=10.0), LabelSettings(miss_cost=1000.0)
    no, nos, yes = ((told(AnswerModel(), "a", *said)) for said in (["no"], ["no", "no"], ["yes", "yes"]))
    assert worth_of_more(no, settings) > worth_of_more(nos, settings)
    assert wants_more(no, settings)
    assert not wants_more(nos, settings)
    assert wants_more(nos, dear)
    assert not wants_more(yes, settings)
    assert not wants_more(no, settings.model_copy(update={"max_votes": 1}))
    assert worth_of_more(nos, dear, 3) >= worth_of_more(nos, dear, 1)


def test_two_who_cannot_say_are_enough():
    """Of a text that nobody could judge a third is not asked."""
    settings = LabelSettings()
    assert wants_more(told(AnswerModel(), "a"), settings)
    assert wants_more(told(AnswerModel(), "a", "unsure"), settings)
    assert not wants_more(told(AnswerModel(), "a", "unsure", "unsure"), settings)


def test_krippendorff_by_hand():
    """Two texts by two raters, who differ on one: 2 ordered pairs differ, and 2 would by chance; so alpha is 0."""
    found = krippendorff([0, 0, 1, 1], [1, 1, 1, 0], kinds=2)
    assert found.alpha == pytest.approx(0.0)
    assert found.items == 2


def test_krippendorff_on_the_published_example():
    """The nominal example with gaps that the literature uses has alpha 0.691."""
    coders = [
        [None, None, None, None, None, 3, 4, 1, 2, 1, 1, 3, 3, None, 3],
        [1, None, 2, 1, 3, 3, 4, 3, None, None, None, None, None, None, None],
        [None, None, 2, 1, 3, 4, 4, None, 2, 1, 1, 3, 3, None, 4],
    ]
    given = [(unit, value - 1) for coder in coders for unit, value in enumerate(coder) if value is not None]
    found = krippendorff(*zip(*given, strict=True), kinds=4)
    assert found.alpha == pytest.approx(0.691, abs=5e-4)
    assert found.interval[0] < found.alpha < found.interval[1]


def test_krippendorff_where_there_is_nothing_to_compare():
    """Without two answers to one text, or with one kind of answer only, alpha is not a number."""
    assert np.isnan(krippendorff([0, 1, 2], [0, 1, 0]).alpha)
    assert np.isnan(krippendorff([0, 0, 1, 1], [1, 1, 1, 1]).alpha)
    assert krippendorff([], []).items == 0
