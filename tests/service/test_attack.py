"""The attack bench over the real members: what it shows and offers is what they say."""

import asyncio

import numpy as np
import pytest

from ensemble.artifacts import current_artifact
from ensemble.sensitivity import word_spans
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.attack.saliency import Looks
from miners.attack.suggest import Place
from miners.rewrites.carriers import lexicon_words
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
    words = LocalWords(model, lexicon_words(load_task("injury").lexicon))
    bench = AttackBench(deployed, threshold, words=words, saliency=LocalSaliency(looks))
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


def flagged(scorer, count) -> list[Text]:
    """Injuries of the calibration split that the deployed member flags."""
    rows = [row for row in load_task("injury").rows("calibration") if row.label == 1]
    found = [row for row, p in zip(rows, scorer.score(rows)[:, 0], strict=True) if p >= 0.5]
    return [Text(row.text, row.context) for row in found[:count]]


def test_what_promises_most_anywhere_does_most(parts):
    """Over 12 texts the best offer lowers the score further than as many free replacements of free words at random."""
    bench, scorer, _ = parts
    free, rng = asyncio.run(bench._words.free()), np.random.default_rng(0)
    falls = []
    for text in flagged(scorer, 12):
        offers, _ = asyncio.run(bench.anywhere(text))
        assert all({offer.change.word.lower(), offer.change.edit.removed.lower()} <= free for offer in offers)
        words = [span for span in word_spans(text.text) if text.text[slice(*span)].lower() in free]
        places = [Place(text, *words[i]) for i in rng.permutation(len(words))[: len(offers)]]
        others = [
            change
            for place in places
            for change in asyncio.run(bench.candidates(place, guided=False))[0]
            if change.kind == "replace" and change.word.lower() in free
        ]
        drawn = [others[i].text for i in rng.permutation(len(others))[: len(offers)]]
        before, *after = scorer.score([text, *(Text(one, text.context) for one in drawn)])[:, 0]
        found = [before - min([before, *scores]) for scores in ([offer.probability for offer in offers], after)]
        falls.append(found)
    anywhere, random = np.mean(falls, axis=0)
    print(f"the best offer lowers P(yes) by {anywhere:.3f}, the best of as many at random by {random:.3f}")
    assert anywhere > random


def test_the_words_shown_as_important_are(parts):
    """Without its most salient word a text's score falls further than without the average one, over 40 texts."""
    _, scorer, looks = parts
    falls = []
    for text in flagged(scorer, 40):
        looked = looks.look(text)
        without = [Text(Place(text, *span).change("remove").text, text.context) for span in looked.spans]
        scores = scorer.score([text, *without])[:, 0]
        drops = scores[0] - scores[1:]
        falls.append((drops[int(looked.saliency.argmax())], drops.mean()))
    salient, average = np.mean(falls, axis=0)
    assert salient > 3 * average
    assert salient > 0.05
