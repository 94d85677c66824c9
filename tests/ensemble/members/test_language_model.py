import numpy as np
import pytest
import torch

from ensemble.errors import ArtifactError, InputError
from ensemble.members.generation import SharedPrompt
from ensemble.members.language_model import LanguageModel
from ensemble.members.weights import MANIFEST, verify

PREFIX = (
    "Text: the boat came in, he sang well\nOutcome: safe\n\nText: he fell and broke his arm\nOutcome: injured\n\nText:"
)
SUFFIXES = [
    " she fell\nOutcome:",
    " he fell and she came in and he sang and she fell and broke the boat and sang well\nOutcome:",
    " well\nOutcome:",
    " the boat fell in\nOutcome:",
]
ANSWERS, LAYERS = (40, 41, 42), (1, 3, -1)
CLOSE = {"rtol": 0, "atol": 2e-5}


def read(model, suffixes, **settings):
    return model.read(PREFIX, suffixes, ANSWERS, LAYERS, **settings)


def whole_texts(model, suffixes):
    """Logits and last hidden states by the library's own forward pass over one whole unpadded text at a time."""
    logits, hidden = [], []
    for suffix in suffixes:
        ids = [model._tokenizer.bos_token_id, *model.tokens(PREFIX), *model.tokens(suffix)]
        with torch.inference_mode():
            out = model._model(torch.tensor([ids]), output_hidden_states=True, use_cache=False)
        own = len(model.tokens(suffix))
        logits.append(out.logits[0, -1, list(ANSWERS)].numpy())
        states = [out.hidden_states[layer][0, -own:] for layer in LAYERS]
        hidden.append(torch.stack([torch.stack([s[-1], s.mean(dim=0)]) for s in states]).numpy())
    return np.array(logits), np.array(hidden)


def test_reads_as_the_library_reads_whole_texts(tiny):
    """A shared prefix, padding and the shortened output head give what reading every whole text alone gives."""
    logits, hidden = whole_texts(tiny, SUFFIXES)
    reading = read(tiny, SUFFIXES)
    assert tiny._prefix(PREFIX).cached
    assert len(tiny.tokens(PREFIX)) > 16, "the prefix must be longer than the sliding window"
    np.testing.assert_allclose(reading.logits, logits, **CLOSE)
    np.testing.assert_allclose(reading.hidden, hidden, **CLOSE)


def test_prefix_without_sharing_reads_the_same(tiny, tiny_folder):
    """A model whose cache cannot be lent reads prefix and text together, to the same result."""
    plain = LanguageModel.load(tiny_folder, device="cpu", threads=1)
    plain._shares_prefixes = False
    expected, given = read(tiny, SUFFIXES), read(plain, SUFFIXES)
    assert not plain._prefix(PREFIX).cached
    np.testing.assert_allclose(given.logits, expected.logits, **CLOSE)
    np.testing.assert_allclose(given.hidden, expected.hidden, **CLOSE)


@pytest.mark.parametrize("budget", [1, 30, 60, 4096])
def test_batching_does_not_change_a_reading(tiny_folder, tiny, budget):
    """What a text gives does not depend on how many others share its batch, or how long they are."""
    model = LanguageModel.load(tiny_folder, device="cpu", threads=1)
    model._batch_tokens = budget
    expected, given = read(tiny, SUFFIXES[::-1]), read(model, SUFFIXES[::-1])
    np.testing.assert_allclose(given.logits, expected.logits, **CLOSE)
    np.testing.assert_allclose(given.hidden, expected.hidden, **CLOSE)


def test_order_of_texts_is_kept(tiny):
    """Row i of a reading belongs to text i, although batches are made by length."""
    forward, backward = read(tiny, SUFFIXES), read(tiny, SUFFIXES[::-1])
    np.testing.assert_allclose(forward.logits, backward.logits[::-1], **CLOSE)
    assert np.ptp(forward.logits, axis=0).min() > 1e-3


def test_lent_prefix_is_never_written_to(tiny):
    """Reading a batch leaves the kept keys and values bit for bit as they were."""
    kept = tiny._prefix(PREFIX)
    before = [tensor.clone() for tensor in (*kept.keys, *kept.values)]
    read(tiny, SUFFIXES)
    assert all(torch.equal(a, b) for a, b in zip(before, (*kept.keys, *kept.values), strict=True))


def test_reading_twice_gives_the_same_numbers(tiny):
    """The same call gives the same bits."""
    assert np.array_equal(read(tiny, SUFFIXES).logits, read(tiny, SUFFIXES).logits)


def test_control_tokens_in_a_text_are_plain_characters(tiny):
    """A text that spells a control token does not smuggle it in."""
    assert tiny._tokenizer.eos_token_id not in tiny.tokens("he fell<eos>")
    assert tiny._tokenizer.bos_token_id not in tiny.tokens("<bos>")


def test_nothing_to_read_is_an_empty_reading(tiny):
    """No texts give arrays of length 0 with the right shape."""
    reading = read(tiny, [])
    assert reading.logits.shape == (0, 3)
    assert reading.hidden.shape == (0, 3, 2, tiny.width)


def test_blank_suffix_is_refused(tiny):
    """A text without tokens has no last token to read."""
    with pytest.raises(InputError, match="no tokens"):
        read(tiny, ["she fell", ""])


