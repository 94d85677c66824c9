"""A judge behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, or a hosted model."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.answers import preference
from ensemble.members.hashing import version_of
from ensemble.members.prompts import Prompt, windows
from ensemble.members.specs import JudgeSpec
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text

KIND = "judge"
FILE = "judge/judge.json"

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 8.0
_PROBABLE_WORDS = 20
_SYSTEM = "You continue the text with one word and nothing else."


class RemoteJudgeFile(BaseModel):
    """`judge.json` of a remote judge.

    Attributes:
        spec: where and how it is asked.
        prompt: what it is asked.
        calibration: on the calibration split.
        version: over endpoint, model, prompt and calibration; not over limits such as time-outs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: JudgeSpec
    prompt: Prompt
    calibration: Platt
    version: str = ""

    def versioned(self) -> RemoteJudgeFile:
        """The same with its version filled in."""
        asked = [str(self.spec.endpoint), self.spec.endpoint_model, self.spec.api]
        parts = [asked, self.prompt.model_dump(mode="json"), self.calibration.model_dump()]
        return self.model_copy(update={"version": version_of(parts)})


class RemoteModel:
    """Asks one endpoint; calls from several threads share its connections and its bound on requests under way.

    Args:
        spec: with an endpoint.

    Raises:
        MemberUnavailableError: the environment variable for the key is not set.
    """

    def __init__(self, spec: JudgeSpec) -> None:
        self._spec = spec
        self._client = httpx.Client(
            base_url=str(spec.endpoint).rstrip("/") + "/", headers=_headers(spec), timeout=spec.timeout_seconds
        )
        self._pool = ThreadPoolExecutor(spec.concurrency, thread_name_prefix="remote-judge")
        self._closing = threading.Event()

    def preferences(self, prompt: Prompt, texts: Sequence[Text]) -> FloatArray:
        """How much the model prefers yes, highest over each text's windows, shape (len(texts),).

        In nats where the endpoint tells probabilities of words; else 1 for a written yes, -1 for no, 0 for neither.

        Raises:
            MemberUnavailableError: closed, or an answer could not be had after all retries.
        """
        if self._closing.is_set():
            raise MemberUnavailableError("the remote judge was closed")
        pieces = [(row, piece) for row, text in enumerate(texts) for piece in windows(text)]
        futures = [self._pool.submit(self._ask, prompt, piece) for _, piece in pieces]
        highest = np.full(len(texts), -np.inf)
        try:
            for (row, _), future in zip(pieces, futures, strict=True):
                highest[row] = max(highest[row], future.result())
        finally:
            for future in futures:
                future.cancel()
        return highest

    def close(self) -> None:
        """Gives connections and threads back; waits for no retry."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def _ask(self, prompt: Prompt, text: Text) -> float:
        path, body = _request(self._spec, prompt.full(text))
        answer = self._post(path, body)
        try:
            return preference(answer["choices"][0], prompt.yes, prompt.no)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MemberUnavailableError(f"{self._client.base_url}{path} gave no usable answer: {error!r}") from error

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        for attempt in range(self._spec.retries + 1):
            final = attempt == self._spec.retries
            try:
                response = self._client.post(path, json=body)
            except httpx.TransportError as error:
                if final:
                    raise MemberUnavailableError(f"{self._client.base_url} cannot be reached: {error!r}") from error
                self._wait(attempt, None)
                continue
            if response.is_success:
                return _json(response)
            if final or not _passing(response.status_code):
                raise MemberUnavailableError(f"{response.url} answered {response.status_code}: {response.text[:200]}")
            self._wait(attempt, response.headers.get("retry-after"))
        raise MemberUnavailableError(f"{self._client.base_url} gave no answer")

    def _wait(self, attempt: int, retry_after: str | None) -> None:
        """Full jitter (each client waits anywhere up to a doubling bound), but no less than the server asks for."""
        bound = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
        asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        seconds = min(_LONGEST_WAIT_SECONDS, asked) + random.uniform(0, bound)
        if self._closing.wait(seconds):
            raise MemberUnavailableError("the remote judge was closed")


class RemoteJudge:
    """Scorer with one column.

    Args:
        file: prompt, calibration and endpoint.
    """

    def __init__(self, file: RemoteJudgeFile) -> None:
        self._file, self._model = file, RemoteModel(file.spec)

    @classmethod
    def load(cls, directory: Path) -> RemoteJudge:
        """Reads `judge/judge.json` of a group's folder.

        Raises:
            ArtifactError: it is missing or cannot be read.
        """
        try:
            return cls(RemoteJudgeFile.model_validate_json((directory / FILE).read_bytes()))
        except (OSError, ValidationError) as error:
            raise ArtifactError(f"cannot read {directory / FILE}: {error}; prepare the task again") from error

    @property
    def members(self) -> tuple[Member, ...]:
        """The judge."""
        return (Member(self._file.spec.name, KIND, self._file.version),)

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), 1).

        Raises:
            MemberUnavailableError: the endpoint did not answer.
        """
        return self._file.calibration(self._model.preferences(self._file.prompt, texts))[:, None]

    def close(self) -> None:
        """Gives connections and threads back."""
        self._model.close()


def _headers(spec: JudgeSpec) -> dict[str, str]:
    if spec.api_key_env is None:
        return {}
    key = os.environ.get(spec.api_key_env)
    if not key:
        raise MemberUnavailableError(f"the environment variable {spec.api_key_env} holds no key for {spec.endpoint}")
    return {"Authorization": f"Bearer {key}"}


def _request(spec: JudgeSpec, content: str) -> tuple[str, dict[str, Any]]:
    common = {"model": spec.endpoint_model, "max_tokens": 4, "temperature": 0}
    if spec.api == "completions":
        return "completions", common | {"prompt": content, "logprobs": _PROBABLE_WORDS}
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": content}]
    return "chat/completions", common | {"messages": messages, "logprobs": True, "top_logprobs": _PROBABLE_WORDS}


def _passing(status: int) -> bool:
    """Whether a refusal may pass by itself."""
    return status in (408, 429) or status >= 500


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise MemberUnavailableError(f"{response.url} answered something that is not JSON") from error
