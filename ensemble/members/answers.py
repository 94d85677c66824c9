"""From a choice of an OpenAI-compatible answer to one number: how much yes is preferred to no."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ensemble.members.remote_request import Form

_UNSEEN_MARGIN = 1.0
"""A word that is not among the likely ones is at most as likely as the last that is; it is taken to be this many nats
less likely."""

_LEAST_LOGPROB = -30.0
_ROUNDING = 1e-3


class NoTextError(ValueError):
    """The endpoint gave an answer without text, as some do for a text that they refuse to read."""


class OtherFormError(ValueError):
    """The answer has not the form that was asked for."""


def read_choice(choice: Mapping[str, Any], yes: str, no: str, form: Form) -> float:
    """How much yes is preferred to no.

    In nats where log-probabilities were asked for; else 1 for a yes, -1 for a no, 0 for neither. Upper and lower case
    and spaces around a word do not matter.

    Args:
        choice: one of the answer's `choices`.
        yes: the word for yes.
        no: the word for no.
        form: that was asked for.

    Raises:
        OtherFormError: log-probabilities or JSON were asked for and are not there.
        NoTextError: there is no text.
        KeyError, TypeError, ValueError: it is no choice at all.
    """
    words = (_plain(yes), _plain(no))
    if form in {"logprobs", "few-logprobs"}:
        likely = _likely(choice.get("logprobs"))
        if not likely:
            _text(choice)  # no text either: something else is wrong with it
            raise OtherFormError("it tells no log-probabilities")
        return _preference(likely, *words)
    text = _text(choice)
    return _structured(text) if form == "structured" else _written(text, *words)


def _preference(likely: Mapping[str, float], yes: str, no: str) -> float:
    """Log P(yes word) - log P(no word) at the first token; 0 where neither is among the likely ones."""
    sums = {word: _mass(likely, word) for word in (yes, no)}
    if all(mass == -math.inf for mass in sums.values()):
        return 0.0
    floor = min(likely.values()) - _UNSEEN_MARGIN
    return max(sums[yes], floor) - max(sums[no], floor)


def _likely(logprobs: Any) -> dict[str, float]:
    """Likely first tokens with their log-probabilities, from the chat or the older completions format; may be empty."""
    if not logprobs:
        return {}
    if logprobs.get("content"):
        told = {entry["token"]: entry["logprob"] for entry in logprobs["content"][0].get("top_logprobs") or []}
    else:
        told = (logprobs.get("top_logprobs") or [{}])[0] or {}
    return {token: _bounded(float(value)) for token, value in told.items() if value is not None}


def _bounded(logprob: float) -> float:
    """Some write -9999 or -Infinity for a word that is out of the question; any size beyond doubt says the same."""
    if math.isnan(logprob) or logprob > _ROUNDING:
        raise ValueError(f"{logprob} is no log-probability")
    return max(logprob, _LEAST_LOGPROB)


def _mass(likely: Mapping[str, float], word: str) -> float:
    found = [value for token, value in likely.items() if _plain(token) == word]
    return math.log(sum(map(math.exp, found))) if found else -math.inf


def _text(choice: Mapping[str, Any]) -> str:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise NoTextError("it holds no text")
    return text


def _structured(text: str) -> float:
    """1 or -1 from `{"answer": "yes"}`, perhaps within a code fence."""
    inside = text[text.find("{") : text.rfind("}") + 1]
    try:
        answer = json.loads(inside)["answer"]
        return {"yes": 1.0, "no": -1.0}[_plain(answer)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OtherFormError("it is not the JSON that was asked for") from error


def _written(text: str, yes: str, no: str) -> float:
    words = text.split()
    first = _plain(words[0]).strip(".,!:;\"'*") if words else ""
    return float(first == yes) - float(first == no)


def _plain(word: str) -> str:
    return word.strip().lower()
