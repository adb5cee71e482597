"""The service's questions and answers: status, approvals, trace, why, dead letters.

Operators have no right to read streams; they ask on ``lb.api.<verb>`` and get JSON. Every question
is bounded, and every answer says what it left out.
"""

from __future__ import annotations

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
        rows = []
        async for delivery in self._archive.all(OUTCOMES, "lb.out.dead.>"):
            outcome = msgspec.json.decode(delivery.body)
            if not wanted or outcome["job"] == wanted:
                redriven = await self._ledger.last(
                    CONTROL, f"lb.ctl.engine.redrive.{outcome['job']}"
                )
                rows.append({**outcome, "redriven": redriven is not None})
        if wanted and not rows:
            raise UnknownIdError(f"no dead letter is called `{wanted}`")
        return {
            "version": VERSION,
            "dead_letters": rows[-MAX_ROWS:],
            "left_out": max(0, len(rows) - MAX_ROWS),
        }
