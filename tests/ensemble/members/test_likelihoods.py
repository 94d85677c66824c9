"""Likelihoods of texts, gaps that are filled, and texts said again, by a real small model."""

import numpy as np
import pytest
import torch

from ensemble.errors import InputError
from ensemble.members.writing import fit, infill, likely_next, mean_log_likelihoods, paraphrase, word_vectors

TEXTS = [" the boat came in", " he fell and broke his arm", " she sang well , was she hurt or whole ?"]


def _plainly(model, text):
    """Log-probabilities by the model's own forward pass over the whole text, nothing shared."""
    ids = torch.tensor([[*model._start_tokens(), *model.tokens(text)]])
    with torch.inference_mode():
        logs = torch.log_softmax(model._model(ids).logits.double(), dim=-1)
    start = len(model._start_tokens())
    return [logs[0, i - 1, ids[0, i]].item() for i in range(start, ids.shape[1])]


def test_they_are_those_of_a_plain_forward_pass(tiny):
    """Batched and padded, each token has the probability that the model gives it alone."""
    for found, text in zip(tiny.likelihoods("", TEXTS), TEXTS, strict=True):
        assert found == pytest.approx(_plainly(tiny, text), abs=1e-4)


def test_a_shared_prefix_changes_nothing(tiny):
    """Read after a prefix whose cache is reused, a text's tokens are as likely as in one piece."""
    prefix = "Text : she sang well ,"
    for _ in range(2):  # the second time from the cache
        for found, text in zip(tiny.likelihoods(prefix, TEXTS), TEXTS, strict=True):
            whole = _plainly(tiny, prefix + text)
            assert found == pytest.approx(whole[-len(found) :], abs=1e-4)


def test_a_prefix_of_rewrites_does_not_drive_out_the_prompts(tiny):
    """However many parents are read, the judge's prefix stays cached."""
    tiny.read("Outcome :", [" safe"], [5])
    for number in range(9):
        tiny.likelihoods(f"Text {number} :", TEXTS[:1])
    assert "Outcome :" in tiny._prefixes


def test_an_empty_text_has_no_tokens(tiny):
    """It is given nothing, and a mean of 0."""
    assert tiny.likelihoods("", ["", TEXTS[0]])[0].shape == (0,)
    assert mean_log_likelihoods(tiny, [""]).tolist() == [0.0]


def test_the_likeliest_words_come_first(tiny):
    """They are those of a plain pass, with their log-probabilities."""
    (found,) = tiny.likely_words(["he fell and"], 3)
    ids = torch.tensor([[*tiny._start_tokens(), *tiny.tokens("he fell and")]])
    with torch.inference_mode():
        top = torch.log_softmax(tiny._model(ids).logits[0, -1].double(), dim=-1).topk(3)
    assert [token for token, _ in found] == top.indices.tolist()
    assert [score for _, score in found] == pytest.approx(top.values.tolist(), abs=1e-4)


def test_nothing_before_and_no_token_to_begin_with_is_refused(tiny, monkeypatch):
    """Then the first token has no probability."""
    monkeypatch.setattr(tiny, "_start_tokens", list)
    with pytest.raises(InputError, match="nothing stands before"):
        tiny.likelihoods("", TEXTS)


def test_gaps_are_filled_with_plain_words_ranked_by_what_follows(tiny):
    """No filling is wider than allowed, each is scored as read, the best first, and a seed gives the same again."""
    gaps = [(" he fell and", " his arm", 2), (" the boat", " in", 1)]
    found = infill(tiny, gaps, seed=3)
    assert found == infill(tiny, gaps, seed=3)
    for (left, right, words), fillings in zip(gaps, found, strict=True):
        scores = [score for _, score in fillings]
        assert scores == sorted(scores, reverse=True)
        for filling, score in fillings:
            assert 1 <= len(filling.split()) <= words
            (read,) = tiny.likelihoods(left, [f" {filling}{right}"])
            assert score == pytest.approx(float(np.mean(read)), abs=1e-4)


def test_word_vectors_are_rows_of_the_output_layer(tiny):
    """Words that take several tokens, or none that is known, are left out; the rest come in order, as halves."""
    known = sorted(word.strip() for word in tiny.words())[:3]
    words, vectors = word_vectors(tiny, [known[0], "unheardofword", *known[1:]])
    assert words == known
    assert vectors.dtype == np.float16
    rows = tiny.answer_rows([tiny.words()[f" {word}"] for word in known])
    assert vectors.astype(np.float32) == pytest.approx(rows, rel=1e-3, abs=1e-4)


def test_a_paraphrase_is_one_line(tiny):
    """Each text gets one, without a line break."""
    found = paraphrase(tiny, ["he fell and broke his arm", "she sang well"])
    assert len(found) == 2
    assert not any("\n" in text for text in found)


def test_the_words_that_may_come_next_are_whole_ones(tiny):
    """The likeliest first, each once, with the probability of a plain pass; nothing but words."""
    found = likely_next(tiny, ["he fell and ", ""], count=40)
    for words in found:
        assert words
        assert [logs for _, logs in words] == sorted((logs for _, logs in words), reverse=True)
        assert len({word for word, _ in words}) == len(words)
        assert all(word.isalpha() for word, _ in words)
    word, logs = found[0][0]
    (tokens,) = tiny.likelihoods("he fell and", [f" {word}"])
    assert tokens[0] == pytest.approx(logs, abs=1e-4)


def test_words_are_judged_by_what_follows_them(tiny):
    """Each has the mean over itself and the next few words, in the order asked; no word, no score."""
    (scores, none) = fit(tiny, [("he fell and", " his arm .", ["broke", "sang", "broke"]), ("he", " fell", [])])
    (read,) = tiny.likelihoods("he fell and", [" sang his arm ."])
    assert scores[1] == pytest.approx(read.mean(), abs=1e-4)
    assert scores[0] == scores[2]
    assert none == []
