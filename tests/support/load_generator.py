"""Sends one request again and again over kept connections: `python load_generator.py PORT KEY CLIENTS SECONDS TEXT`.

A process of its own on bare sockets, so that what is measured is the server. Prints JSON: how long each answered
request took (seconds, in order of completion), how long all of it took, and the answers that were no 200.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time


class Client:
    """One connection with one request on its way."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._received, self._sent = request, b"", 0.0

    def send(self) -> None:
        """Sends the request."""
        self._received, self._sent = b"", time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> tuple[str, float] | None:
        """What the answer says if it is no 200, and how long it took; None where more of it is to come."""
        part = self.socket.recv(65_536)
        if not part:
            raise ConnectionError("the server closed a connection that was to be kept")
        self._received += part
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return None
        wrong = "" if head.startswith(b"HTTP/1.1 200 ") else self._received.decode()
        return wrong, time.perf_counter() - self._sent


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next(int(value) for name, _, value in lines if name == b"content-length")


def main() -> None:
    """Runs until the time is up and every answer is in."""
    port, key, clients, seconds, text = sys.argv[1:]
    body = json.dumps({"inputs": [{"text": text}]}).encode()
    head = (
        f"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n"
    )
    took, failed = list[float](), list[str]()
    with selectors.DefaultSelector() as ready:
        began = time.perf_counter()
        for _ in range(int(clients)):
            client = Client(int(port), head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            ready.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        while ready.get_map():
            for key_, _ in ready.select():
                client = key_.data
                answer = client.receive()
                if answer is None:
                    continue
                failed += [answer[0]] if answer[0] else []
                took.append(answer[1])
                if time.perf_counter() - began < float(seconds):
                    client.send()
                else:
                    ready.unregister(client.socket)
                    client.socket.close()
        print(json.dumps({"took": took, "seconds": time.perf_counter() - began, "failed": failed}))


if __name__ == "__main__":
    main()
