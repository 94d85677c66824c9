"""A judge behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, or a hosted model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.home import home
from ensemble.members.answers import OtherFormError, read_choice
from ensemble.members.cost import CostMeter, Ledger, Spent
from ensemble.members.hashing import version_of
from ensemble.members.prompts import Prompt, windows
from ensemble.members.remote_answers import KeptAnswers
from ensemble.members.remote_client import RefusedError, RemoteClient
from ensemble.members.remote_request import LADDERS, WORDING, Form, request
from ensemble.members.specs import JudgeSpec
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text

KIND = "judge"
FILE = "judge/judge.json"

_FORM_REFUSED = (400, 422)
"""How endpoints refuse a field that they do not know or a value beyond their limit."""


class RemoteJudgeFile(BaseModel):
    """`judge.json` of a remote judge.

    Attributes:
        spec: where and how it is asked.
        prompt: what it is asked.
        form: of the answers that it was calibrated on; no other is taken, as its numbers would mean something else.
        calibration: on the calibration split.
        version: over endpoint, model, prompt, form and calibration; not over limits such as time-outs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: JudgeSpec
    prompt: Prompt
    form: Form = "logprobs"
    calibration: Platt
    version: str = ""

    def versioned(self) -> RemoteJudgeFile:
        """The same with its version filled in."""
        asked = [str(self.spec.endpoint), self.spec.endpoint_model, self.spec.api, self.form, WORDING]
        parts = [asked, self.prompt.model_dump(mode="json"), self.calibration.model_dump()]
        return self.model_copy(update={"version": version_of(parts)})


class RemoteModel:
    """Asks one endpoint; calls from several threads share its connections and its bound on requests under way.

    Args:
        spec: with an endpoint.
        kept: answers that need not be paid for again; None = every question is asked.
    """

    def __init__(self, spec: JudgeSpec, *, kept: KeptAnswers | None = None) -> None:
        self._spec, self.kept = spec, kept
        self.meter = CostMeter(spec, Ledger.of(spec, home() / "spent"))
        self._client = RemoteClient(spec, self.meter)
        self._pool = ThreadPoolExecutor(spec.concurrency, thread_name_prefix="remote-judge")

    def preferences(self, prompt: Prompt, texts: Sequence[Text], form: Form) -> FloatArray:
        """How much the model prefers yes, highest over each text's windows, shape (len(texts),).

        In nats where `form` is log-probabilities; else 1 for a yes, -1 for a no, 0 for neither.

        Raises:
            MemberUnavailableError: closed, or an answer could not be had after all retries.
            OtherFormError: the endpoint does not answer in this form.
            RefusedError: it refuses a question; perhaps because of the form.
        """
        if self._client.closed:
            raise MemberUnavailableError("the remote judge was closed")
        pieces = [(row, piece) for row, text in enumerate(texts) for piece in windows(text)]
        futures = [self._pool.submit(self._ask, prompt, piece, form) for _, piece in pieces]
        highest = np.full(len(texts), -np.inf)
        try:
            for (row, _), future in zip(pieces, futures, strict=True):
                highest[row] = max(highest[row], future.result())
        finally:
            for future in futures:
                future.cancel()
        return highest

    def best_form(self, prompt: Prompt, text: Text) -> Form:
        """The best form that the endpoint answers a text in.

        Raises:
            MemberUnavailableError: none.
        """
        refusals = []
        for form in LADDERS[self._spec.api]:
            try:
                self.preferences(prompt, [text], form)
            except OtherFormError as error:
                refusals.append(f"{form}: {error}")
            except RefusedError as error:
                if error.status not in _FORM_REFUSED:
                    raise
                refusals.append(f"{form}: {error}")
            else:
                return form
        raise MemberUnavailableError(f"the endpoint answers in no form; {'; '.join(refusals)}")

    def close(self) -> None:
        """Gives connections and threads back; waits for no retry."""
        self._client.close()
        self._pool.shutdown(cancel_futures=True)
        self.meter.close()

    def _ask(self, prompt: Prompt, text: Text, form: Form) -> float:
        path, body = request(self._spec, prompt, text, form)
        known = self.kept.get(body) if self.kept is not None else None
        if known is not None:
            return known

        def read(answer: Any) -> float:
            return read_choice(answer["choices"][0], prompt.yes, prompt.no, form)

        found = self._client.ask(path, body, read)
        if self.kept is not None:
            self.kept.put(body, found)
        return found


class RemoteJudge:
    """Scorer with one column.

    Args:
        file: prompt, calibration and endpoint.
        limits: what limits, prices and key to go by; None = as when it was prepared.
    """

    def __init__(self, file: RemoteJudgeFile, *, limits: JudgeSpec | None = None) -> None:
        self.spec = file.spec if limits is None else file.spec.limited_as(limits)
        self._file, self._model = file, RemoteModel(self.spec)

    @classmethod
    def load(cls, directory: Path, *, limits: JudgeSpec | None = None) -> RemoteJudge:
        """Reads `judge/judge.json` of a group's folder; see the class.

        Raises:
            ArtifactError: it is missing or cannot be read.
        """
        return cls(read_file(directory), limits=limits)

    @property
    def members(self) -> tuple[Member, ...]:
        """The judge."""
        return (Member(self._file.spec.name, KIND, self._file.version),)

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), 1).

        Raises:
            MemberUnavailableError: the endpoint did not answer, or not in the form that was calibrated.
        """
        try:
            raw = self._model.preferences(self._file.prompt, texts, self._file.form)
        except OtherFormError as error:
            raise MemberUnavailableError(
                f"{self._file.spec.endpoint} no longer answers as it was calibrated ({self._file.form}): {error}; "
                "prepare the task again"
            ) from error
        return self._file.calibration(raw)[:, None]

    def keep_answers(self, kept: KeptAnswers | None) -> None:
        """Looks answers up there first and keeps new ones there; None = no longer."""
        self._model.kept = kept

    def take_spent(self) -> Spent:
        """What was used since the last call."""
        return self._model.meter.take()

    def close(self) -> None:
        """Gives connections and threads back."""
        self._model.close()


def read_file(directory: Path) -> RemoteJudgeFile:
    """`judge/judge.json` of a group's folder.

    Raises:
        ArtifactError: it is missing or cannot be read.
    """
    try:
        return RemoteJudgeFile.model_validate_json((directory / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"cannot read {directory / FILE}: {error}; prepare the task again") from error
