"""The examples that a judge is shown."""

import pytest
from training_rows import made_up, write

from ensemble.training.examples import PER_LABEL, as_few_shot, choose_examples
from ensemble.training.gather import gather


@pytest.fixture
def rows(tmp_path):
    """Train rows, some of them long, in thirty groups."""
    given = made_up(200)
    for row in given[:100]:
        row["text"] = row["text"] + " " + " ".join(f"{row['id']}word{i}" for i in range(60))
    return gather(write(tmp_path / "rows.jsonl", given), split_by="doc").rows


def test_examples_are_balanced_short_and_of_different_groups(rows):
    """Yes and no take turns, no long text is shown, and no two examples of a label share a group."""
    chosen = choose_examples(rows)
    assert [row.label for row in chosen] == [1, 0] * PER_LABEL
    assert max(len(row.text) for row in chosen) <= 240
    for label in (0, 1):
        assert len({row.meta["group"] for row in chosen if row.label == label}) == PER_LABEL
    assert [shot.label for shot in as_few_shot(chosen)] == [1, 0] * PER_LABEL


def test_the_seed_decides(rows):
    """The same rows and seed give the same examples."""
    assert choose_examples(rows, seed=3) == choose_examples(rows, seed=3)
    assert choose_examples(rows, seed=3) != choose_examples(rows, seed=4)


def test_like_texts_are_not_shown_side_by_side(tmp_path):
    """Of forty variations on a sentence and eight other texts, the others come first."""
    words = ["amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath"]
    others = [f"{word} {word}s {word}y {word}ing {word}ed {word}er" for word in words]
    alike = [f"the man met the woman near {a} and {b} today" for a in words for b in words[:4]]
    given = [{"text": text, "label": 1} for text in [*alike, *others]] + [
        row for row in made_up(80) if not row["label"]
    ]
    rows = gather(write(tmp_path / "rows.jsonl", given)).rows
    shown = [row.text for row in choose_examples(rows) if row.label == 1]
    assert sum(text.startswith("the man met") for text in shown) <= 1
