"""Asks the host: HTTP by a door that allows a few verbs.

Nothing of an answer is believed beyond its form, and every answer is bounded in size and in time,
as a whole and not only between two pieces of it.
"""

from __future__ import annotations

import http.client
import json
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from failure import LostError, UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ANSWER = 256 * 1024
"""Fifty releases, each with a reason of a thousand bytes, fit."""
PAUSES_S = (0.1, 0.4, 1.0, 2.0)
MIN_WAIT_S = 0.1


class LateError(Exception):
    """The time for an answer is over."""


class Answer(NamedTuple):
    """What the host said: the status, and the members of the JSON object."""

    status: int
    said: dict[str, Any]

    @property
    def error(self) -> str:
        """Why the host did not do it."""
        return f"the host answered {self.status}: {self.said.get('error', 'no reason given')}"


class Door:
    """One door of the host at ``host:port``; `until` (monotonic) is the end of all asking."""

    def __init__(self, address: str, *, until: float) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._until = until

    def ask(
        self, verb: str, path: str, body: dict[str, Any] | None = None, *, within: float
    ) -> Answer:
        """The host's answer, which must be complete `within` seconds.

        Every verb can be asked for again: those that change something carry the job, and the host
        does nothing twice for one job. So a host that is just being started again is waited for.

        Raises:
            LostError: there was no answer.
            UnfitError: the answer is not of the form that a host's answers have.
        """
        for pause in PAUSES_S:
            try:
                return self._once(verb, path, body, within=within)
            except LostError:
                if time.monotonic() + pause + within > self._until:
                    raise
                time.sleep(pause)
        return self._once(verb, path, body, within=within)

    def _once(self, verb: str, path: str, body: dict[str, Any] | None, *, within: float) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Connection": "close"}
        left = max(MIN_WAIT_S, min(within, self._until - time.monotonic()))
        connection = http.client.HTTPConnection(self._host, self._port, timeout=left)
        try:
            with _at_most(left):
                connection.request(verb, path, body=data, headers=headers)
                answer = connection.getresponse()
                raw = answer.read(MAX_ANSWER + 1)
        except (LateError, TimeoutError):
            raise UnfitError(f"the host did not answer within {left:.0f} s") from None
        except OSError as error:
            raise LostError(f"the host cannot be reached: {error}") from error
        except (http.client.HTTPException, ValueError) as error:
            raise UnfitError(f"the host's answer is no HTTP: {error!r:.200}") from error
        finally:
            connection.close()
        if answer.length and len(raw) <= MAX_ANSWER:
            raise LostError("the host broke off its answer")
        return Answer(answer.status, _object(raw))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_ANSWER:
        raise UnfitError(f"the host's answer is longer than {MAX_ANSWER} bytes")
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"the host's answer is no JSON: {error!s:.200}") from error
    if not isinstance(value, dict):
        raise UnfitError("the host's answer is no JSON object")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"`{text}` is no number of JSON")


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Break off whatever waits. The socket's own timeout counts only from piece to piece."""

    def ring(*_: object) -> NoReturn:
        raise LateError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
