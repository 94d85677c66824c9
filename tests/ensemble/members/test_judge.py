from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.asking import answer_tokens
from ensemble.members.judge import FILE, JudgeFile, LanguageModelScorer
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt, Shot
from ensemble.text import LabelledText, Text
from ensemble.training.judge_fit import answer_weights, choose_prompts, fit_judge, without_shots
from ensemble.training.probe_fit import fit_probe
from ensemble.training.row_reader import RowReader

ITEM = "Text: {text}\nOutcome:"
PROMPT = Prompt(name="outcome", item=ITEM, yes=" injured", no=" safe", shots=(Shot(text="he fell", label=1),))
OTHER = PROMPT.model_copy(update={"name": "bare", "shots": ()})


@pytest.fixture(scope="module")
def rows():
    """Rows on which the words decide: whoever breaks something is hurt, whoever sings is not."""
    who = ["he", "she", "the boat", "his arm", "he and she", "the boat and she", "she and his arm", "he and the boat"]
    then = ["came in", "fell in", "sang well", "came well", "sang in"]
    made = []
    for family, (one, rest) in enumerate((a, b) for a in who for b in then):
        for label, verb in enumerate(("sang", "broke")):
            made.append(LabelledText(f"{one} {verb} and {rest}", label=label, meta={"family": family}))
    return made


@pytest.fixture(scope="module")
def split(rows):
    """Train and calibration rows, cut between families."""
    return [r for r in rows if r.meta["family"] % 2], [r for r in rows if not r.meta["family"] % 2]


@pytest.fixture(scope="module")
def oriented(tiny, split):
    """Both prompts with their answers the way round that this random model leans: Platt's slope must be positive."""
    reader = RowReader(tiny, ())
    labels = np.array([row.label for row in split[1]])
    prompts = []
    for prompt in (PROMPT, OTHER):
        score = reader.read(prompt, split[1]).preference
        turned = score[labels == 1].mean() < score[labels == 0].mean()
        prompts.append(prompt.model_copy(update={"yes": prompt.no, "no": prompt.yes}) if turned else prompt)
    return prompts


@pytest.fixture(scope="module")
def artifact(tiny, oriented, split, tmp_path_factory):
    directory = tmp_path_factory.mktemp("group")
    reader = RowReader(tiny, (1, 2, 4))
    judge = fit_judge(reader, oriented[:1], *split, directory).file
    fit_probe(reader, judge.prompts[0], *split, directory)
    return directory


@pytest.fixture(scope="module")
def scorer(tiny_folder, artifact):
    return LanguageModelScorer.load(tiny_folder, artifact, threads=1, device="cpu")


def test_judge_and_probe_are_two_members_of_one_scorer(scorer, split):
    """One call gives a column for each, strictly between 0 and 1, and the probe has learned what the words decide."""
    assert [(m.name, m.kind, len(m.version)) for m in scorer.members] == [
        ("judge", "judge", 12),
        ("probe", "probe", 12),
    ]
    scores = scorer.score(split[1])
    assert scores.shape == (len(split[1]), 2)
    assert ((scores > 0) & (scores < 1)).all()
    labels = np.array([row.label for row in split[1]])
    assert scores[labels == 1, 1].min() > scores[labels == 0, 1].max()


def test_scores_do_not_depend_on_the_batch(scorer, split):
    """A text alone scores as it does among others."""
    together = scorer.score(split[1])
    alone = np.vstack([scorer.score([row]) for row in split[1][:5]])
    np.testing.assert_allclose(alone, together[:5], rtol=0, atol=1e-4)


def test_one_pass_serves_both(scorer, split, monkeypatch):
    """Judge and probe ask the same prompt, so each batch is read once."""
    calls = []
    read = LanguageModel.read

    def counted(self, *args, **kwargs):
        calls.append(args)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(LanguageModel, "read", counted)
    scorer.score(split[1])
    assert len(calls) == 1


