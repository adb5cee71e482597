"""The service's questions and answers: status, approvals, trace, why, dead letters.

Operators have no right to read streams; they ask on ``lb.api.<verb>`` and get JSON. Every question
is bounded, and every answer says what it left out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from lotabots.policy.project_broker import CONTROL, OUTCOMES
from lotabots.service.answers import VERSION, UnknownIdError, respond
from lotabots.service.tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from lotabots.adapters.nats.archive import Archive
    from lotabots.runtime.ledger import Ledger
    from lotabots.service.standing import Standing

QUEUE: Final = "api"
MAX_ROWS: Final = 500
ROOM: Final = 512 * 1024
"""Bytes of the rows of an answer; one row may have more."""


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be asked about: an event or job id, or words that name something, or nothing."""

    id: str = ""
    words: tuple[str, ...] = ()


class Api:
    """Answers the questions of operators."""

    def __init__(
        self,
        client: Client,
        archive: Archive,
        *,
        standing: Standing,
        ledger: Ledger,
    ) -> None:
        self._client = client
        self._archive = archive
        self._ledger = ledger
        tracer = Tracer(self._archive)
        self._verbs: dict[str, Callable[[Question], Awaitable[Any]]] = {
            "status": lambda _asked: standing.status(),
            "approvals": lambda asked: standing.approvals(asked.words),
            "trace": lambda asked: tracer.trace(asked.id),
            "dlq": lambda asked: self._dead_letters(asked.id),
        }

    async def start(self) -> None:
        """Answer from now on; engines share the questions."""
        await self._client.subscribe("lb.api.*", queue=QUEUE, cb=self._on_question)

    async def _on_question(self, message: Msg) -> None:
        await respond(self._client, message, form=Question, verbs=self._verbs)

    async def _dead_letters(self, wanted: str) -> dict[str, Any]:
        rows: deque[tuple[int, dict[str, Any]]] = deque()
        left_out, size = 0, 0
        async for delivery in self._archive.all(OUTCOMES, "lb.out.dead.>"):
            outcome = msgspec.json.decode(delivery.body)
            if wanted and outcome["job"] != wanted:
                continue
            rows.append((len(delivery.body), outcome))
            size += len(delivery.body)
            while len(rows) > MAX_ROWS or (size > ROOM and len(rows) > 1):
                size -= rows.popleft()[0]
                left_out += 1
        if wanted and not rows:
            raise UnknownIdError(f"no dead letter is called `{wanted}`")
        return {
            "version": VERSION,
            "dead_letters": [await self._with_redrive(row) for _, row in rows],
            "left_out": left_out,
        }

    async def _with_redrive(self, outcome: dict[str, Any]) -> dict[str, Any]:
        subject = f"lb.ctl.engine.redrive.{outcome['job']}"
        return {**outcome, "redriven": await self._ledger.last(CONTROL, subject) is not None}
