"""The host's door for monitoring: asks, by GET, and changes nothing.

What comes back is not trusted: every answer is bounded in size and in time, and read strictly.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import time
from http import HTTPStatus
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import prometheus
from failure import DoorError, LateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus import Counters, Key

ANSWER_S = 12.0
"""Of which the host takes at most 10 for a look at a target."""

MAX_TARGETS_BYTES = 256 * 1024
MAX_PROBE_BYTES = 64 * 1024
MAX_METRICS_BYTES = 8 * 1024 * 1024
MAX_TARGETS = 500
MAX_NAME = 128
MAX_BODY = 1024
MAX_NUMBER = 1e9
_CHUNK = 64 * 1024


class Target(NamedTuple):
    """Something to monitor; `release` is empty for what the host does not run (or runs nothing)."""

    name: str
    service: str
    environment: str
    release: str
    watch_s: float
    capacity: float
    instances: int
    latency_ms: float | None = None
    error_ratio: float | None = None

    @property
    def idle(self) -> bool:
        """Whether the host would run it, but nothing was released yet."""
        return bool(self.capacity) and not self.release


class Health(NamedTuple):
    """What a target's health path answered; status 0: nothing, and `body` says why."""

    status: int
    ms: float
    body: str

    @property
    def passed(self) -> bool:
        """Whether the target says that it is well."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class Door:
    """The door at `address` (``host:port``)."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    def targets(self) -> tuple[Target, ...]:
        """All targets.

        Raises:
            DoorError: the door does not say.
        """
        found = _json(self._get("/targets", MAX_TARGETS_BYTES))
        if not isinstance(found, list) or len(found) > MAX_TARGETS:
            raise DoorError(f"`/targets` is no list of at most {MAX_TARGETS}")
        targets = tuple(_target(one) for one in found)
        if len({one.name for one in targets}) < len(targets):
            raise DoorError("`/targets` names a target twice")
        return targets

    def probe(self, name: str) -> Health:
        """What the target `name` answers to one look at its health; late is as bad as nothing.

        Raises:
            DoorError: the door does not say.
        """
        path = f"/probe/{quote(name, safe='')}"
        try:
            found = _members(_json(self._get(path, MAX_PROBE_BYTES)), path)
        except LateError as error:
            return Health(0, ANSWER_S * 1000, str(error))
        status = found.number("status", whole=True)
        return Health(int(status), found.number("ms"), found.text("body", cut=MAX_BODY))

    def metrics(self) -> Mapping[Key, Counters]:
        """What the front has counted, by release.

        Raises:
            DoorError: the door does not say.
        """
        try:
            return prometheus.read(self._get("/metrics", MAX_METRICS_BYTES).decode())
        except ValueError as error:
            raise DoorError(f"`/metrics` cannot be read: {error}") from None

    def _get(self, path: str, most: int) -> bytes:
        """The body of the answer to a GET, of at most `most` bytes."""
        try:
            status, body = _answer(self._exchange(path, most))
        except TimeoutError:
            raise LateError(f"`{path}`: no answer within {ANSWER_S:g} s") from None
        except OSError as error:
            said = f"{error.strerror}; is `monitor` among the relays, and the host up?"
            raise DoorError(f"`{path}`: the door cannot be reached ({said})") from None
        except (http.client.HTTPException, ValueError) as error:
            raise DoorError(f"`{path}`: that is not HTTP ({type(error).__name__})") from None
        if status != HTTPStatus.OK:
            said = body[:MAX_BODY].decode("utf-8", "replace")
            raise DoorError(f"`{path}`: the door answered {status}: {said}")
        return body

    def _exchange(self, path: str, most: int) -> bytes:
        """Everything that comes back until the door hangs up, within bounds."""
        until = time.monotonic() + ANSWER_S
        asked = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n"
        found = bytearray()
        with socket.create_connection((self._host, self._port), timeout=ANSWER_S) as connection:
            connection.sendall(asked.encode("ascii"))
            while chunk := connection.recv(_CHUNK):
                found += chunk
                if len(found) > most + _CHUNK:
                    raise DoorError(f"`{path}`: more than {most} bytes")
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
        return bytes(found)


class _Received:
    """Bytes that came from a socket, for the standard library's reader of answers."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _answer(data: bytes) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(_Received(data), method="GET")  # type: ignore[arg-type]  # needs no more of a socket
    response.begin()
    if int(response.getheader("Content-Length", "0")) < 0:
        raise ValueError("a negative length")
    return response.status, response.read()


def _json(data: bytes) -> object:
    try:
        return json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise DoorError("the door did not answer with JSON") from None


def _no_number(text: str) -> float:
    raise ValueError(text)


def _target(found: object) -> Target:
    members = _members(found, "/targets")
    return Target(
        members.text("name", least=1),
        members.text("service", least=1),
        members.text("environment", least=1),
        members.text("release") if members.has("release") else "",
        members.number("watch_s") if members.has("watch_s") else 0.0,
        members.number("capacity") if members.has("capacity") else 0.0,
        int(members.number("instances", whole=True)) if members.has("instances") else 0,
        *_objectives(members),
    )


def _objectives(members: _Members) -> tuple[float | None, float | None]:
    """The latency in milliseconds and the share of errors that people want at most."""
    if not members.has("objectives"):
        return None, None
    wanted = members.inner("objectives")
    latency, errors = (
        wanted.number(name) if wanted.has(name) else None for name in ("latency_ms", "error_ratio")
    )
    if errors is not None and errors > 1:
        raise DoorError(f"`/targets`: `error_ratio` is {errors}")
    return latency, errors


class _Members:
    """The members of an object that came from outside."""

    def __init__(self, found: Mapping[str, Any], where: str) -> None:
        self._found = found
        self._where = where

    def has(self, name: str) -> bool:
        return self._found.get(name) is not None

    def inner(self, name: str) -> _Members:
        return _members(self._found.get(name), f"{self._where}: {name}")

    def text(self, name: str, *, least: int = 0, cut: int = 0) -> str:
        value = self._found.get(name)
        fits = isinstance(value, str) and (cut or least <= len(value) <= MAX_NAME)
        if not isinstance(value, str) or not fits:
            raise DoorError(f"`{self._where}`: `{name}` is no text of {least} to {MAX_NAME}")
        # Half a character cannot be written anywhere.
        plain = value.encode("utf-8", "replace").decode()
        return plain[:cut] if cut else plain

    def number(self, name: str, *, whole: bool = False) -> float:
        value = self._found.get(name)
        if type(value) is not int and (whole or type(value) is not float):
            raise DoorError(f"`{self._where}`: `{name}` is no number")
        if not (isfinite(value) and 0 <= value <= MAX_NUMBER):
            raise DoorError(f"`{self._where}`: `{name}` is {value}")
        return value


def _members(found: object, where: str) -> _Members:
    if not isinstance(found, dict):
        raise DoorError(f"`{where}` is no object")
    return _Members(found, where)
