"""Texts a second of the encoder beside a plain torch loop and sentence-transformers' ONNX backend, and its parity.

Run by `make bench`; `make peers` first, or the comparison with sentence-transformers is left out. Everything is
measured in the same run, in turns, with as many threads each.
"""

import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from ensemble.artifacts import current_artifact
from ensemble.members.encoder import WITH_CONTEXT, EncoderScorer, encoder_logits
from ensemble.members.formats import MODELS, ModelFormats
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import WindowTokenizer, highest
from ensemble.rows import RowReader
from ensemble.tasks.task import load_task
from ensemble.text import Text
from ensemble.training.bert import minilm_path
from ensemble.training.encoder_export import finish_encoder
from ensemble.training.encoder_twin import from_onnx
from ensemble.training.parity import torch_outputs

pytestmark = pytest.mark.models

TURNS = 5
PLAIN_BATCH = 32
THREADS = sorted({1, os.cpu_count() or 1})
SETS = {"crisislex_t26_casualties": 256, "fiction_passages": 96}
PLAIN, PEER, OURS = "plain torch", "sentence-transformers ONNX", "encoder"
TARGETS = {PLAIN: 3.0, PEER: 1.0}

Job = Callable[[list[str]], float]
"""Seconds that the texts take."""


def texts(root: Path, name: str, count: int) -> list[str]:
    """Every seventh text of a data set, so that they are not all of one source."""
    with closing(iter(RowReader([root.parent / "shared" / "data" / f"{name}.jsonl.gz"]))) as rows:
        return [row.text for number, row in zip(range(7 * count), rows, strict=False) if number % 7 == 0]


@pytest.fixture(scope="module")
def folder(prepared_home, tmp_path_factory) -> Path:
    """A copy of the prepared encoder, exported to this machine's formats anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNGJURY_HOME", str(prepared_home))
        source = current_artifact("injury").path / "encoder"
    return Path(shutil.copytree(source, tmp_path_factory.mktemp("bench") / "encoder"))


@pytest.fixture(scope="module")
def model(folder):
    """The same encoder in torch, float32."""
    return from_onnx(folder / MODELS["float32"])


@pytest.fixture(scope="module")
def formats(folder, model):
    """The number formats, as preparation adds them."""
    torch.set_num_threads(max(THREADS))
    finish_encoder(model, folder, load_task("injury").rows("calibration"), threads=max(THREADS))
    return ModelFormats.read(folder)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("threads", THREADS)
def test_texts_a_second(root, folder, model, formats, threads, tmp_path):
    """The encoder is faster than what anybody would write first."""
    if not (root.parent / "shared" / "data").is_dir():
        pytest.skip(f"{root.parent / 'shared' / 'data'} is not there")
    torch.set_num_threads(threads)
    scorer = EncoderScorer(folder, threads=threads)
    with ExitStack() as stack:
        jobs: dict[str, Job] = {PLAIN: partial(plain, model), OURS: partial(ours, scorer)}
        python = Path(os.environ.get("HUNGJURY_PEER_PYTHON", root / "build" / "peers" / "bin" / "python"))
        if python.is_file():
            jobs[PEER] = stack.enter_context(peer(python, root, threads, tmp_path))
        else:
            print(f"\n{PEER} is left out: there is no {python}; run `make peers`")
        for name, count in SETS.items():
            show(name, threads, formats.primary, measured(jobs, texts(root, name, count)), count)


def test_parity(folder, model, formats):
    """Prints how near each format is to torch on the calibration rows; the gate itself is in the code."""
    rows = load_task("injury").rows("calibration")
    windows = WindowTokenizer(folder / "tokenizer.json").windows(rows, with_context=WITH_CONTEXT)
    reference = highest(torch_outputs(model, windows)[:, 0], np.array([window.row for window in windows]))
    print(f"\nlogits in torch: from {reference.min():.2f} to {reference.max():.2f}")
    for variant in formats.variants:
        found = encoder_logits(OnnxTextModel(folder, threads=max(THREADS), number_format=variant.format), rows)
        print(f"{variant.format:8} logits differ by at most {np.abs(found - reference).max():.3g}; {variant.parity}")
    for refused in formats.refused:
        print(f"{refused.format:8} is refused: {refused.why}")


def plain(model: torch.nn.Module, found: list[str]) -> float:
    """What anybody would write first: batches in file order, padded to their longest."""
    tokenizer = AutoTokenizer.from_pretrained(str(minilm_path()), local_files_only=True)
    began = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(found), PLAIN_BATCH):
            batch = found[start : start + PLAIN_BATCH]
            inputs = tokenizer(batch, padding=True, truncation=True, max_length=256, return_tensors="pt")
            model(inputs["input_ids"], inputs["attention_mask"], inputs["token_type_ids"]).sigmoid()
    return time.perf_counter() - began


def ours(scorer: EncoderScorer, found: list[str]) -> float:
    """The member as it serves."""
    began = time.perf_counter()
    scorer.score([Text(text) for text in found])
    return time.perf_counter() - began


@contextmanager
def peer(python: Path, root: Path, threads: int, folder: Path) -> Iterator[Job]:
    """sentence-transformers in its own environment, asked line by line."""
    script = root / "tests" / "benchmarks" / "peers" / "sentence_onnx.py"
    command = [str(python), str(script), str(threads), str(folder / "peer")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert "ready" in process.stdout.readline(), "the peer did not start"

        def job(found: list[str]) -> float:
            process.stdin.write(json.dumps({"texts": found}) + "\n")
            process.stdin.flush()
            return float(json.loads(process.stdout.readline())["seconds"])

        yield job
        process.stdin.close()


def measured(jobs: dict[str, Job], found: list[str]) -> dict[str, list[float]]:
    """Seconds of every job in alternating turns, after one that warms all up."""
    for job in jobs.values():
        job(found[:PLAIN_BATCH])
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(TURNS):
        for name, job in jobs.items():
            seconds[name].append(job(found))
    return seconds


def show(name: str, threads: int, number_format: str, seconds: dict[str, list[float]], count: int) -> None:
    """Prints a data set's table; ratios are medians over the turns."""
    print(f"\n{count} texts of {name}, {threads} thread(s), median of {TURNS} turns; the encoder in {number_format}")
    print(f"{'':30}{'texts/s':>9}{'encoder is faster by':>22}{'target':>9}")
    for job, found in seconds.items():
        rate = count / statistics.median(found)
        ratio = statistics.median(theirs / own for theirs, own in zip(found, seconds[OURS], strict=True))
        target = TARGETS.get(job)
        verdict = "" if target is None else f"{target:g}x {'met' if ratio >= target else 'MISSED'}"
        print(f"{job:30}{rate:9.1f}{ratio:21.2f}x{verdict:>14}")
