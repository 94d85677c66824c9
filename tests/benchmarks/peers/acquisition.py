"""Query strategies of modAL, scikit-activeml, cleanlab and small-text on a pool, in an environment of their own.

Each sees what the project's own strategies see: P(yes) of every member of the texts that the deployed member passes,
and, in batches, the labels that it asks for. *Fixed* committees are the members as they are. *Taught* ones learn from
the labels: four classifiers of different kinds on the members' logits, fitted anew before every batch, as the
libraries' own examples do; until a label of each kind is known they ask as the fixed ones do.

small-text has no committees; its confidence-based strategy asks one classifier, which is taught.

Arguments: an .npz file with `table` (n, members), `thresholds` (members,) and `labels` (n,); labels to spend, batch,
seeds. Prints one JSON object: by strategy, for each seed, places of the texts in the order asked.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from cleanlab.multiannotator import get_active_learning_scores_ensemble
from modAL.disagreement import consensus_entropy_sampling, max_disagreement_sampling, vote_entropy_sampling
from modAL.models import ActiveLearner, Committee
from skactiveml.base import SkactivemlClassifier
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import QueryByCommittee
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from small_text import LeastConfidence, SklearnDataset
from small_text.classifiers import SklearnClassifier as SmallTextClassifier

Array = np.ndarray[Any, Any]
Ask = Callable[["Campaign", int], Array]
"""Places in the pool of the next texts, given a campaign so far and how many."""

CLASSES = np.array([0, 1])


class Member(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A member as a fitted classifier of rows of the table: it votes from its own threshold on."""

    def __init__(self, column: int = 0, threshold: float = 0.5) -> None:
        self.column, self.threshold = column, threshold
        self.classes_ = CLASSES

    def fit(self, _table: Array, _labels: Array) -> Self:
        """Nothing to learn."""
        return self

    def predict_proba(self, table: Array) -> Array:
        """Shape (n, 2)."""
        return np.column_stack([1 - table[:, self.column], table[:, self.column]])

    def predict(self, table: Array) -> Array:
        """Votes, shape (n,)."""
        return (table[:, self.column] >= self.threshold).astype(int)


class ActiveMember(SkactivemlClassifier):  # type: ignore[misc]  # scikit-activeml has no types
    """The same for scikit-activeml."""

    def __init__(self, column: int = 0, threshold: float = 0.5, classes: Any = None, missing_label: Any = np.nan,
                 random_state: Any = None) -> None:  # fmt: skip
        super().__init__(classes=classes, missing_label=missing_label, random_state=random_state)
        self.column, self.threshold = column, threshold

    def fit(self, X: Array, y: Array, sample_weight: Any = None) -> Self:  # noqa: ARG002, N803 (scikit-learn's names)
        """Nothing to learn."""
        self.classes_ = CLASSES
        return self

    def predict_proba(self, X: Array) -> Array:  # noqa: N803 (scikit-learn's name)
        """Shape (n, 2)."""
        return np.column_stack([1 - X[:, self.column], X[:, self.column]])

    def predict(self, X: Array) -> Array:  # noqa: N803 (scikit-learn's name)
        """Votes, shape (n,)."""
        return (X[:, self.column] >= self.threshold).astype(int)


class Campaign:
    """What one strategy was told so far.

    Attributes:
        table: P(yes), shape (n, members).
        logits: of the same, standardised.
        thresholds: votes, shape (members,).
        asked: places in the order asked.
        seed: of everything random.
        rng: breaks ties.
    """

    def __init__(self, table: Array, thresholds: Array, labels: Array, seed: int) -> None:
        clipped = table.clip(1e-6, 1 - 1e-6)
        logits = np.log(clipped / (1 - clipped))
        self.table, self.thresholds, self.seed = table, thresholds, seed
        self.logits = (logits - logits.mean(axis=0)) / logits.std(axis=0)
        self.asked, self._labels = np.empty(0, dtype=int), labels
        self.rng = np.random.default_rng(seed)

    @property
    def known(self) -> Array:
        """Labels of the texts asked for, in that order."""
        return self._labels[self.asked]

    @property
    def left(self) -> Array:
        """Places of the texts not asked for."""
        return np.setdiff1d(np.arange(len(self.table)), self.asked)

    @property
    def teaches(self) -> bool:
        """Whether both labels are known."""
        return len(np.unique(self.known)) == len(CLASSES)

    def learners(self) -> list[Any]:
        """Four classifiers of different kinds, not fitted."""
        near = min(5, len(self.asked))
        return [
            LogisticRegression(max_iter=1000),
            GaussianNB(),
            RandomForestClassifier(25, random_state=self.seed),
            KNeighborsClassifier(near),
        ]


