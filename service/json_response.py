"""JSON on the wire: parsed strictly, written so that every reader can read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class SafeJSONResponse(JSONResponse):
    """JSON whose bytes are valid UTF-8 whatever the strings hold: a lone surrogate becomes a question mark.

    It is in no cache, for it is for one caller, and no browser takes it for a page.
    """

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Its own headers, and what is said of it everywhere."""
        super().init_headers({**_HEADERS, **(headers or {})})

    def render(self, content: Any) -> bytes:
        """The bytes; ValueError for a number that JSON has no name for."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", errors="replace")
