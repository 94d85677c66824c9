"""What a back-test says of the failure rate that a strategy's labels would have told."""

import numpy as np
import pytest

from ensemble.row_checks import check_row
from miners.acquisition.registry import chosen
from miners.acquisition.strategy import Choice
from miners.acquisition.text_features import text_features
from miners.replay import Plan, replay
from miners.replay_report import told_rates
from miners.replay_rows import Gathered, carried, to_replay, with_features


class Sure:
    """Takes the next texts of the pool, leaves nothing to chance, and says that it learns."""

    name, learns = "sure", True

    def choose(self, pool, answered, count, rng):  # noqa: ARG002 - part of the signature
        places = np.arange(len(answered.indices), min(len(answered.indices) + count, len(pool.posterior)))
        return Choice(places, np.ones(len(places)), np.zeros(len(places)))


@pytest.fixture
def labelled():
    """300 texts, all passed, with 30 failures that the other member half sees."""
    rng, gathered = np.random.default_rng(1), Gathered()
    for i in range(300):
        failing = i % 10 == 0
        other = float(np.clip(rng.normal(0.5 if failing else 0.25, 0.15), 0.01, 0.99))
        record = {"text": f"text {i}", "label": int(failing), "members": {"a": 0.1, "b": other}}
        gathered.add(check_row(record, file="rows.jsonl", line=i + 1))
    found = to_replay(gathered, carried(gathered, 0.5), None, None)
    return with_features(found, text_features(found.texts))


def test_every_seed_of_adaptive_tells_a_rate(labelled):
    """Estimate and interval over all passed texts, in the report and in a sentence with the truth beside them."""
    report = replay(labelled, chosen("adaptive,random"), Plan(60, 3, 10))
    rates = report.strategies["adaptive"].rates
    assert [(each.texts, each.labels <= 60, each.found > 0) for each in rates] == [(300, True, True)] * 3
    assert all(each.found / 300 <= each.interval[0] < each.interval[1] for each in rates)
    assert report.strategies["random"].rates == []
    (sentence,) = told_rates(report)
    assert sentence.startswith("failure rate told from the labels of adaptive: ")
    assert "in truth 10.00%" in sentence


def test_no_rate_is_told_from_what_left_nothing_to_chance(labelled):
    """Its labels say how often its own picks fail, and nothing of the others."""
    report = replay(labelled, [Sure()], Plan(50, 2, 10))
    assert report.strategies["sure"].rates == []
    assert told_rates(report) == []
