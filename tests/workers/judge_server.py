"""A chat-completions server of the tests' own, which behaves or misbehaves as told."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Asked = dict[str, Any]


@dataclass
class Plan:
    """How one request is answered.

    Attributes:
        body: sent as it is, instead of a chat completion of `text`.
        hang: seconds before anything is sent; drip: seconds between single bytes.
    """

    text: str = "A"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    shares: dict[str, float] | None = None
    model: str = "stub-1"
    usage: tuple[int, int] | None = (100, 2)
    hang: float = 0.0
    drip: float = 0.0
    length: int | None = None


Behaviour = Callable[[Asked, int], Plan]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = behaviour
        self.seen: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes: the second must not wait for a receipt.
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked["authorization"] = self.headers.get("Authorization")
        with self.server.lock:
            self.server.seen.append(asked)
            number = len(self.server.seen)
            self.server.at_once += 1
            self.server.most_at_once = max(
                self.server.most_at_once, self.server.at_once
            )
        try:
            self._send(self.server.behaviour(asked, number), asked)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def _send(self, plan: Plan, asked: Asked) -> None:
        time.sleep(plan.hang)
        body = completion(plan) if plan.body is None else plan.body
        self.send_response(plan.status)
        for name, value in plan.headers.items():
            self.send_header(name, value)
        size = len(body) if plan.length is None else plan.length
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if plan.drip:
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                self.wfile.flush()
                time.sleep(plan.drip)
        else:
            self.wfile.write(body)
        if size != len(body):
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def completion(plan: Plan) -> bytes:
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": plan.text},
        "finish_reason": "stop",
    }
    if plan.shares is not None:
        listed = [
            {"token": token, "logprob": math.log(share)}
            for token, share in plan.shares.items()
        ]
        choice["logprobs"] = {"content": [listed[0] | {"top_logprobs": listed}]}
    told: dict[str, Any] = {"id": "x", "model": plan.model, "choices": [choice]}
    if plan.usage is not None:
        told["usage"] = {
            "prompt_tokens": plan.usage[0],
            "completion_tokens": plan.usage[1],
        }
    return json.dumps(told).encode()


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Server]:
    server = Server(behaviour)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def shown_first(asked: Asked, text: str) -> bool:
    """Return whether a text stands in the completion that is shown first."""
    body = asked["messages"][-1]["content"]
    return text in body.split("[end completion A ")[0]
