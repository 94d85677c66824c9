"""A program on the loopback address that is told of findings, and behaves as badly as its attributes say."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Delivery:
    """What came in."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def notice(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """By which repeated deliveries are known."""
        return self.headers["webhook-id"]


class Receiver(ThreadingHTTPServer):
    """Takes deliveries.

    Attributes:
        url: its address.
        statuses: of its next answers, one each; then 204.
        headers_to_send: with every answer.
        hanging: while it is clear, no answer comes.
        seen: what came, in order.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/findings?for=tests"
        self.statuses: list[int] = []
        self.headers_to_send: dict[str, str] = {}
        self.hanging = threading.Event()
        self.hanging.set()
        self.seen: list[Delivery] = []
        self.lock = threading.Lock()

    @property
    def taken(self) -> list[Delivery]:
        """What was acknowledged."""
        return [one for one in self.seen if one.status < 300]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps quiet about clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.hanging.wait(60)
        with self.server.lock:
            status = self.server.statuses.pop(0) if self.server.statuses else 204
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.seen.append(Delivery(headers, body, status))
        self.send_response(status)
        for name, value in self.server.headers_to_send.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output clean."""


@contextlib.contextmanager
def running_receiver(port: int = 0) -> Iterator[Receiver]:
    """The server, while the block runs."""
    server = Receiver(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.hanging.set()
        server.shutdown()
        server.server_close()
        thread.join()