def test_the_highest_window_counts(scorer, split):
    """One window that speaks for yes among harmless ones gives a long text a high score."""
    harmless = ". ".join(row.text for row in split[1] if row.label == 0) + "."
    worst = next(row.text for row in split[1] if row.label == 1)
    assert len(harmless) > 400
    quiet, loud = scorer.score([Text(harmless), Text(f"{harmless} {worst}. {harmless}")])
    assert loud[1] > quiet[1]


def test_no_texts_give_no_rows(scorer):
    """An empty batch has the right number of columns."""
    assert scorer.score([]).shape == (0, 2)


@pytest.mark.parametrize("left", ["judge", "probe"])
def test_either_member_may_be_absent(tiny_folder, artifact, tmp_path, split, scorer, left):
    """What is left scores as it did in company."""
    (tmp_path / left).symlink_to(artifact / left)
    alone = LanguageModelScorer.load(tiny_folder, tmp_path, threads=1, device="cpu")
    assert [member.name for member in alone.members] == [left]
    column = [member.name for member in scorer.members].index(left)
    np.testing.assert_allclose(alone.score(split[1])[:, 0], scorer.score(split[1])[:, column], rtol=0, atol=1e-6)


def test_neither_member_is_an_error(tiny_folder, tmp_path):
    """A folder with neither is refused."""
    with pytest.raises(ArtifactError, match="neither a judge nor a probe"):
        LanguageModelScorer.load(tiny_folder, tmp_path, device="cpu")


def test_another_model_is_refused(build_tiny, artifact, tmp_path):
    """Numbers fitted to one model are not used with another."""
    with pytest.raises(ArtifactError, match="was fitted to the language model"):
        LanguageModelScorer.load(build_tiny(tmp_path / "other", seed=1), artifact, device="cpu")


def test_damaged_file_is_refused(tiny_folder, artifact, tmp_path):
    """A judge.json that cannot be read is an error that names the folder."""
    (tmp_path / "judge").mkdir()
    (tmp_path / FILE).write_text((artifact / FILE).read_text()[:-20])
    with pytest.raises(ArtifactError, match="cannot read the judge or probe"):
        LanguageModelScorer.load(tiny_folder, tmp_path, device="cpu")


def test_a_closed_scorer_says_so(artifact, tiny_folder, split):
    """Closing twice is harmless; scoring afterwards is an unavailable member."""
    closed = LanguageModelScorer.load(tiny_folder, artifact, threads=1, device="cpu")
    closed.close()
    closed.close()
    with pytest.raises(MemberUnavailableError, match="closed"):
        closed.score(split[1])


def test_the_model_is_there_for_writing(scorer):
    """The scorer lends its model to whoever generates texts."""
    assert len(scorer.language_model.generate(["the boat"], max_new_tokens=3, seed=0)) == 1


def test_version_follows_every_part(artifact):
    """Prompt, calibration, model: each changes the version; the same parts give the same."""
    file = JudgeFile.model_validate_json((artifact / FILE).read_bytes())
    assert file.versioned().version == file.version
    changes = [
        {"prompts": (file.prompts[0].model_copy(update={"head": "Now."}),)},
        {"calibration": Platt(slope=9.0, intercept=0.0)},
        {"fingerprint": "0" * 64},
    ]
    versions = {file.model_copy(update=change).versioned().version for change in changes}
    assert len(versions | {file.version}) == 4


def test_the_better_prompt_is_chosen(tiny, oriented, split):
    """Of a prompt and the same with its answers exchanged, the one that ranks train rows rightly wins."""
    good = oriented[1]
    bad = good.model_copy(update={"name": "exchanged", "yes": good.no, "no": good.yes})
    choice = choose_prompts(RowReader(tiny, ()), [bad, good], split[1])
    assert choice.prompts == (good,)
    assert choice.auc[good.name] == pytest.approx(1 - choice.auc["exchanged"])


