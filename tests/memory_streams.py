"""Streams in memory with the server's rules for writing, and a process that dies at any write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from lotabots.runtime.ports import WRONG_LAST_SEQUENCE, Ack, AckError, Delivery, Outgoing, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

START: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class KilledError(BaseException):
    """The process ends here, as by SIGKILL: nothing of it runs any more."""


class Streams:
    """One stream for everything; subjects are enough to tell what is what."""

    def __init__(self) -> None:
        self.messages: list[Stored] = []
        self.acked: set[int] = set()
        self.writes_left = -1
        self.renewed = False
        self.given_back: list[tuple[int, float]] = []
        self._names: set[str] = set()

    async def publish_all(self, messages: Sequence[Outgoing], /) -> list[Ack]:
        """Write all, or die after as many writes as are left."""
        return [self._write(message) for message in messages]

    def _write(self, message: Outgoing) -> Ack:
        if not self.writes_left:
            raise KilledError
        self.writes_left -= 1
        headers = dict(message.headers or {})
        if _EXPECTED in headers:
            last = self._last(headers.get(f"{_EXPECTED}-Subject", message.subject))
            if (last.sequence if last else 0) != int(headers[_EXPECTED]):
                return Ack(error=AckError(400, WRONG_LAST_SEQUENCE, "wrong last sequence"))
        name = headers.get("Nats-Msg-Id")
        if name is not None and name in self._names:
            return Ack(duplicate=True)
        if name is not None:
            self._names.add(name)
        sequence = len(self.messages) + 1
        at = START + timedelta(seconds=sequence)
        self.messages.append(Stored(message.subject, message.body, headers, sequence, at))
        return Ack(seq=sequence)

    async def last(self, _stream: str, subject: str, /) -> Stored | None:
        """The newest message on a subject."""
        return self._last(subject)

    def _last(self, subject: str) -> Stored | None:
        found = self.on(subject)
        return found[-1] if found else None

    async def all(
        self, _stream: str, subject: str, *, first: int = 1
    ) -> AsyncGenerator[Delivery, None]:
        """The messages on a subject, in order."""
        for message in self.on(subject):
            if message.sequence >= first:
                yield delivered(message)

    def on(self, subject: str) -> list[Stored]:
        """The messages on a subject, which may have wildcards."""
        return [m for m in self.messages if fnmatchcase(m.subject, subject.replace(">", "*"))]

    def waiting(self, subject: str) -> list[Delivery]:
        """What is not acknowledged on a subject."""
        return [delivered(m) for m in self.on(subject) if m.sequence not in self.acked]

    async def take(self, limit: int, /) -> list[Delivery]:
        """Not used: tests hand deliveries over."""
        raise NotImplementedError(limit)

    async def ack(self, deliveries: Sequence[Delivery], /) -> None:
        """These are done; an acknowledgement is a write, too."""
        for delivery in deliveries:
            if not self.writes_left:
                raise KilledError
            self.writes_left -= 1
            self.acked.add(delivery.sequence)

    async def working(self, delivery: Delivery, /) -> None:
        """Nothing expires here."""

    async def later(self, delivery: Delivery, seconds: float, /) -> None:
        """Nothing to do but note it: what is not acknowledged comes again."""
        self.given_back.append((delivery.sequence, seconds))

    def unsettled(self, _seconds: float, /) -> bool:
        """Whether the test says that the connection was made anew a moment ago."""
        return self.renewed

    def fire(self) -> None:
        """Bring the attempts whose time has come; their schedules are gone then."""
        for message in self.on("lb.retry.>"):
            if message.sequence not in self.acked:
                self.acked.add(message.sequence)
                target = message.headers["Nats-Schedule-Target"].replace("lb.due.", "lb.work.")
                self._write(Outgoing(target, message.body))


def delivered(message: Stored) -> Delivery:
    """A stored message as a consumer delivers it."""
    subject, body, headers, sequence, at = message
    return Delivery(subject, body, headers, "S", sequence, 1, at, str(sequence))