def modal(query: Callable[..., Any], *, taught: bool) -> Ask:
    """A query of a modAL Committee; equal ones in random order."""

    def ask(campaign: Campaign, count: int) -> Array:
        np.random.seed(campaign.seed)  # modAL draws from the global generator
        if taught and campaign.teaches:
            given = {"X_training": campaign.logits[campaign.asked], "y_training": campaign.known}
            committee = Committee([ActiveLearner(estimator=each, **given) for each in campaign.learners()])
            pool = campaign.logits
        else:
            members = [Member(i, threshold) for i, threshold in enumerate(campaign.thresholds)]
            committee, pool = Committee([ActiveLearner(estimator=each) for each in members]), campaign.table
        places, values = query(committee, pool[campaign.left], n_instances=count, random_tie_break=True)
        return np.asarray(campaign.left[places[np.argsort(-values, kind="stable")]])

    return ask


def skactiveml(method: str, *, taught: bool) -> Ask:
    """scikit-activeml's query by committee."""

    def ask(campaign: Campaign, count: int) -> Array:
        labels = np.full(len(campaign.table), np.nan)
        labels[campaign.asked] = campaign.known
        learns = taught and campaign.teaches
        if learns:
            ensemble = [SklearnClassifier(each, classes=CLASSES) for each in campaign.learners()]
        else:
            ensemble = [ActiveMember(i, cut, classes=CLASSES) for i, cut in enumerate(campaign.thresholds)]
        strategy = QueryByCommittee(method=method, random_state=campaign.seed)
        pool = campaign.logits if learns else campaign.table
        return np.asarray(strategy.query(pool, labels, ensemble, fit_ensemble=True, batch_size=count))

    return ask


def cleanlab(*, taught: bool) -> Ask:
    """cleanlab's ActiveLab for an ensemble: the lowest scores first."""

    def ask(campaign: Campaign, count: int) -> Array:
        if taught and campaign.teaches:
            fitted = [each.fit(campaign.logits[campaign.asked], campaign.known) for each in campaign.learners()]
            chances = np.stack([each.predict_proba(campaign.logits) for each in fitted])
        else:
            chances = np.stack([1 - campaign.table.T, campaign.table.T], axis=2)
        told = {}
        if len(campaign.asked):
            told = {"labels_multiannotator": campaign.known[:, None].astype(float),
                    "pred_probs": chances[:, campaign.asked].copy()}  # fmt: skip
        _, scores = get_active_learning_scores_ensemble(**told, pred_probs_unlabeled=chances[:, campaign.left].copy())
        order = np.lexsort((campaign.rng.random(len(scores)), scores))
        return np.asarray(campaign.left[order[:count]])

    return ask


def small_text(campaign: Campaign, count: int) -> Array:
    """small-text's least confidence of one classifier; before it can be taught, of the members' mean."""
    pool = SklearnDataset(campaign.logits, np.zeros(len(campaign.table), dtype=int), target_labels=CLASSES)
    if campaign.teaches:
        classifier = SmallTextClassifier(LogisticRegression(max_iter=1000), len(CLASSES))
        classifier.fit(SklearnDataset(campaign.logits[campaign.asked], campaign.known, target_labels=CLASSES))
    else:
        classifier = SmallTextClassifier(Member(0), len(CLASSES))
        pool = SklearnDataset(campaign.table.mean(axis=1, keepdims=True), pool.y, target_labels=CLASSES)
    left = campaign.left
    return np.asarray(LeastConfidence().query(classifier, pool, left, campaign.asked, campaign.known, n=count))


STRATEGIES: dict[str, Ask] = {
    "modAL vote entropy": modal(vote_entropy_sampling, taught=False),
    "modAL consensus entropy": modal(consensus_entropy_sampling, taught=False),
    "modAL max disagreement": modal(max_disagreement_sampling, taught=False),
    "modAL vote entropy, taught": modal(vote_entropy_sampling, taught=True),
    "modAL consensus entropy, taught": modal(consensus_entropy_sampling, taught=True),
    "modAL max disagreement, taught": modal(max_disagreement_sampling, taught=True),
    "scikit-activeml QBC, KL": skactiveml("KL_divergence", taught=False),
    "scikit-activeml QBC, votes": skactiveml("vote_entropy", taught=False),
    "scikit-activeml QBC, KL, taught": skactiveml("KL_divergence", taught=True),
    "cleanlab ActiveLab": cleanlab(taught=False),
    "cleanlab ActiveLab, taught": cleanlab(taught=True),
    "small-text least confidence, taught": small_text,
}


def main() -> None:
    """Runs every strategy with every seed."""
    path, labels, batch, seeds = sys.argv[1], *map(int, sys.argv[2:5])
    result, sys.stdout = sys.stdout, sys.stderr  # cleanlab prints warnings
    with np.load(path) as found:
        table, thresholds, answers = (np.asarray(found[name]) for name in ("table", "thresholds", "labels"))
    orders: dict[str, list[list[int]]] = {name: [] for name in STRATEGIES}
    for name, ask in STRATEGIES.items():
        for seed in range(seeds):
            campaign = Campaign(table, thresholds, answers.astype(int), seed)
            while len(campaign.asked) < min(labels, len(table)):
                count = min(batch, labels - len(campaign.asked), len(campaign.left))
                campaign.asked = np.concatenate([campaign.asked, ask(campaign, count)])
            orders[name].append(campaign.asked.tolist())
        sys.stderr.write(f"{name}\n")
    json.dump(orders, result)


if __name__ == "__main__":
    main()
