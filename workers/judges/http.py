"""A small HTTP client for endpoints: kept-alive connections, hard limits, no redirects.

The standard library's, since little is needed and all of it has to be bounded: one
try ends by its deadline even if the server sends a byte now and then, a reply has a
largest size, and nothing but the address asked for is ever connected to.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from annotation.services.judge_endpoints import base_url, is_loopback

LARGEST = 4 * 2**20
LOOK_SECONDS = 0.25


class Refused(Exception):
    """Nothing was sent: no connection, or an address that is not allowed."""


class Lost(Exception):
    """Something was sent and no whole reply came back."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Client:
    """Posts to one endpoint from several threads.

    Raises:
        ValueError: for an address that this server may not call.
    """

    def __init__(self, url: str, *, timeout: float, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url(url))
        self._secure = parts.scheme == "https"
        self._host = str(parts.hostname)
        self._port = parts.port or (443 if self._secure else 80)
        self._path = parts.path
        self._timeout = timeout
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "hone-judge",
            **headers,
        }
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        # With the sockets: a connection lets go of its own where a server closes.
        self._deadlines: dict[
            http.client.HTTPConnection, tuple[float, socket.socket]
        ] = {}
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._enforce, daemon=True)
        self._watch.start()

    def post(self, path: str, body: bytes) -> Response:
        """Send one request.

        Raises:
            Refused: if nothing was sent.
            Lost: if the reply did not come whole and in time.
        """
        began = time.monotonic()
        connection, is_fresh = self._connection()
        with self._lock:
            self._deadlines[connection] = began + self._timeout, connection.sock
        try:
            response = self._exchange(connection, path, body, began)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            timed_out = time.monotonic() - began >= self._timeout
            if not is_fresh and not timed_out and _was_closed(error):
                # The server had closed a kept connection: nothing was taken in.
                raise Refused("a kept connection had been closed") from error
            words = f"nothing whole within {self._timeout:g} s" if timed_out else ""
            raise Lost(words or f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._deadlines.pop(connection, None)
        return response

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: bytes,
        began: float,
    ) -> Response:
        connection.request("POST", self._path + path, body, self._headers)
        got = connection.getresponse()
        content = got.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"a reply of more than {LARGEST} bytes")
        if time.monotonic() - began >= self._timeout:
            # A reply that ends where the connection does looks whole once it is shut.
            raise TimeoutError("the connection was shut at the deadline")
        if got.length:
            # Reading up to a size does not complain about an end that comes early.
            raise http.client.IncompleteRead(content, got.length)
        headers = {name.lower(): value for name, value in got.getheaders()}
        if got.will_close or not got.isclosed():
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return Response(got.status, headers, content, time.monotonic() - began)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        made: http.client.HTTPConnection
        if self._secure:
            context = ssl.create_default_context()
            made = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        else:
            made = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout
            )
        try:
            made.connect()
        except OSError as error:
            made.close()
            raise Refused(f"{type(error).__name__}: {error}") from error
        peer = made.sock.getpeername()[0]
        if is_loopback(self._host) and not is_loopback(peer):
            made.close()
            raise Refused(f"{self._host} led to {peer}, which is not this machine")
        return made, True

    def _enforce(self) -> None:
        """Shut what is past its deadline: a socket's timeout counts silence alone."""
        while not self._closed.wait(LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                late = [sock for end, sock in self._deadlines.values() if end < now]
            for sock in late:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _was_closed(error: Exception) -> bool:
    return isinstance(
        error, http.client.RemoteDisconnected | BrokenPipeError | ConnectionResetError
    )
