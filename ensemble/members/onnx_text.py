"""Texts through a BERT-like ONNX model: tokenise, run, join windows. Shared by encoder and embedder."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import ArtifactError
from ensemble.members.formats import MODELS, Format, ModelFormats
from ensemble.members.token_batches import token_batches
from ensemble.members.windows import Window, WindowTokenizer, highest, pad
from ensemble.scorer import FloatArray
from ensemble.text import Text

T = TypeVar("T")
R = TypeVar("R")

_BATCH_TOKENS = 512
"""Padded tokens in one run, for each thread: what lies between two layers then stays near the core. On two cores
512 ran 1.6 times as fast as 4096, with tweets as with passages."""

_GPU_BATCH_TOKENS = 16_384

_CHUNK = 256
"""Texts that are tokenised at once, while the ones before run: enough for batches of like length, and little memory."""


class OnnxTextModel:
    """Tokeniser and ONNX session of one BERT-like model."""

    def __init__(
        self, directory: Path, *, threads: int = 1, device: str | None = None, number_format: Format | None = None
    ) -> None:
        """Opens the model and `tokenizer.json` in `directory`.

        Args:
            directory: holds the files.
            threads: ONNX Runtime's intra-op threads.
            device: "cuda" asks for the GPU and fails without one; otherwise the CPU.
            number_format: None takes the one that `formats.json` has for this device.

        Raises:
            ArtifactError: a file is missing or unreadable, or the GPU cannot be had.
        """
        self._budget = _GPU_BATCH_TOKENS if device == "cuda" else _BATCH_TOKENS * threads
        self.formats = ModelFormats.read(directory)
        self.number_format: Format = number_format or self.formats.here(device)
        try:
            self._tokenizer = WindowTokenizer(directory / "tokenizer.json")
            self._session = _session(directory / MODELS[self.number_format], threads, device)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"cannot load the model in {directory}: {error}") from error

    def run(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Model outputs, shape (len(windows), outputs), in the given order."""
        outputs: dict[int, NDArray[np.float32]] = {}
        for batch in token_batches([len(window.ids) for window in windows], self._budget):
            outputs |= dict(zip(batch, self._run_batch([windows[index] for index in batch]), strict=True))
        return np.stack([outputs[index] for index in range(len(windows))])

    def _run_batch(self, batch: Sequence[Window]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = self._session.run(None, pad(batch))[0]
        return output

    def highest(self, texts: Sequence[Text], *, with_context: bool) -> FloatArray:
        """First output of each text, the highest over its windows, shape (len(texts),)."""
        return np.concatenate([self._highest(windows) for windows in self._chunks(texts, with_context)])

    def mean(self, texts: Sequence[Text], *, with_context: bool) -> FloatArray:
        """Outputs of each text, averaged over its windows, shape (len(texts), outputs)."""
        chunks = self._chunks(texts, with_context)
        return np.concatenate([window_means(self.run(windows).astype(np.float64), windows) for windows in chunks])

    def _highest(self, windows: Sequence[Window]) -> FloatArray:
        return highest(self.run(windows)[:, 0].astype(np.float64), np.array([window.row for window in windows]))

    def _chunks(self, texts: Sequence[Text], with_context: bool) -> Iterator[list[Window]]:
        """Windows of the texts, chunk by chunk; a chunk's rows count from 0."""
        parts = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
        return ahead(partial(self._tokenizer.windows, with_context=with_context), parts)


def ahead(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Results in order; the next one is worked on in another thread while the caller has one in hand."""
    if len(items) == 1:
        yield work(items[0])
        return
    with ThreadPoolExecutor(1, thread_name_prefix="tokeniser") as thread:
        coming: deque[Future[R]] = deque()
        for item in items:
            coming.append(thread.submit(work, item))
            if len(coming) > 1:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def window_means(outputs: FloatArray, windows: Sequence[Window]) -> FloatArray:
    """Outputs of each text, averaged over its windows: (windows, outputs) -> (texts, outputs); every text has one."""
    rows = np.array([window.row for window in windows])
    total = np.zeros((rows[-1] + 1, outputs.shape[1]))
    np.add.at(total, rows, outputs)
    return np.asarray(total / np.bincount(rows)[:, None], dtype=np.float64)


def _session(path: Path, threads: int, device: str | None):  # type: ignore[no-untyped-def]  # noqa: ANN202 - onnxruntime has no types
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # varied shapes would grow the arena without end
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared with Ray
    options.log_severity_level = 3
    providers = ["CUDAExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
    session = ort.InferenceSession(str(path), options, providers=providers)
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise ArtifactError(f"no usable GPU for {path.name}; leave the member's device empty to use the CPU")
    return session


def default_threads() -> int:
    """Half the machine's cores, at least one: Ray and the other members need the rest."""
    return max(1, (os.cpu_count() or 2) // 2)
