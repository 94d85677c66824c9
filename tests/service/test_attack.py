"""The attack bench over the real members: what it shows and offers is what they say."""

import asyncio

import numpy as np
import pytest

from ensemble.artifacts import current_artifact
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.attack.saliency import Looks
from miners.attack.suggest import Place
from service.app import load_guide, without_gradients
from service.attack import AttackBench, LocalSaliency, LocalWords
from service.config import AttackConfig

pytestmark = pytest.mark.models

TEXT = Text("She slipped on the icy step and broke her wrist.", "It had snowed all night.")


@pytest.fixture(scope="module")
def parts(prepared_home):
    """The real artifact: scorer and column of its deployed member, gradients, language model, rows that it flags."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNGJURY_HOME", str(prepared_home))
        artifact = current_artifact("injury")
        assert without_gradients(artifact) == ""
        panel = artifact.load_panel()
        looks = Looks(load_guide(artifact.path, AttackConfig()))
    scorer = panel.scorers[artifact.groups.index("encoder")]
    model = panel.scorers[artifact.groups.index("language_model")].language_model

    async def deployed(texts):
        return scorer.score([Text(*text) for text in texts])[:, 0]

    threshold = artifact.joint.vote_threshold("encoder")
    bench = AttackBench(deployed, threshold, words=LocalWords(model), saliency=LocalSaliency(looks))
    yield bench, scorer, looks
    panel.close()


def test_offers_are_scored_as_the_member_scores_them(parts):
    """Each text after its change, the one that it passes most surely first, and the same text scored alone agrees."""
    bench, scorer, _ = parts
    start = TEXT.text.index("broke")
    offers, spent = asyncio.run(bench.suggest(Place(TEXT, start, start + len("broke"))))
    assert {offer.change.kind for offer in offers} >= {"replace", "remove"}
    found = [offer.probability for offer in offers]
    assert found == sorted(found)
    alone = [float(scorer.score([Text(offer.change.text, TEXT.context)])[0, 0]) for offer in offers]
    assert found == pytest.approx(alone, abs=1e-5)
    assert (spent.member_calls, spent.gradient_passes) == (len(offers), 1)


def test_the_words_shown_as_important_are(parts):
    """Without its most salient word a text's score falls further than without the average one, over 40 texts."""
    _, scorer, looks = parts
    rows = [row for row in load_task("injury").rows("calibration") if row.label == 1]
    flagged = [row for row, p in zip(rows, scorer.score(rows)[:, 0], strict=True) if p >= 0.5][:40]
    falls = []
    for row in flagged:
        text = Text(row.text, row.context)
        looked = looks.look(text)
        without = [Text(Place(text, *span).change("remove").text, row.context) for span in looked.spans]
        scores = scorer.score([text, *without])[:, 0]
        drops = scores[0] - scores[1:]
        falls.append((drops[int(looked.saliency.argmax())], drops.mean()))
    salient, average = np.mean(falls, axis=0)
    assert salient > 3 * average
    assert salient > 0.05
