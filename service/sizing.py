"""How many threads and replicas a member group gets where the configuration leaves it open: measured, in one place.

`hungjury doctor --measure` measures; what it finds is kept in the state directory for this machine and these packages.
Everything is measured as a ratio to the default in the same turn, and the default stays unless another size is clearly
better, so that a busy machine decides nothing by chance.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.artifacts import Artifact
from ensemble.home import home
from ensemble.members.hashing import version_of
from ensemble.scorer import Scorer
from ensemble.text import Text
from service.config import Config, GroupConfig

FILE = "sizing.json"

MEASURED_GROUPS = ("encoder", "keyword")
"""Groups that ONNX Runtime runs; the language model's threads are set by hand."""

MOST_CORES = 8
"""More than that on one group gains little with texts of usual length."""

BETTER, WORSE = 1.15, 0.9
"""Ratios to the default from which a size counts as better, in `SURE` of the turns, or as worse."""

TURNS, SURE = 5, 4
_BATCH = 32
_SINGLE = 4
_TEXT = Text("The kettle ticked on the stove, and he put the letters beside the bread before anybody came down. " * 2)


class Size(BaseModel):
    """Threads of one forward pass, and processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = 1
    replicas: int = 1


DEFAULTS: Mapping[str, Size] = {"language_model": Size(threads=2)}
"""Sizes where nothing was measured and they are not 1 and 1."""


class Trial(BaseModel):
    """A size beside the default: by turn, how many times its throughput and its speed on single texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Size
    throughput: tuple[float, ...]
    quickness: tuple[float, ...]

    @property
    def is_better(self) -> bool:
        """Clearly better in one of the two, and not worse in the other."""
        both = (self.throughput, self.quickness)
        sure = any(sum(ratio >= BETTER for ratio in ratios) >= SURE for ratios in both)
        return sure and all(statistics.median(ratios) >= WORSE for ratios in both)

    @property
    def merit(self) -> float:
        """Product of the two medians; 1 = as good as the default."""
        return statistics.median(self.throughput) * statistics.median(self.quickness)


class Sizing(BaseModel):
    """`sizing.json`: what was measured, by group, and on which machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    trials: dict[str, tuple[Trial, ...]]

    def size(self, group: str) -> Size:
        """The size of a group; the default where nothing better was measured."""
        better = [trial for trial in self.trials.get(group, ()) if trial.is_better]
        return max(better, key=lambda trial: trial.merit).size if better else DEFAULTS.get(group, Size())


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """A name for this machine as far as speed depends on it: processor, cores, packages."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = sorted({line for line in lines if line.startswith(("model", "CPU part", "flags"))})
    return version_of([platform.machine(), platform.processor(), models, cores(), _runtimes()])


def _runtimes() -> list[str]:
    """Versions of ONNX Runtime, under whichever name it is installed."""
    return [f"{one.name} {one.version}" for one in importlib.metadata.distributions(name="onnxruntime-gpu")] + [
        f"{one.name} {one.version}" for one in importlib.metadata.distributions(name="onnxruntime")
    ]


def kept() -> Sizing:
    """What was measured on this machine; nothing where that was another, or never."""
    here = machine()
    try:
        found = Sizing.model_validate_json((home() / FILE).read_bytes())
    except (OSError, ValidationError):
        return Sizing(machine=here, trials={})
    return found if found.machine == here else Sizing(machine=here, trials={})


def sized(config: Config) -> Config:
    """The configuration with every group's threads and replicas filled in; what it says itself stays."""
    sizing = kept()
    names = {*MEASURED_GROUPS, *DEFAULTS, *config.members}
    members = {name: _filled(config.group(name), sizing.size(name)) for name in sorted(names)}
    return config.model_copy(update={"members": members})


def _filled(settings: GroupConfig, size: Size) -> GroupConfig:
    if settings.num_gpus > 0:  # a processor's measurement says nothing about a GPU
        size = Size()
    threads = settings.threads if settings.threads is not None else size.threads
    replicas = settings.replicas if settings.replicas is not None else size.replicas
    if settings.threads is not None and settings.replicas is None:
        replicas = 1  # the two were measured together
    return settings.model_copy(update={"threads": threads, "replicas": replicas})


def candidates(count: int) -> list[Size]:
    """Sizes that use all of `count` cores, beside the default: one replica, one thread each, and what lies between."""
    count = min(count, MOST_CORES)
    threads = [n for n in (1, 2, 4, 8) if n < count and count % n == 0] + [count]
    return [Size(threads=n, replicas=count // n) for n in threads] if count > 1 else []


def measure(artifact: Artifact, *, progress: Callable[[str], None] = lambda _: None) -> Sizing:
    """Measures the groups of an artifact that ONNX Runtime runs, keeps what it finds, and gives it back.

    Args:
        artifact: whose members; their speed hardly depends on what they were fitted to.
        progress: told each group's name.
    """
    trials = {}
    for group in [name for name in artifact.groups if name in MEASURED_GROUPS]:
        progress(group)
        trials[group] = try_sizes(partial(_load, artifact, group), cores())
    found = Sizing(machine=machine(), trials=trials)
    (home() / FILE).write_text(found.model_dump_json(indent=1), encoding="utf-8")
    return found


def _load(artifact: Artifact, group: str, threads: int) -> Scorer:
    return artifact.load_scorer(group, threads=threads)


def try_sizes(load: Callable[[int], Scorer], count: int) -> tuple[Trial, ...]:
    """Every candidate beside the default, in alternating turns; `load` gives a scorer of so many threads."""
    found = []
    for size in candidates(count):
        teams = [[load(1)], [load(size.threads) for _ in range(size.replicas)]]
        try:
            for team in teams:
                _quickness(team[0]), _throughput(team)  # the first pass is not like the others
            turns = [(_throughput(teams[1]) / _throughput(teams[0]), _ratio(teams)) for _ in range(TURNS)]
        finally:
            for scorer in [one for team in teams for one in team]:
                scorer.close()
        throughput, quickness = zip(*turns, strict=True)
        found.append(Trial(size=size, throughput=throughput, quickness=quickness))
    return tuple(found)


def _ratio(teams: Sequence[Sequence[Scorer]]) -> float:
    return _quickness(teams[1][0]) / _quickness(teams[0][0])


def _throughput(team: Sequence[Scorer]) -> float:
    """Texts a second that all of a team score together, each in a thread of its own as if it were a process."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(team)) as threads:
        list(threads.map(lambda scorer: scorer.score([_TEXT] * _BATCH), team))
    return len(team) * _BATCH / (time.perf_counter() - began)


def _quickness(scorer: Scorer) -> float:
    """Single texts a second, one after the other."""
    began = time.perf_counter()
    for _ in range(_SINGLE):
        scorer.score([_TEXT])
    return _SINGLE / (time.perf_counter() - began)
