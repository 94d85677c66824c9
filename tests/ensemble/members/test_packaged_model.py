import numpy as np
import pytest

from ensemble.members.asking import ask
from ensemble.members.gguf_import import prepare_default_model
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import task_prompts
from ensemble.members.weights import verify
from ensemble.tasks.task import load_task
from ensemble.text import Text

pytestmark = pytest.mark.models

HURT = [
    "He slipped on the ice and broke his wrist.",
    "The bullet went through her shoulder and she fell.",
    "The bread knife took the tip of his finger off.",
    "The horse kicked the boy in the chest and cracked two ribs.",
]
WELL = [
    "He poured the tea and asked about her journey.",
    "She folded the letters and put them back in the drawer.",
    "They walked home along the river, talking about the wedding.",
    "The train was late, and the children slept.",
]


@pytest.fixture(scope="module")
def folder(root):
    """The converted model, kept from one run to the next beside what the other tests prepare."""
    return prepare_default_model(root / ".test-home" / "models")


@pytest.fixture(scope="module")
def model(folder):
    return LanguageModel.load(folder, device="cpu", threads=2)


def test_the_converted_files_are_what_the_manifest_says(folder):
    """Every file hashes to what was written down when it was converted."""
    assert set(verify(folder)["files"]) >= {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_lent_prefix_gives_the_same_logits(model, folder):
    """With 18 layers, windows and a real prompt, the shared prefix still agrees with reading the whole prompt."""
    prompt = task_prompts(load_task())[0]
    whole = LanguageModel.load(folder, device="cpu", threads=2)
    whole._shares_prefixes = False
    texts = [Text(text) for text in (HURT[0], WELL[0])]
    lent, plain = ask(model, prompt, texts, (12,)), ask(whole, prompt, texts, (12,))
    assert model._prefix(prompt.prefix).cached
    np.testing.assert_allclose(lent.preference, plain.preference, rtol=0, atol=1e-4)
    scale = np.abs(plain.hidden).max()
    np.testing.assert_allclose(lent.hidden / scale, plain.hidden / scale, rtol=0, atol=2e-5)


@pytest.mark.parametrize("number", range(3))
def test_each_shipped_prompt_tells_plain_injuries_from_plain_calm(model, number):
    """Every injury stated outright is preferred to every quiet scene."""
    prompt = task_prompts(load_task())[number]
    preference = ask(model, prompt, [Text(text) for text in HURT + WELL]).preference
    assert preference[: len(HURT)].min() > preference[len(HURT) :].max()


def test_it_writes_english(model):
    """A sampled continuation is words, the same for the same seed."""
    [first] = model.generate(["The old ferryman pushed off from the bank and"], max_new_tokens=12, seed=5)
    assert len(first.split()) >= 4
    assert model.generate(["The old ferryman pushed off from the bank and"], max_new_tokens=12, seed=5) == [first]
