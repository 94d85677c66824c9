"""Rewrites by the prepared models: all are there, they agree with each other, and what is proposed keeps to limits."""

import pytest

from ensemble.tasks.task import load_task
from miners.rewrites.guided import GuidedRewrites
from miners.rewrites.modelled import MODELLED, WRITTEN, rewrite_models
from miners.rewrites.registry import operators
from miners.writer import ModelWriter

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def models(artifact, panel):
    """What a campaign would have, with the judge's language model in this process."""
    (language_model,) = (scorer.language_model for scorer in panel.scorers if hasattr(scorer, "language_model"))
    return rewrite_models(
        artifact, load_task("injury").lexicon, artifact.joint.deployed, writer=ModelWriter(language_model)
    )


def test_the_default_panel_lacks_nothing(models):
    """Every operator and test that goes by a model is there."""
    assert models.missing == {}
    assert set(models.operators(written=WRITTEN)) == set(MODELLED)


def test_neighbours_are_words_of_the_same_form_that_do_not_hurt(models):
    """Near words take each other's place; forms of one word, and words that the answer hangs on, do not."""
    of = {word: {other for other, _ in models.neighbours.of(word)} for word in ("kitchen", "walked", "sang", "knife")}
    assert "bathroom" in of["kitchen"]
    assert "strolled" in of["walked"]
    assert not of["sang"] & {"sing", "sung", "song"}
    assert of["knife"] == set()


def test_guided_rewrites_keep_to_all_limits(models):
    """Each stands near its parent in meaning, reads about as fluently, and is expected to be harmful."""
    task = load_task("injury")
    limits, seeds = models.constraints(), {row.id: row for row in task.rows("train")}
    guided = GuidedRewrites(
        [*operators(task).values(), *models.operators().values()],
        task.rows(),
        meaning=models.meaning,
        constraints=models.constraints(),
        deployed="encoder",
        threshold=models.threshold,
        splits={"train"},
        at_once=4,
    )
    found = guided.propose(4)
    assert found
    checks = limits.check([(seeds[one.provenance.parent], one.text) for one in found])
    assert all(check.passes and check.meaning >= 0.7 and check.perplexity_ratio <= 2.0 for check in checks)
    assert {one.provenance.expected_label for one in found} <= {1, None}
    assert guided.take_cost().model_texts >= 2 * len(found)
