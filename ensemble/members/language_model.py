"""A causal language model that reads many texts after one shared prompt, and writes new ones.

Reading takes one forward pass per batch. It gives the logits of a few chosen answer words and, for the probe, pooled
hidden states.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.errors import ArtifactError, InputError
from ensemble.members.generation import SharedPrompt, sample
from ensemble.members.hub import only_local
from ensemble.members.packed_linear import pack
from ensemble.members.padding import last_states, pooled_states
from ensemble.members.prefix_cache import Prefix, RecordingCache
from ensemble.members.shared_attention import Shared, attending, layer_windows
from ensemble.members.specs import Precision
from ensemble.members.token_batches import token_batches
from ensemble.members.weights import fingerprint
from ensemble.memory import give_back
from ensemble.scorer import FloatArray

_CACHED_PREFIXES = 4
_SPACE_MARKS = "\u2581\u0120"
"""How tokenizers write the space before a word: SentencePiece, byte-level BPE."""
_VOCABULARY_ROWS = 64
"""Positions whose probabilities over the whole vocabulary are held at once: 64 MB for one of 262,144 tokens."""

_SELF_CHECK_TOLERANCE = 0.05
_SOME_TEXT = "The lamp was lit before the guests came down."


@dataclass(frozen=True)
class Reading:
    """What one pass over n texts gives.

    Attributes:
        logits: float64, shape (n, answers): unnormalised log-probability of each answer token as the next token.
        hidden: float32, shape (n, layers, 2, width): for each chosen layer the state of the last token, and the mean
            over the tokens of the suffix (prompt prefix excluded).
    """

    logits: FloatArray
    hidden: NDArray[np.float32]


class LanguageModel:
    """A loaded model with its tokenizer; see `load`. Calls from several threads take turns.

    Args:
        model: a transformers causal language model in eval mode.
        tokenizer: its tokenizer.
        fingerprint: hash over the weights, see `weights.fingerprint`.
        threads: CPU threads a call may use; None leaves torch's setting.
        batch_tokens: most suffix tokens (padding included) in one forward pass.
    """

    def __init__(
        self, model: Any, tokenizer: Any, fingerprint: str, *, threads: int | None = None, batch_tokens: int = 1024
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._fingerprint, self._threads, self._batch_tokens = fingerprint, threads, batch_tokens
        self._prefixes: OrderedDict[str, Prefix] = OrderedDict()
        self._prompt = SharedPrompt()
        self._lent: Prefix | None = None  # the last of `likelihoods`, which must not drive out the judge's prompts
        self._lock = threading.RLock()
        self._windows = layer_windows(model.config.get_text_config())
        self._shares_prefixes = self._prefix_sharing_works()

    @classmethod
    def load(
        cls,
        path_or_hub_id: str | Path,
        *,
        device: str | None = None,
        dtype: Precision | None = None,
        threads: int | None = None,
    ) -> LanguageModel:
        """Loads a local directory, or a model of the hub by its id.

        Args:
            path_or_hub_id: a directory in the transformers format, or "owner/name".
            device: "cpu", "cuda", ...; None takes CUDA where there is one.
            dtype: "float32" or "bfloat16"; None takes float32 on a CPU and bfloat16 on CUDA.
            threads: see the class.

        Raises:
            ArtifactError: there is no such model, or it cannot be read.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        precision: Precision = dtype or ("float32" if chosen == "cpu" else "bfloat16")
        source = str(path_or_hub_id)
        local = only_local(source)
        try:
            digest = fingerprint(source, precision)
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
            with _quiet_progress():
                model = AutoModelForCausalLM.from_pretrained(
                    source, dtype=getattr(torch, precision), local_files_only=local
                )
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"cannot load the language model {source!r}: {error}; "
                "give a folder that holds it, or check its name and the network"
            ) from error
        pack(model.to(chosen).eval(), tokenizer(_SOME_TEXT)["input_ids"])
        return cls(model, tokenizer, digest, threads=threads)

    @property
    def fingerprint(self) -> str:
        """64 hex digits that change with the weights, the tokenizer or the precision."""
        return self._fingerprint

    @property
    def precision(self) -> Precision:
        """Number format of the weights."""
        return "bfloat16" if self._model.dtype == torch.bfloat16 else "float32"

    @property
    def depth(self) -> int:
        """Number of transformer blocks; hidden states have depth + 1 layers, 0 being the embeddings."""
        return int(self._model.config.get_text_config().num_hidden_layers)

    @property
    def width(self) -> int:
        """Width of a hidden state."""
        return int(self._model.config.get_text_config().hidden_size)

    def tokens(self, text: str) -> list[int]:
        """Token ids of a piece of text, nothing added; spellings of control tokens are read as plain characters."""
        return list(self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def answer_token(self, word: str) -> int:
        """The single token that spells `word` (a leading space counts).

        Raises:
            InputError: the word takes several tokens.
        """
        ids = self.tokens(word)
        if len(ids) != 1:
            raise InputError(f"the answer {word!r} takes {len(ids)} tokens of this model; choose a word of one token")
        return ids[0]

    def words(self) -> dict[str, int]:
        """Plain lower-case words that are one token when a space stands before them: " word" -> its token id."""
        spelled = self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))
        return {
            f" {token[1:]}": identifier
            for identifier, token in enumerate(spelled)
            if token and token[0] in _SPACE_MARKS and len(token) > 2 and token[1:].isalpha() and token[1:].islower()
        }

    def spelled(self, tokens: Sequence[int]) -> list[str]:
        """Tokens as text; a space before a word is kept."""
        pieces = self._tokenizer.convert_ids_to_tokens(list(tokens))
        return [f" {piece[1:]}" if piece and piece[0] in _SPACE_MARKS else piece for piece in pieces]

    def answer_rows(self, answers: Sequence[int]) -> NDArray[np.float32]:
        """The output layer's rows of some tokens, (answers, width): tokens of like rows are said in like places."""
        rows: NDArray[np.float32] = (
            self._model.get_output_embeddings().weight[list(answers)].detach().float().cpu().numpy()
        )
        return rows

    def read(self, prefix: str, suffixes: Sequence[str], answers: Sequence[int], layers: Sequence[int] = ()) -> Reading:
        """Reads every suffix after the prefix.

        Args:
            prefix: the shared prompt; its keys and values are computed once and kept for later calls.
            suffixes: what differs, none empty.
            answers: token ids whose logits are wanted.
            layers: hidden layers wanted, each in 0..depth; negative counts from the end.

        Returns:
            In the order of `suffixes`; independent of how they were batched beyond float rounding.
        """
        ids = [self.tokens(suffix) for suffix in suffixes]
        if not all(ids):
            raise InputError("a text has no tokens; is it blank?", field="text")
        with self._computing():
            shared = self._prefix(prefix)
            head = self._head(answers)
            logits = np.empty((len(ids), len(answers)))
            hidden = np.empty((len(ids), len(layers), 2, self.width), dtype=np.float32)
            for batch in token_batches([len(row) for row in ids], self._batch_tokens):
                logits[batch], hidden[batch] = self._read_batch(shared, [ids[i] for i in batch], head, layers)
        return Reading(logits, hidden)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 64,
        temperature: float = 1.0,
        top_p: float = 0.95,
        seed: int = 0,
        stop: Sequence[str] = (),
        batch: int = 16,
        share: bool = True,
    ) -> list[str]:
        """Continues each prompt by nucleus sampling; see `generation.sample`.

        What all prompts of a call begin with is read once, and kept until a call begins otherwise; with `share=False`
        every prompt is read whole, for comparison. The i-th prompt draws from a generator of its own, seeded by (seed,
        i), so what it becomes depends neither on the batch nor on other use of torch's randomness.
        """
        rows = [[*self._start_tokens(), *self.tokens(prompt)] for prompt in prompts]
        if not all(rows):
            raise InputError("a prompt has no tokens; is it blank?", field="prompts")
        written: list[str] = []
        with self._computing():
            share = share and bool(rows) and self._shares_prefixes
            prompt = self._prompt.read(self._model, rows, max_new_tokens) if share else SharedPrompt()
            self._prompt = prompt if prompt.tokens else self._prompt
            for start in range(0, len(rows), batch):
                written += sample(
                    self._model,
                    self._tokenizer,
                    rows[start : start + batch],
                    shared=prompt,
                    max_new_tokens=max_new_tokens,
                    temperature=temperature,
                    top_p=top_p,
                    seeds=[_row_seed(seed, index) for index in range(start, min(start + batch, len(rows)))],
                    stop=stop,
                )
        give_back()
        return written

    def likelihoods(self, prefix: str, texts: Sequence[str]) -> list[FloatArray]:
        """Log-probability of every token of each text after the prefix, in nats.

        Args:
            prefix: what stands before all of them; its keys and values are computed once and kept until another comes.
            texts: what is read; each stands right behind the prefix and brings its own leading space.

        Returns:
            One array a text, shape (its tokens,), each at most 0; empty for a text without tokens.

        Raises:
            InputError: the prefix is blank and the model has no token to begin with.
        """
        ids = [self.tokens(text) for text in texts]
        found: dict[int, FloatArray] = {i: np.empty(0) for i, row in enumerate(ids) if not row}
        told = [i for i, row in enumerate(ids) if row]
        with self._computing():
            shared, last = self._prefix_but_one(prefix)
            for batch in token_batches([len(ids[i]) for i in told], self._batch_tokens):
                chosen = [told[place] for place in batch]
                rows = self._likelihood_batch(shared, last, [ids[i] for i in chosen])
                found |= dict(zip(chosen, rows, strict=True))
        give_back()
        return [found[i] for i in range(len(ids))]

    def likely_words(self, prefixes: Sequence[str], count: int) -> list[list[tuple[int, float]]]:
        """The likeliest next tokens after each prefix with their log-probabilities, likeliest first.

        Raises:
            InputError: a prefix is blank and the model has no token to begin with.
        """
        rows = [[*self._start_tokens(), *self.tokens(prefix)] for prefix in prefixes]
        if not all(rows):
            raise InputError("a prefix has no tokens; is it blank?", field="prefixes")
        found: dict[int, list[tuple[int, float]]] = {}
        with self._computing():
            for batch in token_batches([len(row) for row in rows], self._batch_tokens):
                out = self._forward(self._tensor([rows[i] for i in batch]), Prefix(()), False)
                lengths = torch.tensor([len(rows[i]) for i in batch], device=out.last_hidden_state.device)
                logs = self._log_softmax(last_states(out.last_hidden_state, lengths))
                values, tokens = logs.topk(count)
                for i, own, scores in zip(batch, tokens.tolist(), values.tolist(), strict=True):
                    found[i] = list(zip(own, scores, strict=True))
        return [found[i] for i in range(len(rows))]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """One caller at a time, without gradients, on the given number of threads.

        The number is set at every call because OpenMP keeps it per calling thread.
        """
        with self._lock, torch.inference_mode():
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                yield
            finally:
                torch.set_num_threads(before)

    def _start_tokens(self) -> list[int]:
        token = self._tokenizer.bos_token_id
        return [] if token is None else [int(token)]

    def _prefix(self, text: str) -> Prefix:
        if text in self._prefixes:
            self._prefixes.move_to_end(text)
            return self._prefixes[text]
        made = self._compute_prefix((*self._start_tokens(), *self.tokens(text)), share=self._shares_prefixes)
        self._prefixes[text] = made
        if len(self._prefixes) > _CACHED_PREFIXES:
            self._prefixes.popitem(last=False)
        return made

    def _compute_prefix(self, tokens: tuple[int, ...], *, share: bool) -> Prefix:
        if not share or not tokens or self._windows is None:
            return Prefix(tokens)
        cache = RecordingCache(self.depth)
        self._model.base_model(input_ids=self._tensor([list(tokens)]), past_key_values=cache, use_cache=True)
        return cache.prefix(tokens)

    def _prefix_sharing_works(self) -> bool:
        """Whether a lent prefix gives what reading the whole text gives.

        Recurrent models cannot share one, nor those whose attention does more than ours knows of.
        """
        tokens = (*self._start_tokens(), *self.tokens(_SOME_TEXT))
        head, suffix = self._head([0]), [self.tokens(" Nobody spoke of it.")]
        with self._computing():
            plain, _ = self._read_batch(Prefix(tokens), suffix, head, ())
            try:
                lent, _ = self._read_batch(self._compute_prefix(tokens, share=True), suffix, head, ())
            # Whatever a model that knows nothing of ours raises: then its texts carry the prompt themselves.
            except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
                return False
        return bool(np.allclose(plain, lent, rtol=_SELF_CHECK_TOLERANCE, atol=_SELF_CHECK_TOLERANCE))

    def _head(self, answers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The answers' rows of the output layer in double precision: (answers, width), and their biases if any."""
        layer = self._model.get_output_embeddings()
        chosen = torch.tensor(list(answers), device=layer.weight.device)
        bias = getattr(layer, "bias", None)
        return layer.weight[chosen].double(), None if bias is None else bias[chosen].double()

    def _read_batch(
        self,
        prefix: Prefix,
        rows: Sequence[list[int]],
        head: tuple[torch.Tensor, torch.Tensor | None],
        layers: Sequence[int],
    ) -> tuple[FloatArray, NDArray[np.float32]]:
        """One forward pass.

        Rows are padded at the end, where causal attention keeps the padding from being seen, so no mask is needed.
        """
        skipped = 0 if prefix.cached else len(prefix.tokens)
        full = rows if prefix.cached else [[*prefix.tokens, *row] for row in rows]
        out = self._forward(self._tensor(full), prefix, list(layers) or False)
        lengths = torch.tensor([len(row) for row in rows], device=out.last_hidden_state.device)
        last = last_states(out.last_hidden_state[:, skipped:], lengths)
        pooled = [pooled_states(out.hidden_states[layer][:, skipped:], lengths) for layer in layers]
        hidden = torch.stack(pooled, dim=1) if pooled else torch.empty(len(rows), 0, 2, self.width)
        return self._logits(last, head), hidden.float().cpu().numpy()

    def _prefix_but_one(self, text: str) -> tuple[Prefix, int]:
        """A prefix without its last token, and that token: the texts' first token is foretold from its state."""
        tokens = (*self._start_tokens(), *self.tokens(text))
        if not tokens:
            raise InputError("nothing stands before the texts, and this model has no token to begin with")
        if len(tokens) == 1:
            return Prefix(()), tokens[0]
        if self._lent is None or self._lent.tokens != tokens[:-1]:
            self._lent = self._compute_prefix(tokens[:-1], share=self._shares_prefixes)
        return self._lent, tokens[-1]

    def _likelihood_batch(self, prefix: Prefix, last: int, rows: Sequence[list[int]]) -> list[FloatArray]:
        """Log-probabilities of the rows' tokens behind prefix and `last`; see `likelihoods`."""
        skipped = 0 if prefix.cached else len(prefix.tokens)
        before = [] if prefix.cached else list(prefix.tokens)
        out = self._forward(self._tensor([[*before, last, *row] for row in rows]), prefix, False)
        states = torch.cat([out.last_hidden_state[i, skipped : skipped + len(row)] for i, row in enumerate(rows)])
        wanted = torch.tensor([token for row in rows for token in row], device=states.device)
        parts = [slice(start, start + _VOCABULARY_ROWS) for start in range(0, len(wanted), _VOCABULARY_ROWS)]
        logs = [self._log_softmax(states[part]).gather(1, wanted[part, None])[:, 0] for part in parts]
        flat = torch.cat(logs).double().cpu().numpy()
        ends = np.cumsum([len(row) for row in rows])
        return [flat[end - len(row) : end] for end, row in zip(ends, rows, strict=True)]

    def _log_softmax(self, states: torch.Tensor) -> torch.Tensor:
        """Log-probabilities over the whole vocabulary, (n, width) -> (n, vocabulary), in float32."""
        logits = self._model.get_output_embeddings()(states).float()
        return torch.log_softmax(self._capped(logits), dim=-1)

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        cap = getattr(self._model.config.get_text_config(), "final_logit_softcapping", None)
        return torch.tanh(logits / cap) * cap if cap else logits

    def _forward(self, ids: torch.Tensor, prefix: Prefix, layers: list[int] | bool) -> Any:
        settings = {"output_hidden_states": layers, "use_cache": False}
        if not prefix.cached:
            return self._model.base_model(input_ids=ids, **settings)
        positions = torch.arange(ids.shape[1], device=ids.device)[None] + len(prefix.tokens)
        shared = Shared(prefix, self._windows or ())
        with attending(self._model):
            return self._model.base_model(input_ids=ids, position_ids=positions, shared=shared, **settings)

    def _logits(self, last: torch.Tensor, head: tuple[torch.Tensor, torch.Tensor | None]) -> FloatArray:
        weight, bias = head
        logits = last.double() @ weight.T
        if bias is not None:
            logits = logits + bias
        return np.asarray(self._capped(logits).cpu().numpy(), dtype=np.float64)

    def _tensor(self, rows: Sequence[list[int]]) -> torch.Tensor:
        width = max(map(len, rows))
        return torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self._model.device)


def _row_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def _quiet_progress() -> Iterator[None]:
    """Keeps transformers from drawing its own progress bar over ours."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
