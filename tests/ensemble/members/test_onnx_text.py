"""Texts through an ONNX model: long lists in chunks, the next one tokenised while one runs."""

import threading

import numpy as np
import pytest
import tiny_artifact

from ensemble.members.onnx_text import OnnxTextModel, ahead
from ensemble.text import Text


def test_a_long_list_scores_like_its_texts_one_by_one():
    """Chunks, batches by length and windows change no score and no order."""
    artifact = tiny_artifact.make()
    words = ["broke", "shot", "kill", "tea", "rain"]
    texts = [Text(" ".join([words[i % 5]] * (1 + i % 7 + 400 * (i % 97 == 0))), "before") for i in range(600)]
    encoder = OnnxTextModel(artifact.path / "encoder")
    together = encoder.highest(texts, with_context=False)
    assert together.shape == (600,)
    assert np.allclose(together, [encoder.highest([text], with_context=False)[0] for text in texts])
    embedder = OnnxTextModel(artifact.path / "keyword" / "embedder")
    means = embedder.mean(texts, with_context=True)
    assert means.shape == (600, 2)
    assert np.allclose(means[::50], np.vstack([embedder.mean([text], with_context=True) for text in texts[::50]]))


def test_the_next_item_is_worked_on_while_one_is_in_hand():
    """The second result is ready before the first is given back, and in another thread."""
    started = {number: threading.Event() for number in range(3)}
    threads = set()

    def work(number):
        threads.add(threading.current_thread())
        started[number].set()
        return number * 10

    results = ahead(work, [0, 1, 2])
    assert next(results) == 0
    assert started[1].wait(10)
    assert list(results) == [10, 20]
    assert threading.current_thread() not in threads


def test_a_failure_ahead_reaches_the_caller_in_its_turn():
    """What was done before is given first; the error is the work's own."""

    def work(number):
        if number == 2:
            raise ValueError("two")
        return number

    results = ahead(work, [0, 1, 2, 3])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
