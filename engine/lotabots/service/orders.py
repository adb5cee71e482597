"""What operators order: enable and disable a bot, move the rollout, redrive a dead letter.

Each operator has a door of his own, ``lb.do.<source>.<verb>``, which only his credentials open: the
server says who he is, not he.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from lotabots.diagnostics.words import counted
from lotabots.runtime.switches import Word
from lotabots.service.answers import VERSION, RefusedError, UnknownIdError, respond

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ports import Clock
    from lotabots.runtime.switches import Follower
    from lotabots.service.redriving import Redriver

QUEUE: Final = "orders"
MAX_REASON: Final = 500


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """What is ordered. An empty `phase` leaves the rollout to the rules."""

    bot: str = ""
    phase: str = ""
    reason: str = ""
    job: str = ""


class Orders:
    """Takes the orders of operators; engines share them."""

    def __init__(
        self,
        client: Client,
        *,
        fleet: Fleet,
        follower: Follower,
        redriver: Redriver,
        clock: Clock,
    ) -> None:
        self._client = client
        self._fleet = fleet
        self._follower = follower
        self._redriver = redriver
        self._clock = clock

    async def start(self) -> None:
        """Take orders from now on."""
        await self._client.subscribe("lb.do.*.*.*", queue=QUEUE, cb=self._on_order)

    async def _on_order(self, message: Msg) -> None:
        by = ".".join(message.subject.split(".")[2:4])
        verbs = {
            "enable": partial(self._enable, by),
            "disable": partial(self._disable, by),
            "rollout": partial(self._rollout, by),
            "redrive": partial(self._redrive, by),
        }
        await respond(self._client, message, form=Order, verbs=verbs)

    async def _disable(self, by: str, order: Order) -> dict[str, Any]:
        self._known(order.bot)
        if not order.reason.strip():
            raise RefusedError("a bot is disabled for a reason; say it with `--reason TEXT`")
        return await self._say(by, order, disabled=True)

    async def _enable(self, by: str, order: Order) -> dict[str, Any]:
        self._known(order.bot)
        bot = self._fleet.bot(order.bot)
        if bot is not None and not bot.enabled:
            raise RefusedError(
                f"`{bot.name}` is disabled by its rule file; remove `enabled: false` from "
                f"{bot.span.path} and start the service again"
            )
        return await self._say(by, order)

    async def _rollout(self, by: str, order: Order) -> dict[str, Any]:
        if order.bot:
            raise RefusedError("the rollout is that of all bots; name none")
        phases = [phase.name for phase in self._fleet.settings.phases]
        if order.phase and order.phase not in phases:
            raise UnknownIdError(
                f"no phase is called `{order.phase}`{_near(order.phase, phases) or '.'} "
                f"In this order: {', '.join(phases)}"
            )
        return await self._say(by, order)

    async def _redrive(self, by: str, order: Order) -> dict[str, Any]:
        return await self._redriver.redrive(order.job, by=by)

    def _known(self, name: str) -> None:
        names = [bot.name for bot in self._fleet.bots]
        if name not in names:
            raise UnknownIdError(f"no bot is called `{name}`{_near(name, names)}")

    async def _say(self, by: str, order: Order, *, disabled: bool = False) -> dict[str, Any]:
        reason = " ".join(order.reason.split())
        if not reason.isprintable() or len(reason) > MAX_REASON:
            raise RefusedError(
                f"a reason is printable text of at most {counted(MAX_REASON, 'character')}"
            )
        word = Word(
            by=by,
            at=self._clock.now(),
            reason=reason,
            bot=order.bot,
            disabled=disabled,
            phase="" if order.bot else order.phase,
        )
        await self._follower.say(word)
        said = ("by", "at", "reason", "bot", "disabled", "phase")
        return {"version": VERSION, **{name: getattr(word, name) for name in said}}


def _near(name: str, known: Iterable[str]) -> str:
    names = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), names, n=1)
    return f"; did you mean `{names[found[0]]}`?" if found else ""
