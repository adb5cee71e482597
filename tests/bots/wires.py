"""A wire between a bot and a door of the host, on which every answer can go wrong."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fault = Callable[["Way"], None]

HEAD = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"


class Asked(NamedTuple):
    """A request: its method, its path, and the last word of the path (the verb)."""

    method: str
    path: str
    body: bytes

    @property
    def verb(self) -> str:
        return "status" if self.method == "GET" else self.path.rpartition("/")[2]


class Wire:
    """Hands requests on to the door at `upstream`.

    `fault` is asked about each request: None lets it pass; bytes are the answer instead of the
    door's; what can be called gets the way to the door and the way back.
    """

    def __init__(self, upstream: Path) -> None:
        self.upstream = upstream
        self.fault: Callable[[Asked], Fault | bytes | None] = lambda _asked: None
        self.asked: list[Asked] = []
        self.over = threading.Event()

    @property
    def verbs(self) -> list[str]:
        return [one.verb for one in self.asked]

    @contextmanager
    def at(self, place: Path) -> Iterator[Wire]:
        """Listen at `place`."""
        with _Server(str(place), _Handler) as server:
            server.wire = self
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.over.set()
                server.shutdown()
                thread.join()

    def pass_on(self, request: bytes) -> bytes:
        """The door's answer."""
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(self.upstream))
            door.sendall(request)
            answer = b""
            while piece := door.recv(65_536):
                answer += piece
        return answer


class Way(NamedTuple):
    """The two ends of a wire while a request is on it."""

    ask: Callable[[], bytes]
    say: Callable[[bytes], object]
    over: threading.Event


class _Server(ThreadingUnixStreamServer):
    wire: Wire
    daemon_threads = True


class _Handler(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        wire = self.server.wire
        with suppress(OSError):
            request, asked = self._request()
            wire.asked.append(asked)
            fault = wire.fault(asked)
            if fault is None:
                self.wfile.write(wire.pass_on(request))
            elif isinstance(fault, bytes):
                self.wfile.write(fault)
            else:
                fault(Way(lambda: wire.pass_on(request), self.wfile.write, wire.over))

    def _request(self) -> tuple[bytes, Asked]:
        head, size = b"", 0
        while (line := self.rfile.readline()) != b"\r\n":
            if not line:
                raise ConnectionError
            head += line
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        body = self.rfile.read(size)
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        return head + b"\r\n" + body, Asked(method, path, body)


def answer(status: int, body: bytes) -> bytes:
    """An answer of a door."""
    return HEAD % (str(status).encode() + b" x", len(body)) + body


def lost_before(_way: Way) -> None:
    """The request does not reach the door."""


def lost_after(way: Way) -> None:
    """The door does it, and nobody hears of it."""
    way.ask()


def broken_off(way: Way) -> None:
    """Half of the answer arrives."""
    said = way.ask()
    way.say(said[: len(said) - 5])


def silent(way: Way) -> None:
    """Nothing comes."""
    way.over.wait()


def dripping(way: Way) -> None:
    """There is always a little more to come."""
    way.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{")
    while not way.over.wait(0.05):
        way.say(b" ")
