"""Threads and replicas of the member groups: what was measured here, unless the configuration says otherwise."""

import pytest
import tiny_artifact

from ensemble.home import home
from service import sizing
from service.config import validate_config
from service.sizing import FILE, Size, Sizing, Trial, candidates, kept, measure, sized

WIDE = Size(threads=2, replicas=1)
MANY = Size(threads=1, replicas=2)


def trial(size=WIDE, throughput=(1.8,) * 5, quickness=(1.7,) * 5):
    return Trial(size=size, throughput=throughput, quickness=quickness)


def keep(*trials, machine=None):
    """Writes what a measurement of the encoder would have."""
    found = Sizing(machine=machine or sizing.machine(), trials={"encoder": trials})
    (home() / FILE).write_text(found.model_dump_json())


def test_without_a_measurement_the_defaults_stay():
    """One thread and one replica, two threads for the language model."""
    config = sized(validate_config({}))
    found = {name: (config.group(name).threads, config.group(name).replicas) for name in config.members}
    assert found == {"encoder": (1, 1), "keyword": (1, 1), "language_model": (2, 1), "remote_judge": (1, 1)}


def test_the_best_measured_size_is_used():
    """What is faster with many texts and with single ones goes before what is faster with many alone."""
    keep(trial(MANY, quickness=(1.0,) * 5), trial(WIDE))
    assert (sized(validate_config({})).group("encoder").threads, kept().size("encoder")) == (2, WIDE)
    assert kept().size("keyword") == Size()


@pytest.mark.parametrize(
    ("throughput", "quickness"),
    [
        ((1.3, 0.9, 1.2, 1.0, 1.3), (1.0, 1.1, 0.9, 1.2, 1.0)),  # better in three of five turns: chance
        ((1.1,) * 5, (1.05,) * 5),  # too little
        ((1.9,) * 5, (0.5,) * 5),  # many texts faster, single ones half as fast
    ],
)
def test_the_default_stays_unless_another_size_is_clearly_better(throughput, quickness):
    """Noise, small gains and gains at another's cost change nothing."""
    keep(trial(throughput=throughput, quickness=quickness))
    assert kept().size("encoder") == Size()


def test_what_the_configuration_says_wins():
    """A given value is kept, and threads that are given leave one replica, as the two were measured together."""
    keep(trial(MANY, quickness=(1.0,) * 5))
    config = sized(validate_config({"members": {"encoder": {"threads": 3}, "keyword": {"replicas": 4}}}))
    assert (config.group("encoder").threads, config.group("encoder").replicas) == (3, 1)
    assert (config.group("keyword").threads, config.group("keyword").replicas) == (1, 4)


def test_on_a_gpu_the_processors_measurement_says_nothing():
    """A group that runs on CUDA keeps the default."""
    keep(trial())
    group = sized(validate_config({"members": {"encoder": {"num_gpus": 1}}})).group("encoder")
    assert (group.threads, group.replicas) == (1, 1)


@pytest.mark.parametrize("content", [None, "{", '{"machine": "x", "trials": {"encoder": 7}}'])
def test_a_measurement_of_another_machine_or_a_damaged_one_is_left_aside(content):
    """It is as if nothing had been measured."""
    keep(trial(), machine="another")
    if content is not None:
        (home() / FILE).write_text(content)
    assert kept().trials == {}
    assert sized(validate_config({})).group("encoder").threads == 1


def test_measuring_tries_every_way_to_use_the_cores(monkeypatch):
    """The members run by ONNX Runtime are tried, by real scorers, and what was found is kept for this machine."""
    artifact = tiny_artifact.make()
    monkeypatch.setattr(sizing, "cores", lambda: 2)
    groups = []
    found = measure(artifact, progress=groups.append)
    assert groups == ["encoder", "keyword"]
    assert [one.size for one in found.trials["encoder"]] == [MANY, WIDE]
    assert all(ratio > 0 for one in found.trials["keyword"] for ratio in (*one.throughput, *one.quickness))
    assert kept() == found


def test_candidates_use_all_cores_and_never_more():
    """From one thread in each replica to one replica with all threads; one core leaves no choice."""
    assert candidates(1) == []
    assert candidates(4) == [Size(threads=1, replicas=4), Size(threads=2, replicas=2), Size(threads=4, replicas=1)]
    assert candidates(3) == [Size(threads=1, replicas=3), Size(threads=3, replicas=1)]
    assert all(one.threads * one.replicas <= sizing.MOST_CORES for one in candidates(64))
