"""A small OpenAI-compatible server on the loopback address, whose model says yes to whatever breaks."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint(ThreadingHTTPServer):
    """Answers, or fails in the ways that its attributes say.

    Attributes:
        url: base URL.
        offers: forms of answer that it knows; others are refused with 400, or ignored where `ignores`.
        refusals: statuses of the next answers, one each; then it answers.
        answers_left: answers before it refuses everything with 500; None = no end.
        headers_to_send: with refusals.
        delay: seconds before an answer.
        drip: seconds between two bytes of an answer.
        raw: an answer instead of its own.
        resets: whether connections break in the middle of an answer.
        usage: token counts told with each answer; None tells none.
        seen: (path, headers, body, time) of every request.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.offers = {"logprobs", "structured"}
        self.most_likely = 20
        self.ignores = False
        self.refusals: list[int] = []
        self.refusal_text = '{"error": {"message": "not now"}}'
        self.answers_left: int | None = None
        self.headers_to_send: dict[str, str] = {}
        self.delay = self.drip = 0.0
        self.raw: bytes | None = None
        self.resets = False
        self.usage: Any = None
        self.seen: list[tuple[str, dict[str, str], Any, float]] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self._connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        """Takes a connection and remembers it."""
        found = super().get_request()
        self._connections.append(found[0])
        return found

    def die(self) -> None:
        """Breaks the connections that are kept alive."""
        for connection in self._connections:
            with contextlib.suppress(OSError):  # it ended already
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps quiet about clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.seen.append((self.path, dict(self.headers), body, time.monotonic()))
            refusal = server.refusals.pop(0) if server.refusals else None
            if refusal is None and server.answers_left is not None:
                refusal, server.answers_left = (None if server.answers_left else 500), max(0, server.answers_left - 1)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.delay)
        with server.lock:
            server.under_way -= 1
        unknown = self._unknown(body)
        if refusal is not None:
            self._send(refusal, server.refusal_text.encode(), server.headers_to_send)
        elif unknown and not server.ignores:
            self._send(400, json.dumps({"error": {"message": f"unknown field {unknown}"}}).encode(), {})
        else:
            answer = {"choices": [self._choice(body)], **({"usage": server.usage} if server.usage else {})}
            self._send(200, server.raw or json.dumps(answer).encode(), {})

    def _unknown(self, body: Any) -> str | None:
        likely = body.get("top_logprobs", body.get("logprobs"))
        if likely and ("logprobs" not in self.server.offers or likely > self.server.most_likely):
            return "logprobs"
        return "response_format" if "response_format" in body and "structured" not in self.server.offers else None

    def _choice(self, body: Any) -> Any:
        chat = "messages" in body
        last = (body["messages"][-1]["content"] if chat else body["prompt"]).rsplit("Passage:", 1)[-1]
        yes, no = (-0.1, -2.1) if "broke" in last or "hurt" in last.split("Question")[0] else (-3.0, -0.5)
        word = "Yes" if yes > no else "No"
        told = {" Yes": yes, "No": no, "Perhaps": -9.0}
        if "response_format" in body and "structured" in self.server.offers:
            return {"message": {"content": json.dumps({"answer": word.lower()})}}
        if not body.get("logprobs") or "logprobs" not in self.server.offers:
            return {"message": {"content": f"{word}."}} if chat else {"text": f" {word}."}
        if chat:
            entries = [{"token": token, "logprob": value} for token, value in told.items()]
            return {"message": {"content": word}, "logprobs": {"content": [{"token": word, "top_logprobs": entries}]}}
        return {"text": word, "logprobs": {"top_logprobs": [told]}}

    def _send(self, status: int, payload: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client went away
            if self.server.resets:
                self._reset(payload)
            for place in range(len(payload)) if self.server.drip else ():
                self.wfile.write(payload[place : place + 1])
                time.sleep(self.server.drip)
            if not self.server.drip and not self.server.resets:
                self.wfile.write(payload)

    def _reset(self, payload: bytes) -> None:
        """Breaks the connection after half of the answer."""
        self.wfile.write(payload[: len(payload) // 2])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output clean."""


@contextlib.contextmanager
def running_endpoint(port: int = 0) -> Iterator[Endpoint]:
    """The server, while the block runs."""
    server = Endpoint(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        server.die()
        thread.join()
