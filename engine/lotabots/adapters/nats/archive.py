"""What streams hold, for who wants to know: look-ups, stretches, and where things stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from nats.errors import Error as NatsError

from lotabots.adapters.nats.heeding import heeding
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.scan import Scanner
from lotabots.policy.project_broker import API, EVENTS
from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nats.aio.client import Client

    from lotabots.runtime.ports import Delivery, Stored

_TIMEOUT_S: Final = 5.0
_ENGINES: Final = "ENGINE"
"""The consumer by which events are decided (see `project_broker.consumers`)."""


class Archive:
    """Reads streams without disturbing anybody. Every method raises BusError without an answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = Reader(client)
        self._scanner = Scanner(client)

    async def last(self, stream: str, subject: str, /) -> Stored | None:
        """The newest message of `stream` on `subject` (wildcards work), if there is one."""
        return await self._reader.last(stream, subject)

    async def following(self, stream: str, subject: str, sequence: int, /) -> Stored | None:
        """The first message on `subject` at or after `sequence`, if there is one."""
        return await self._reader.following(stream, subject, sequence)

    def all(self, stream: str, subject: str, *, first: int = 1) -> AsyncGenerator[Delivery, None]:
        """The messages of `stream` on `subject` from sequence `first` to the end of now."""
        return self._scanner.all(stream, subject, first=first)

    async def count(self, stream: str, /) -> int:
        """How many messages `stream` holds."""
        count: int = (await self._ask(f"STREAM.INFO.{stream}", {}))["state"]["messages"]
        return count

    async def subjects(self, stream: str, pattern: str, /) -> dict[str, int]:
        """The subjects that `stream` has messages on, and how many; in their order."""
        found: dict[str, int] = {}
        while True:  # the server answers in pages
            request = {"subjects_filter": pattern, "offset": len(found)}
            said = await self._ask(f"STREAM.INFO.{stream}", request)
            page = said["state"].get("subjects") or {}
            found |= page
            if not page or len(found) >= said.get("total", 0):
                return dict(sorted(found.items()))

    async def taken(self, stream: str, /) -> dict[str, int]:
        """How many messages each durable consumer of `stream` has given out, unacknowledged."""
        found: dict[str, int] = {}
        while True:  # the server answers in pages
            said = await self._ask(f"CONSUMER.LIST.{stream}", {"offset": len(found)})
            page = said.get("consumers") or []
            found |= {one["name"]: one["num_ack_pending"] for one in page}
            if not page or len(found) >= said.get("total", 0):
                return found

    async def undecided(self) -> int:
        """The first sequence of the events that may have no decision yet."""
        said = await self._ask(f"CONSUMER.INFO.{EVENTS}.{_ENGINES}", {})
        floor: int = said["ack_floor"]["stream_seq"]
        return floor + 1

    @heeding
    async def _ask(self, about: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                f"{API}.{about}", msgspec.json.encode(request), timeout=_TIMEOUT_S
            )
        except NatsError as error:
            raise BusError(f"asking for {about}: {str(error) or 'no answer'}") from error
        said: dict[str, Any] = msgspec.json.decode(answer.data)
        if refusal := said.get("error"):
            raise BusError(f"asking for {about}: {refusal.get('description')}")
        return said