def test_prompts_this_model_cannot_answer_are_left_out(tiny, oriented, split):
    """A prompt whose answer takes several tokens is passed over; with none left preparation says so."""
    unanswerable = PROMPT.model_copy(update={"yes": " incomprehensible"})
    assert choose_prompts(RowReader(tiny, ()), [unanswerable, oriented[0]], split[0]).prompts == (oriented[0],)
    with pytest.raises(ArtifactError, match="single tokens"):
        choose_prompts(RowReader(tiny, ()), [unanswerable], split[0])


def test_further_words_are_weighed_by_what_they_say(tiny, oriented, split):
    """Words beside yes and no raise the AUC on families not seen, keep yes and no's scale, and odd ones drop out."""
    words = (" in", " well", " sang", " broke", " incomprehensible")
    prompt = oriented[1].model_copy(update={"words": words})
    reader = RowReader(tiny, ())
    assert len(answer_tokens(tiny, prompt)) == 2 + 4
    shown = without_shots(split[0], [prompt])
    weights = answer_weights(reader, prompt, shown).weights
    read, labels = reader.read(prompt, split[1]), [row.label for row in split[1]]
    plain, weighed = read.preference, read.answers @ np.array(weights)
    print(f"yes and no {roc_auc_score(labels, plain):.3f}, with four words {roc_auc_score(labels, weighed):.3f}")
    assert roc_auc_score(labels, weighed) > roc_auc_score(labels, plain)
    assert answer_weights(reader, oriented[1], split[0]).weights == (1.0, -1.0)


def test_the_score_served_is_the_one_fitted(tiny, tiny_folder, oriented, split, tmp_path):
    """A judge with further words, written and loaded, gives the calibrated weighted sum."""
    prompt = oriented[1].model_copy(update={"words": (" in", " well", " sang", " broke")})
    reader = RowReader(tiny, ())
    fitted = fit_judge(reader, [prompt], *split, tmp_path)
    file = fitted.file
    served = LanguageModelScorer.load(tiny_folder, tmp_path, threads=1, device="cpu").score(split[1])[:, 0]
    expected = file.calibration(reader.read(prompt, split[1]).answers @ np.array(file.weights[0]))
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(served, fitted.held_out, rtol=0, atol=1e-6)


def test_without_calibration_rows_the_train_rows_calibrate_in_turn(tiny, oriented, rows, tmp_path):
    """Judge and probe give every row a score but those that a prompt shows, and still learn what the words decide."""
    prompt = oriented[0].model_copy(update={"words": (" in", " well", " sang", " broke")})
    train = [replace(row, meta={**row.meta, "fold": row.meta["family"] % 3}) for row in rows]
    train[0] = replace(train[0], text=prompt.shots[0].text)
    reader = RowReader(tiny, (1,))
    judge = fit_judge(reader, [prompt], train, [], tmp_path).held_out
    probe = fit_probe(reader, prompt, train, [], tmp_path).held_out
    shown = [row not in without_shots(train, [prompt]) for row in train]
    assert any(shown)
    for held_out in (judge, probe):
        np.testing.assert_array_equal(np.isnan(held_out), shown)
    labels = np.array([row.label for row in train])
    assert roc_auc_score(labels[~np.isnan(probe)], probe[~np.isnan(probe)]) > 0.9


def test_rows_shown_as_examples_are_not_judged(rows):
    """A row that a prompt shows, and all of its family, stay out of choice and fit."""
    shown = rows[4]
    kept = without_shots(rows, [PROMPT.model_copy(update={"shots": (Shot(text=shown.text, label=shown.label),)})])
    assert len(kept) == len(rows) - 2
    assert shown.meta["family"] not in {row.meta["family"] for row in kept}


def test_rows_are_read_once(tiny, rows, monkeypatch):
    """Rows that were read for one fit are not read again for another, and come back in the order asked."""
    reader = RowReader(tiny, (2,))
    first = reader.read(PROMPT, rows)
    monkeypatch.setattr(LanguageModel, "read", lambda *_: pytest.fail("read again"))
    again = reader.read(PROMPT, rows[::-1])
    assert np.array_equal(again.preference, first.preference[::-1])
    assert np.array_equal(again.hidden, first.hidden[::-1])
