import numpy as np
import pytest

from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt
from ensemble.text import LabelledText
from ensemble.training.precision import COMPARED_ROWS, FILE, Comparison, compare, load_in_best_precision

PROMPT = Prompt(name="bare", item="Text: {text}\nOutcome:", yes=" injured", no=" safe")
ROWS = [
    LabelledText(f"{who} {what} {where}", label=int(what == "broke"))
    for who in ("he", "she", "the boat", "his arm", "he and she")
    for what in ("sang", "broke", "fell", "came")
    for where in ("in", "well", "and came in", "and sang well", "and the boat fell")
]


class Loader:
    """Loads the tiny model, another one in bfloat16 if told so, and remembers what was asked for."""

    def __init__(self, exact, rounded):
        self.folders = {"float32": exact, "bfloat16": rounded}
        self.asked = []

    def __call__(self, precision):
        self.asked.append(precision)
        return LanguageModel.load(self.folders[precision], device="cpu", dtype=precision, threads=1)


def test_a_model_that_says_the_same_is_read_in_bfloat16(tiny_folder, tmp_path):
    """Rounding alone keeps within the tolerances; the comparison is written down and no model is loaded twice."""
    load = Loader(tiny_folder, tiny_folder)
    model = load_in_best_precision(load, [PROMPT], ROWS, tmp_path / "group")
    comparison = Comparison.model_validate_json((tmp_path / "group" / FILE).read_bytes())
    print(comparison)
    assert model.precision == comparison.chosen == "bfloat16"
    assert comparison.rows == COMPARED_ROWS
    assert 0 < comparison.largest_logit_shift < 0.5
    assert load.asked == ["float32", "bfloat16"]


def test_a_model_that_says_otherwise_is_read_in_float32(tiny_folder, build_tiny, tmp_path):
    """Where bfloat16 gives other answers (here: of other weights) it is not used."""
    load = Loader(tiny_folder, build_tiny(tmp_path / "other", seed=5))
    model = load_in_best_precision(load, [PROMPT], ROWS, tmp_path)
    assert model.precision == "float32"
    assert Comparison.model_validate_json((tmp_path / FILE).read_bytes()).chosen == "float32"


def test_prompts_that_cannot_be_asked_are_passed_over(tiny_folder, tmp_path):
    """The first prompt whose answers are single tokens is compared; without one there is nothing to go by."""
    unanswerable = PROMPT.model_copy(update={"yes": " incomprehensible"})
    load = Loader(tiny_folder, tiny_folder)
    assert load_in_best_precision(load, [unanswerable, PROMPT], ROWS, tmp_path).precision == "bfloat16"
    assert load_in_best_precision(load, [unanswerable], ROWS, tmp_path).precision == "float32"


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        (lambda x: x + 0.01, "bfloat16"),
        (lambda x: x + 0.5, "float32"),  # all move a little
        (lambda x: np.where(np.arange(len(x)) == 3, -x, x), "float32"),  # one moves far
        (lambda x: np.where(np.arange(len(x)) == 3, np.nan, x), "float32"),
    ],
)
def test_every_tolerance_counts(change, chosen):
    """A small shift is borne; a shift of all, of one far, or no number at all is not."""
    exact = np.linspace(-3, 3, 60)
    labels = [int(x > np.sin(9 * x)) for x in exact]
    assert compare(exact, change(exact), labels).chosen == chosen


def test_scores_in_bfloat16_hardly_depend_on_the_batch(tiny_folder):
    """A text read alone and among others gives the same logits to a few roundings of bfloat16."""
    model = LanguageModel.load(tiny_folder, device="cpu", dtype="bfloat16", threads=1)
    prefix, answers = "Text: he fell\nOutcome: injured\n\nText:", (40, 41)
    suffixes = [f" {row.text}\nOutcome:" for row in ROWS[:32]]
    together = model.read(prefix, suffixes, answers).logits
    alone = np.vstack([model.read(prefix, [suffix], answers).logits for suffix in suffixes])
    spread = np.abs(alone - together).max() / np.ptp(together)
    print(f"largest change {spread:.4f} of the range of the logits")
    assert spread < 0.05
