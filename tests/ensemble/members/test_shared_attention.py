import numpy as np
import pytest
import torch

from ensemble.members.language_model import LanguageModel
from ensemble.members.shared_attention import attend, layer_windows

WIDTH = 8


def by_definition(query, key, value, lent_key, lent_value, scaling, window, softcap):
    """One row, one head, one token at a time."""
    rows, heads, tokens, width = query.shape
    share, before = heads // key.shape[1], lent_key.shape[2]
    out = torch.empty(rows, tokens, heads, width)
    for row in range(rows):
        for head in range(heads):
            keys = torch.cat([lent_key[0, head // share], key[row, head // share]])
            values = torch.cat([lent_value[0, head // share], value[row, head // share]])
            for token in range(tokens):
                last = before + token + 1
                first = 0 if window is None else max(0, last - window)
                scores = keys[first:last] @ query[row, head, token] * scaling
                scores = scores if softcap is None else torch.tanh(scores / softcap) * softcap
                out[row, token, head] = torch.softmax(scores, 0) @ values[first:last]
    return out


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("window", [None, 1, 3, 6, 12, 14, 40])
@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (4, 2), (3, 3)])
def test_attends_as_defined(heads, groups, window, softcap):
    """Windows shorter than the row, than the prefix, and longer than both; heads with keys of their own or shared."""
    draw = torch.Generator().manual_seed(heads * 10 + groups)
    query = torch.randn(3, heads, 5, WIDTH, generator=draw)
    key, value = (torch.randn(3, groups, 5, WIDTH, generator=draw) for _ in range(2))
    lent_key, lent_value = (torch.randn(1, groups, 9, WIDTH, generator=draw) for _ in range(2))
    found = attend(query, key, value, lent_key, lent_value, scaling=0.4, window=window, softcap=softcap)
    expected = by_definition(query, key, value, lent_key, lent_value, 0.4, window, softcap)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("words", [2, 10, 14, 60])
def test_a_prefix_about_the_window_reads_as_the_library_reads(tiny, tiny_folder, words):
    """Prefixes shorter than the sliding layers' window of 16, ending within it, and far beyond it."""
    prefix = "Text:" + " boat" * words
    suffixes = [" he fell and broke his arm and she sang well and the boat came in\nOutcome:", " well\nOutcome:"]
    plain = LanguageModel.load(tiny_folder, device="cpu", threads=1)
    plain._shares_prefixes = False
    expected, found = (model.read(prefix, suffixes, (40, 41, 42), (1, 2, 4)) for model in (plain, tiny))
    assert tiny._prefix(prefix).cached
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=2e-5)
    np.testing.assert_allclose(found.hidden, expected.hidden, rtol=0, atol=2e-5)


def test_the_model_attends_as_before_after_a_reading(tiny):
    """Reading leaves the model as the library made it, for writing texts."""
    before = tiny._model.config._attn_implementation
    tiny.read("Text:", [" he fell"], (40,))
    assert tiny._model.config._attn_implementation == before


def test_layers_of_another_kind_are_not_shared(tiny):
    """A configuration with layers that attend in chunks, or not at all, has no windows; one without kinds has one."""
    config = tiny._model.config
    assert layer_windows(config) == (16, None, 16, None)

    class Plain:
        num_hidden_layers, sliding_window = 2, 8

    class Chunked(Plain):
        layer_types = ("full_attention", "chunked_attention")

    assert layer_windows(Plain()) == (8, 8)
    assert layer_windows(Chunked()) is None
