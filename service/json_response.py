"""JSON on the wire: parsed strictly, written so that every reader can read it."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse


class SafeJSONResponse(JSONResponse):
    """JSON whose bytes are valid UTF-8 whatever the strings hold: a lone surrogate becomes a question mark."""

    def render(self, content: Any) -> bytes:
        """The bytes; ValueError for a number that JSON has no name for."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", errors="replace")
