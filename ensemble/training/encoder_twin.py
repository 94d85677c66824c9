"""The deployed encoder as a torch module again, for what ONNX Runtime cannot give: gradients.

The weights come out of the float32 export itself, so every artifact has a twin. One forward and backward pass of a text
says for each of its words how much it holds the logit up, and, to first order, what any other word in its place would
do: the linear term of HotFlip (Ebrahimi et al. 2018, arXiv 1712.06751).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError
from ensemble.members.encoder import WITH_CONTEXT, EncoderFile
from ensemble.members.formats import MODELS, ModelFormats
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.token_batches import token_batches
from ensemble.members.windows import Window, WindowTokenizer, pad, starts
from ensemble.memory import give_back
from ensemble.scorer import FloatArray
from ensemble.sensitivity import Sensitivity, word_spans
from ensemble.text import Text
from ensemble.training.bert import Classifier, load_base, minilm_path

TOLERANCE = 1e-3
"""Largest difference of a logit between the twin and its export; rounding gives about 1e-6."""

_CHECKED = (Text("The cut on her hand was deep, and it bled."), Text("He put the kettle on and sang to the cat."))
_BATCH_TOKENS = 1024
_PLAIN = re.compile("[a-z]{3,}")


class EncoderTwin:
    """Gradients of the deployed encoder's logit. Each text looked at costs one gradient pass.

    Args:
        directory: the encoder's folder in an artifact.
        threads: CPU threads of a pass; None leaves torch's setting.

    Raises:
        ArtifactError: the export's weights do not make a module of the same numbers.
    """

    def __init__(self, directory: Path, *, threads: int | None = None) -> None:
        self._threads = threads
        self._model = from_onnx(directory / MODELS["float32"])
        self._windows = WindowTokenizer(directory / "tokenizer.json")
        self._embeddings = self._model.base.get_input_embeddings().weight.detach()
        self._padding = self._embeddings[0]
        self.calibration = float32_calibration(directory)
        self._check(directory)

    def table(self) -> tuple[list[str], NDArray[np.float32]]:
        """Plain lower-case words that are one piece, and their embeddings, shape (words, width)."""
        words = {word: place for word, place in self._windows.vocabulary().items() if _PLAIN.fullmatch(word)}
        return list(words), self._embeddings[torch.tensor(list(words.values()))].numpy()

    def look(self, texts: Sequence[Text]) -> list[Sensitivity]:
        """What one gradient pass a text says, in order; of a long text, the window with the highest logit.

        Each text is one gradient pass, however many words are asked about afterwards.
        """
        return self._looked(texts, 1.0)

    def look_midway(self, texts: Sequence[Text]) -> list[Sensitivity]:
        """The same with the gradient half-way between the texts and nothing: their words fading into padding.

        Saliency is then (embedding - padding) . gradient, integrated gradients (Sundararajan et al. 2017, arXiv
        1703.01365) by one step of the midpoint rule. On 25 texts of task injury's calibration split it orders words by
        what leaving them out does with a rank correlation of 0.38 (four steps: 0.36), gradient times embedding at the
        text itself with -0.23; effects of replacements are foretold with 0.41 instead of 0.37. `logit` is that of the
        point half-way.
        """
        return self._looked(texts, 0.5)

    def _looked(self, texts: Sequence[Text], share: float) -> list[Sensitivity]:
        windows = self._windows.windows(texts, with_context=WITH_CONTEXT)
        logits, gradients = self._pass(windows, share)
        give_back()  # as much as the model takes, and the next pass may be minutes away
        nothing = self._padding if share < 1 else torch.zeros_like(self._padding)
        found = []
        for row, text in enumerate(texts):
            own = [index for index, window in enumerate(windows) if window.row == row]
            best = max(own, key=lambda index: logits[index])
            found.append(self._sensitivity(text, own.index(best), float(logits[best]), gradients[best], nothing))
        return found

    def effects(self, sensitivity: Sensitivity, word: int, candidates: Sequence[str]) -> FloatArray:
        """First-order change of the logit where candidates stand in a word's place, shape (len(candidates),).

        Sum over the pieces of (embedding of the candidate - embedding of the word) . gradient; where the numbers of
        pieces differ, the gradient is the mean over the word's pieces. Negative = the logit falls.
        """
        gradient = torch.from_numpy(sensitivity.gradients[word])
        old = self._summed([sensitivity.words[word]])
        return np.asarray(((self._summed(candidates) - old) @ gradient).double().numpy())

    def _summed(self, words: Sequence[str]) -> torch.Tensor:
        """Sum of each word's piece embeddings, (words, width)."""
        pieces = self._windows.ids(list(words))
        return torch.stack([self._embeddings[torch.tensor(ids, dtype=torch.long)].sum(0) for ids in pieces])

    def _sensitivity(
        self, text: Text, window: int, logit: float, gradient: NDArray[np.float32], nothing: torch.Tensor
    ) -> Sensitivity:
        """From token gradients, (tokens, width), to one mean gradient a word; `nothing` is the baseline, (width,)."""
        spans = word_spans(text.text)
        offsets = self._windows.offsets(text.text)
        first = starts(len(offsets))[window]
        owner = {at: index for index, (start, end) in enumerate(spans) for at in range(start, end)}
        total = np.zeros((len(spans), gradient.shape[1]))
        count = np.zeros(len(spans))
        for place, (start, _) in enumerate(offsets[first : first + len(gradient) - 2]):
            if start in owner:
                total[owner[start]] += gradient[place + 1]
                count[owner[start]] += 1
        mean = total / np.maximum(count, 1)[:, None]
        words = tuple(text.text[start:end] for start, end in spans)
        pieces = np.array([len(ids) for ids in self._windows.ids(list(words))])[:, None] if words else np.zeros((0, 1))
        held = ((self._summed(words).numpy() - nothing.numpy() * pieces) * mean).sum(1) if words else np.zeros(0)
        return Sensitivity(text, logit, spans, words, np.asarray(held, dtype=np.float64), mean.astype(np.float32))

    def _pass(self, windows: Sequence[Window], share: float) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """Logit of each window, and its gradient by the word embeddings, each (tokens, width); see `_backward`."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads or before)
        logits: dict[int, float] = {}
        gradients: dict[int, NDArray[np.float32]] = {}
        try:
            for batch in token_batches([len(window.ids) for window in windows], _BATCH_TOKENS):
                outputs, slopes = self._backward([windows[index] for index in batch], share)
                for index, output, slope in zip(batch, outputs, slopes, strict=True):
                    logits[index], gradients[index] = output, slope[: len(windows[index].ids)]
        finally:
            torch.set_num_threads(before)
        return logits, gradients

    def _backward(self, batch: Sequence[Window], share: float) -> tuple[list[float], NDArray[np.float32]]:
        """Logits and gradients where the texts' own tokens are this share of themselves, and padding for the rest."""
        inputs = {name: torch.from_numpy(array) for name, array in pad(batch).items()}
        embedded = self._embeddings[inputs["input_ids"]].clone()
        for row, window in enumerate(batch):
            body = _body(window)
            embedded[row, body] = self._padding + share * (embedded[row, body] - self._padding)
        embedded.requires_grad_()
        logits = self._model.from_embeddings(embedded, inputs["attention_mask"], inputs["token_type_ids"])[:, 0]
        (slopes,) = torch.autograd.grad(logits.sum(), embedded)
        return logits.tolist(), slopes.numpy()

    def _check(self, directory: Path) -> None:
        exported = OnnxTextModel(directory, number_format="float32").highest(_CHECKED, with_context=WITH_CONTEXT)
        twin = np.array([seen.logit for seen in self.look(_CHECKED)])
        difference = float(np.abs(exported - twin).max())
        if not difference <= TOLERANCE:
            raise ArtifactError(
                f"the torch twin of {directory} differs from its export by {difference:.2g}; the limit is "
                f"{TOLERANCE:.0e}; prepare or train again with this version"
            )


