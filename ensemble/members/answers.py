"""From a choice of an OpenAI-compatible answer to one number: how much yes is preferred to no."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_UNSEEN_MARGIN = 1.0
"""A word that is not among the likely ones is at most as likely as the last that is; it is taken to be this many nats
less likely."""


def preference(choice: Mapping[str, Any], yes: str, no: str) -> float:
    """Log P(yes word) - log P(no word) at the first token where they are told, else +1, -1 or 0 by the word written.

    Upper and lower case and spaces around a word do not matter.

    Raises:
        KeyError, TypeError, ValueError: the choice has neither words nor text.
    """
    likely = _likely(choice.get("logprobs"))
    sums = {word: _mass(likely, word) for word in (_plain(yes), _plain(no))}
    if any(mass > -math.inf for mass in sums.values()):
        floor = min(likely.values()) - _UNSEEN_MARGIN
        return max(sums[_plain(yes)], floor) - max(sums[_plain(no)], floor)
    return _written(_text(choice), _plain(yes), _plain(no))


def _likely(logprobs: Any) -> dict[str, float]:
    """Likely first tokens with their log-probabilities, from the chat or the older completions format; may be empty."""
    if not logprobs:
        return {}
    if logprobs.get("content"):
        return {entry["token"]: float(entry["logprob"]) for entry in logprobs["content"][0].get("top_logprobs") or []}
    older = logprobs.get("top_logprobs") or [{}]
    return {token: float(value) for token, value in (older[0] or {}).items()}


def _mass(likely: Mapping[str, float], word: str) -> float:
    found = [value for token, value in likely.items() if _plain(token) == word]
    return math.log(sum(map(math.exp, found))) if found and max(found) > -700 else -math.inf


def _text(choice: Mapping[str, Any]) -> str:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError("the answer holds no text")
    return text


def _written(text: str, yes: str, no: str) -> float:
    words = text.split()
    first = _plain(words[0]).strip(".,!:;\"'*") if words else ""
    return float(first == yes) - float(first == no)


def _plain(word: str) -> str:
    return word.strip().lower()
