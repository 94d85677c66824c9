"""The real members on the task's test split: how good, how different, and as steady as their Protocol says."""

import shutil

import numpy as np
import pytest

from ensemble.artifacts import Artifact
from ensemble.errors import ArtifactError
from ensemble.evaluation.evaluate import measure
from ensemble.text import MAX_TEXT_CHARS, Text

pytestmark = pytest.mark.models

CHANCE = 0.5
CLEARLY = 0.1
"""How far above chance an AUC counts as clear: over three standard errors with some 450 rows."""

ROUNDING = 1e-3
"""Largest difference in probability that arithmetic in another order may make."""

CALM = "The kettle ticked on the stove and the letters lay unopened beside the bread. "
HURT = "Then the saw slipped and took two of his fingers off, and the blood ran down the bench."


def test_members_and_panel_on_the_test_split(panel, probabilities, labels):
    """Every member is clearly better than chance (the judge not worse), and the panel not worse than its best member.

    Prints the quality of each and the correlation of their errors.
    """
    report = measure(panel, probabilities, labels)
    print(f"\n{report.rows} rows, {report.positives} of them yes, threshold {panel.joint.threshold:g}")
    print(f"{'':10}{'AUC':>7}{'FNR':>7}{'FPR':>7}{'ECE':>7}")
    for name, each in [*report.members.items(), ("panel", report.panel)]:
        print(f"{name:10}{each.auc:7.3f}{each.fnr:7.3f}{each.fpr:7.3f}{each.ece:7.3f}")
    independence = report.independence
    print(f"correlation of errors, {independence.n_eff:.2f} effective votes")
    for name, others in independence.error_correlation.items():
        print(
            f"{name:10}" + "".join(f"{'-' if value is None else format(value, '.2f'):>7}" for value in others.values())
        )
    print(f"share of {panel.joint.deployed}'s misses that another member catches: {independence.capture:.2f}")
    kinds = {member.name: member.kind for member in panel.members}
    for name, each in report.members.items():
        assert each.auc >= (CHANCE if kinds[name] == "judge" else CHANCE + CLEARLY), name
    assert report.panel.auc >= max(each.auc for each in report.members.values()) - 0.02
    assert independence.n_eff > 1


def test_four_kinds_of_member_each_with_a_version_of_its_own(panel, artifact):
    """The panel holds a fine-tuned encoder, a keyword member, a judge and a probe, versioned as in the manifest."""
    assert sorted(member.kind for member in panel.members) == ["encoder", "judge", "keyword", "probe"]
    assert len({member.version for member in panel.members}) == 4
    listed = {member for group in artifact.groups for member in artifact.members(group)}
    assert listed == set(panel.members)


def test_probabilities_lie_strictly_between_0_and_1(probabilities, rows, panel):
    """No member claims certainty, none leaves a row out, and hardly two rows of one member are alike."""
    assert probabilities.shape == (len(rows), len(panel.members))
    assert ((probabilities > 0) & (probabilities < 1)).all()
    for column in probabilities.T:
        assert len(np.unique(column)) > 0.9 * len(rows)


def test_the_manifest_tells_what_the_test_split_says(artifact, panel, probabilities, labels):
    """What preparation measured and kept is what is measured now."""
    now, kept = measure(panel, probabilities, labels), artifact.manifest.metrics
    for name, each in now.members.items():
        assert kept["members"][name]["auc"] == pytest.approx(each.auc, abs=0.01)
    assert kept["panel"]["auc"] == pytest.approx(now.panel.auc, abs=0.01)


def test_the_same_texts_score_the_same_again(panel, rows):
    """A second call with the same texts gives the same numbers to the last digit."""
    once, again = panel.probabilities(rows[:32]), panel.probabilities(rows[:32])
    assert np.array_equal(once, again)


def test_scores_do_not_depend_on_the_batch(panel, rows):
    """A text alone scores as among 63 others, beyond rounding."""
    together = panel.probabilities(rows[:64])
    alone = np.vstack([panel.probabilities([row]) for row in rows[:64:4]])
    differences = np.abs(together[::4] - alone).max(axis=0)
    print(dict(zip(panel.joint.members, differences.tolist(), strict=True)))
    assert differences.max() < ROUNDING


def test_order_does_not_matter(panel, rows):
    """The same texts in another order get the same scores, each its own."""
    order = np.random.default_rng(0).permutation(32)
    straight, mixed = panel.probabilities(rows[:32]), panel.probabilities([rows[i] for i in order])
    assert np.abs(straight[order] - mixed).max() < ROUNDING


def test_an_injury_at_the_end_of_a_long_text_is_read(panel, artifact):
    """A long text is read to its end: an injury in the last of its windows lifts the deployed member's score."""
    calm, hurt = Text(CALM * 60), Text(CALM * 60 + HURT)
    scores = panel.probabilities([calm, hurt, Text(HURT)])
    column = list(panel.joint.members).index(artifact.joint.deployed)
    assert scores[1, column] > scores[0, column] + 0.1
    assert ((scores > 0) & (scores < 1)).all()
    print(dict(zip(panel.joint.members, np.round(scores, 3).T.tolist(), strict=True)))


def test_the_longest_text_is_scored(panel):
    """A text and a context of the greatest length get a score from every member."""
    longest = (CALM * (MAX_TEXT_CHARS // len(CALM) + 1))[:MAX_TEXT_CHARS]
    scores = panel.probabilities([Text(longest, longest)])
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize("text", ["a", "?!", "\u200b\u200b.", "\U0001f525\U0001f525", "ἀλλὰ τοῦτο", "x" * 3000])
def test_strange_texts_are_scored(panel, text):
    """Whatever a text holds, every member gives a probability."""
    scores = panel.probabilities([Text(text), Text("He fell.", text)])
    assert ((scores > 0) & (scores < 1)).all()


def test_no_texts_give_no_verdicts(panel):
    """An empty list is answered with an empty list."""
    assert panel.verdicts([]) == []


@pytest.mark.parametrize("change", ["edited", "missing"])
def test_a_changed_file_is_refused(artifact, tmp_path, change):
    """A group whose files are not what the manifest says is not loaded, and the message names the file and remedy."""
    copy = tmp_path / artifact.path.name
    shutil.copytree(artifact.path, copy, copy_function=shutil.copy)
    for group in artifact.groups:
        path = next(path for path in sorted((copy / group).rglob("*")) if path.is_file())
        if change == "edited":
            with path.open("ab") as stream:
                stream.write(b" ")
        else:
            path.unlink()
        with pytest.raises(ArtifactError, match=rf"{path.name}.*hungjury prepare --force"):
            Artifact(copy).load_scorer(group)


def test_what_is_prepared_holds_no_code(artifact):
    """Models are ONNX, safetensors and JSON; nothing that runs code when it is loaded."""
    suffixes = {path.suffix for path in artifact.path.rglob("*") if path.is_file()}
    assert suffixes <= {".onnx", ".safetensors", ".json"}