def _body(window: Window) -> slice:
    """Where the text's own tokens stand, without context and special tokens."""
    second = window.segments.index(1) if 1 in window.segments else 1
    return slice(second, len(window.ids) - 1)


def float32_calibration(directory: Path) -> Platt:
    """From the logits of an encoder's float32 export to P(yes).

    Raises:
        ArtifactError: the artifact has none.
    """
    file = EncoderFile.model_validate_json((directory / "encoder.json").read_bytes())
    platt = file.calibration_of("float32", ModelFormats.read(directory).primary)
    if platt is None:
        raise ArtifactError(f"{directory} has no calibration for float32; prepare or train again")
    return platt


def from_onnx(path: Path) -> Classifier:
    """The module that an export of the packaged MiniLM was made from, frozen, with torch's fused attention.

    Biases and norms keep their names in the export; a linear weight is found by the bias that is added to its product.

    Raises:
        ArtifactError: the file cannot be read, or holds another kind of model.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:
        raise ArtifactError(f"cannot read {path}: {error}; prepare or train again") from error
    weights = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        bias = next((name for name in node.input if name.endswith(".bias") and name in weights), None)
        factor = next((products[name] for name in node.input if name in products), None)
        if node.op_type == "Add" and bias and factor:
            weights[bias.removesuffix("bias") + "weight"] = weights[factor].T
    model = Classifier(load_base(minilm_path())).eval().requires_grad_(False)
    state = {
        name: value for name, value in model.state_dict().items() if "pooler" not in name
    }  # not read, not exported
    wrong = [name for name, value in state.items() if name not in weights or weights[name].shape != tuple(value.shape)]
    if wrong:
        raise ArtifactError(
            f"{path} is no export of the packaged MiniLM: {len(wrong)} weights are missing, {wrong[0]} first"
        )
    for name, value in state.items():
        value.copy_(torch.from_numpy(np.array(weights[name])))
    return model