def test_answers_are_single_tokens(tiny):
    """A word that this tokenizer cuts in pieces cannot be an answer."""
    assert tiny.answer_token(" injured") != tiny.answer_token(" safe")
    with pytest.raises(InputError, match="tokens of this model"):
        tiny.answer_token(" incomprehensible")


def test_writing_is_fixed_by_the_seed(tiny):
    """The same seed writes the same texts, another seed others."""
    prompts = ["the boat", "he fell and broke his arm and"]
    first = tiny.generate(prompts, max_new_tokens=12, seed=3)
    torch.manual_seed(99)
    assert tiny.generate(prompts, max_new_tokens=12, seed=3) == first
    assert tiny.generate(prompts, max_new_tokens=12, seed=4) != first


def test_writing_does_not_depend_on_the_batch(tiny):
    """A prompt is continued alike whichever prompts of other lengths stand beside it."""
    prompts = [
        "the boat",
        "he fell and broke his arm and she sang well and the boat came in and she fell and he",
        "she",
    ]
    together = tiny.generate(prompts, max_new_tokens=30, seed=3, batch=3)
    assert tiny.generate(prompts, max_new_tokens=30, seed=3, batch=1) == together


def test_greedy_writing_is_the_likeliest_word_each_time(tiny):
    """At temperature 0 each new token is the arg max of a plain forward pass."""
    ids = [tiny._tokenizer.bos_token_id, *tiny.tokens("the boat came")]
    start = len(ids)
    for _ in range(6):
        with torch.inference_mode():
            ids.append(int(tiny._model(torch.tensor([ids])).logits[0, -1].argmax()))
    expected = tiny._tokenizer.decode(ids[start:], skip_special_tokens=True)
    assert tiny.generate(["the boat came"], max_new_tokens=6, temperature=0) == [expected]


def test_writing_ends_before_a_stop(tiny):
    """A stop text ends the writing and is not part of it."""
    [free] = tiny.generate(["the boat"], max_new_tokens=20, seed=1)
    mark = free[len(free) // 2]
    [stopped] = tiny.generate(["the boat"], max_new_tokens=20, seed=1, stop=[mark])
    assert stopped == free.split(mark)[0]


LONG = " Text : the boat came in Outcome : safe" * 4


@pytest.mark.parametrize(
    "ends",
    [["", ""] * 3, [" Text : he fell", " she sang well"] * 2, [""]],
    ids=["the same prompt", "other ends", "one prompt"],
)
def test_a_prompt_that_is_shared_writes_what_it_writes_alone(tiny, ends):
    """Reading the common beginning once gives the texts that reading every prompt whole gives, also the second time."""
    prompts = [LONG + end for end in ends]
    apart = tiny.generate(prompts, max_new_tokens=24, seed=5, batch=4, share=False)
    assert [tiny.generate(prompts, max_new_tokens=24, seed=5, batch=4) for _ in range(2)] == [apart, apart]
    assert len(set(apart)) > len(ends) // 2


def test_rows_of_one_length_share_past_the_window_and_others_do_not(tiny):
    """Padding would push tokens out of a layer's window, so rows that need it are read whole once they outgrow it."""
    same, other = [tiny.tokens(LONG + end) for end in (" safe", " safe")], [tiny.tokens(LONG), tiny.tokens(LONG + " a")]
    shared = [SharedPrompt().read(tiny._model, rows, 4) for rows in (same, other)]
    assert [len(prompt.tokens) for prompt in shared] == [len(same[0]) - 1, 0]


def test_only_the_last_prompt_is_kept(tiny):
    """The same beginning again is not read again; another one takes its place."""
    tiny.generate([LONG] * 2, max_new_tokens=2)
    first = tiny._prompt
    tiny.generate([LONG] * 3, max_new_tokens=2, seed=1)
    assert tiny._prompt is first
    tiny.generate([LONG + LONG] * 2, max_new_tokens=2)
    assert len(tiny._prompt.tokens) > len(first.tokens)


def test_threads_are_given_back(tiny):
    """A call's limit on threads does not outlast the call."""
    before = torch.get_num_threads()
    read(tiny, SUFFIXES)
    assert torch.get_num_threads() == before


def test_fingerprint_changes_with_the_weights(build_tiny, tiny, tiny_folder, tmp_path):
    """The same folder has one fingerprint; other weights, or another precision, have another."""
    other = LanguageModel.load(build_tiny(tmp_path / "other", seed=1), device="cpu")
    assert LanguageModel.load(tiny_folder, device="cpu").fingerprint == tiny.fingerprint
    assert other.fingerprint != tiny.fingerprint
    assert LanguageModel.load(tiny_folder, device="cpu", dtype="bfloat16").fingerprint != tiny.fingerprint


def test_missing_model_says_so(tmp_path):
    """A folder without a model is an error that names it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="empty"):
        LanguageModel.load(tmp_path / "empty", device="cpu")


def test_truncated_weights_are_refused(build_tiny, tmp_path):
    """A file that is shorter than its manifest says is found at load."""
    folder = build_tiny(tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match=r"model\.safetensors is missing or not"):
        LanguageModel.load(folder, device="cpu")


def test_changed_weights_fail_verification(build_tiny, tmp_path):
    """A file of the right length with one other byte is found by hashing, and so is a manifest that cannot be read."""
    folder = build_tiny(tmp_path / "model")
    verify(folder)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ArtifactError, match="is not the file that was prepared"):
        verify(folder)
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(ArtifactError, match="cannot read"):
        verify(folder)
