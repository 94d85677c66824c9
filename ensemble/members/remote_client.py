"""Asking an endpoint over HTTP: bounded in time, size and money, patient with load, and silent about the key."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from ensemble.errors import MemberUnavailableError, UnansweredTextError
from ensemble.members.answers import NoTextError, OtherFormError
from ensemble.members.breaker import Breaker
from ensemble.members.cost import CostMeter
from ensemble.members.specs import JudgeSpec

T = TypeVar("T")

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 8.0
_MOST_BYTES = 1 << 20
"""An answer is one word with log-probabilities; whatever is longer is none."""

_SHOWN_CHARACTERS = 200
_ABOUT_THE_TEXT = (400, 413, 422)
"""Refusals that say nothing about the endpoint's health."""


class RefusedError(MemberUnavailableError):
    """The endpoint refuses this very request, and will again.

    Attributes:
        status: of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _PassingError(Exception):
    """What may pass by itself.

    Attributes:
        leave_alone: seconds that the endpoint asked for.
    """

    def __init__(self, message: str, leave_alone: float = 0.0) -> None:
        super().__init__(message)
        self.leave_alone = leave_alone


class RemoteClient:
    """Posts questions to one endpoint. Calls from several threads share connections and breaker.

    Args:
        spec: with an endpoint.
        meter: counts what is used.
    """

    def __init__(self, spec: JudgeSpec, meter: CostMeter) -> None:
        self._spec, self._meter = spec, meter
        self._breaker = Breaker(spec.breaker_failures, spec.breaker_seconds)
        self._closing = threading.Event()
        # No redirects: they would carry key and texts elsewhere. Unpacked answers could be of any size.
        self._client = httpx.Client(
            base_url=str(spec.endpoint).rstrip("/") + "/",
            headers={"Accept-Encoding": "identity"},
            timeout=spec.timeout_seconds,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=spec.concurrency, max_keepalive_connections=spec.concurrency),
        )

    def ask(self, path: str, body: dict[str, Any], read: Callable[[Any], T]) -> T:
        """Posts a question and reads its answer.

        Args:
            path: relative to the endpoint.
            body: JSON, with `max_tokens`.
            read: from the answer's JSON to what is wanted; what it raises makes the answer unusable.

        Raises:
            MemberUnavailableError: no answer could be had, the budget is spent, or the endpoint is being left alone.
            RefusedError: the endpoint refuses this request.
            UnansweredTextError: the endpoint refuses to say anything of this text.
            OtherFormError: as raised by `read`.
        """
        _authorization(self._spec)
        self._meter.check()
        if self._breaker.is_open:
            if self._breaker.may_probe():
                # Nobody waits for an endpoint that may still be dead: the next question profits.
                threading.Thread(target=self._probe, args=(path, body, read), daemon=True).start()
            raise MemberUnavailableError(f"{self._client.base_url} is {self._breaker.reason}")
        return self._watched(path, body, read, self._spec.retries)

    def close(self) -> None:
        """Gives connections back and ends pauses; harmless when repeated."""
        self._closing.set()
        self._client.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closing.is_set()

    def _probe(self, path: str, body: dict[str, Any], read: Callable[[Any], Any]) -> None:
        with suppress(MemberUnavailableError, OtherFormError):  # the breaker is told
            self._watched(path, body, read, 0)

    def _watched(self, path: str, body: dict[str, Any], read: Callable[[Any], T], retries: int) -> T:
        """Asks, and tells the breaker how it went."""
        try:
            found = self._persist(path, body, read, retries)
        except (UnansweredTextError, OtherFormError):
            self._breaker.succeed()
            raise
        except RefusedError as error:
            (self._breaker.succeed() if error.status in _ABOUT_THE_TEXT else self._breaker.fail(str(error)))
            raise
        except _PassingError as error:
            if not self.closed:
                self._breaker.fail(str(error), leave_alone=error.leave_alone)
            raise MemberUnavailableError(str(error)) from error.__cause__
        except MemberUnavailableError as error:
            self._breaker.fail(str(error))
            raise
        except BaseException as error:
            self._breaker.fail(type(error).__name__)  # or it would be probing for ever
            raise
        self._breaker.succeed()
        return found

    def _persist(self, path: str, body: dict[str, Any], read: Callable[[Any], T], retries: int) -> T:
        """One attempt after the other until the retries or the time are used up."""
        until = time.monotonic() + self._spec.deadline_seconds
        attempt = 0
        while True:
            try:
                return self._attempt(path, body, read, until, retry=attempt > 0)
            except _PassingError as error:
                if attempt == retries:
                    raise
                self._pause(attempt, error, until)
            attempt += 1

    def _pause(self, attempt: int, error: _PassingError, until: float) -> None:
        """Full jitter (each client waits anywhere up to a doubling bound), but no less than the endpoint asks for."""
        bound = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
        seconds = error.leave_alone + random.uniform(0, bound)
        if time.monotonic() + seconds >= until:
            limit = self._spec.deadline_seconds
            raise _PassingError(f"{error} (no time for another attempt within {limit:g} s)", error.leave_alone)
        if self._closing.wait(seconds):
            raise _PassingError("the remote judge was closed")
        if self._breaker.is_open:  # others failed meanwhile
            raise error

    def _attempt(self, path: str, body: dict[str, Any], read: Callable[[Any], T], until: float, *, retry: bool) -> T:
        began = time.monotonic()
        sent = json.dumps(body, ensure_ascii=False)
        try:
            status, headers, payload = self._exchange(path, sent, min(self._spec.timeout_seconds, until - began))
            answer = self._usable(path, status, headers, payload)
        except BaseException:
            self._meter.failed(time.monotonic() - began, retry=retry)
            raise
        usage = answer.get("usage") if isinstance(answer, dict) else None
        self._meter.answered(usage, (len(sent), body["max_tokens"]), time.monotonic() - began, retry=retry)
        return self._read(path, answer, read)

    def _exchange(self, path: str, sent: str, seconds: float) -> tuple[int, httpx.Headers, bytes]:
        """Sends a body and reads status, headers and the answer's bytes."""
        end = time.monotonic() + max(seconds, 0.001)
        headers = {"Content-Type": "application/json", **_authorization(self._spec)}
        request = self._client.build_request(
            "POST", path, content=sent.encode(), headers=headers, timeout=max(seconds, 0.001)
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                return response.status_code, response.headers, _bounded(response, end)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if isinstance(error, httpx.TimeoutException):
                raise _PassingError(f"{self._where(path)} gave no answer within {seconds:.3g} s") from error
            why = self._clean(f"{type(error).__name__}: {error}")
            raise _PassingError(f"{self._where(path)} cannot be reached: {why}") from error
        except RuntimeError as error:  # httpx says so where the client was closed meanwhile
            raise _PassingError("the remote judge was closed") from error

    def _usable(self, path: str, status: int, headers: httpx.Headers, payload: bytes) -> Any:
        """The JSON of an answer.

        Raises:
            _PassingError, RefusedError, MemberUnavailableError: there is none.
        """
        if httpx.codes.is_success(status):
            try:
                return json.loads(payload)
            except (ValueError, RecursionError) as error:
                said = self._clean(payload.decode(errors="replace"))
                raise MemberUnavailableError(f"{self._where(path)} gave no usable answer, not JSON: {said}") from error
        message = f"{self._where(path)} answered {status}: {self._clean(payload.decode(errors='replace'))}"
        if status in (408, 425, 429) or status >= 500:
            raise _PassingError(message, _asked_pause(headers.get("retry-after")))
        if status in (401, 403):
            message += f"; check the key in {self._spec.api_key_env}" if self._spec.api_key_env else "; set api_key_env"
        raise RefusedError(message, status)

    def _read(self, path: str, answer: Any, read: Callable[[Any], T]) -> T:
        try:
            return read(answer)
        except OtherFormError:
            raise
        except NoTextError as error:
            raise UnansweredTextError(f"{self._where(path)} gave no usable answer to a text: {error}") from error
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            said = self._clean(json.dumps(answer))
            raise MemberUnavailableError(f"{self._where(path)} gave no usable answer: {said}") from error

    def _where(self, path: str) -> str:
        return f"{self._client.base_url}{path}"

    def _clean(self, text: str) -> str:
        """What others said, short, on one line, and without the key."""
        key = os.environ.get(self._spec.api_key_env or "", "").strip()
        shown = " ".join((text.replace(key, "[key]") if key else text).split())
        return shown[:_SHOWN_CHARACTERS]


def _bounded(response: httpx.Response, end: float) -> bytes:
    """The bytes of an answer, as they came.

    Raises:
        MemberUnavailableError: they are too many.
        httpx.ReadTimeout: they come too slowly.
    """
    payload = bytearray()
    for chunk in response.iter_raw():
        payload += chunk
        if len(payload) > _MOST_BYTES:
            raise MemberUnavailableError(f"{response.url} gave no usable answer: more than {_MOST_BYTES:,} bytes")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the answer came too slowly", request=response.request)
    return bytes(payload)


def _authorization(spec: JudgeSpec) -> dict[str, str]:
    """The key, from the environment only.

    Raises:
        MemberUnavailableError: there is none, or it cannot stand in a header.
    """
    if spec.api_key_env is None:
        return {}
    key = os.environ.get(spec.api_key_env, "").strip()
    if not key:
        raise MemberUnavailableError(f"the environment variable {spec.api_key_env} holds no key for {spec.endpoint}")
    if not (key.isascii() and key.isprintable()):
        raise MemberUnavailableError(f"the key in {spec.api_key_env} holds characters that a key cannot have")
    return {"Authorization": f"Bearer {key}"}


def _asked_pause(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for, as a number or a date; 0 where it says neither."""
    if not retry_after:
        return 0.0
    with suppress(ValueError):
        seconds = float(retry_after)
        return seconds if 0 <= seconds < float("inf") else 0.0
    with suppress(ValueError, TypeError):
        when = parsedate_to_datetime(retry_after)
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp())
    return 0.0
