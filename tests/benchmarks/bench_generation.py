"""Completions a second where many samples are asked of one prompt that is read once, beside reading it for each.

Run by `make bench`, or alone by `pytest -s -p no:randomly tests/benchmarks/bench_generation.py`. The prompts are those
of the steered source on the seeds of task injury; both ways draw with the same seeds and write the same texts.
"""

import statistics
import time

import numpy as np
import pytest

from ensemble.artifacts import current_artifact
from ensemble.tasks.task import load_task
from miners.sources.shots import Shots
from miners.sources.steered import first_item, prompt_of

pytestmark = [pytest.mark.models]

SAMPLES, TOKENS, TURNS = 16, 40, 5


def test_generation(capsys, prepared_home, monkeypatch):
    """Reading the prompt once, every time anew, and not at all where it was the last one already."""
    monkeypatch.setenv("HUNGJURY_HOME", str(prepared_home))
    task = load_task("injury")
    shots, rng = Shots(task.rows()), np.random.default_rng(0)
    scorer = current_artifact("injury").load_scorer("language_model", threads=2)
    model = scorer.language_model
    seconds = {"every prompt whole": [], "read once": [], "kept from before": []}
    kept, tokens, same = 0, [], 0
    for turn in range(TURNS):
        opening = task.openings[turn]
        prompt = prompt_of([shot for shot in shots.draw(6, rng) if shot.context], opening)
        tokens.append(len(model.tokens(prompt)))
        written = {}
        for name, share in (("every prompt whole", False), ("read once", True), ("kept from before", True)):
            began = time.perf_counter()
            written[name] = model.generate([prompt] * SAMPLES, max_new_tokens=TOKENS, seed=turn, share=share)
            seconds[name].append(time.perf_counter() - began)
        same += sum(a == b for a, b in zip(written["every prompt whole"], written["read once"], strict=True))
        kept += sum(first_item(text, opening) is not None for text in written["read once"])
    scorer.close()
    with capsys.disabled():
        print(
            f"\n{SAMPLES} samples of up to {TOKENS} tokens of one prompt of {statistics.mean(tokens):.0f} tokens, "
            f"median of {TURNS} turns; {same} of {SAMPLES * TURNS} texts the same both ways, {kept} worth reading"
        )
        base = statistics.median(seconds["every prompt whole"])
        for name, found in seconds.items():
            middle = statistics.median(found)
            spread = f"({min(found):.1f} to {max(found):.1f} s)"
            print(f"{name:20}{SAMPLES / middle:8.2f} texts/s {spread}{base / middle:8.2f}x")
