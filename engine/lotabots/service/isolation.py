"""What a server that somebody else runs must refuse, tried before anything relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.adapters.nats.connection import SetupError, may_publish, settle
from lotabots.policy.project_broker import event_subject, outside_account

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from lotabots.model.fleet import Fleet
    from lotabots.service.links import Links

PROBE: Final = "lotabots.probe"
"""An event type for the trial; a fleet that declares it would make the trial fail closed."""

VERB: Final = "lotabots-probe"
"""An order that nobody obeys."""

GUESTS: Final = ("runner", "audit", "host")
_CORE: Final = (f"lb.do.cli.nobody.{VERB}", f"lb.state.{VERB}", f"lb.ctl.engine.{VERB}")
"""An order in the name of an operator, what counts of orders, and the record of one."""

CURE: Final = "load what `lotabots nats config` prints into that server"


async def prove_isolation(links: Links, fleet: Fleet, outside: Collection[str]) -> None:
    """Try what the permissions of `lotabots nats config` refuse.

    Every bot is tried: whoever runs the server may have changed the permissions of one of them.

    Raises:
        SetupError: the server takes an event that a bot does not declare, an order of nobody or
            in the name of somebody else, or what only the engine may say.
    """
    for bot in fleet.bots:
        own = (f"ev.{PROBE}", event_subject(bot.name, PROBE), f"do.{VERB}")
        await _refused(links, bot.name, (*own, *_CORE))
    for guest in GUESTS:
        await _refused(links, guest, _CORE)
    for source in outside:
        other = (f"ev.{PROBE}", f"lb.do.{source}.{VERB}")
        await _refused(links, outside_account(source), (*other, *_CORE))
    await _prove_doors(links, [one for one in outside if one.startswith("cli.")])


async def _refused(links: Links, user: str, subjects: Sequence[str]) -> None:
    client = await links.connect(user)
    try:
        for subject in subjects:
            if await may_publish(client, subject):
                raise SetupError(f"the server lets {user} publish on `{subject}`; {CURE}")
    finally:
        await client.close()  # a fleet may have more bots than a process has files


async def _prove_doors(links: Links, operators: Sequence[str]) -> None:
    """An operator's order must come in at his own door."""
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        if message.subject.endswith(VERB):
            heard.append(message.subject)

    engine = await links.connect("engine")
    await engine.subscribe("lb.do.>", cb=hear)
    await settle(engine)
    for source in operators:
        await _order(await links.connect(outside_account(source)), engine)
        wrong = [one for one in heard if one != f"lb.do.{source}.{VERB}"]
        if wrong:
            raise SetupError(f"the server takes an order of {source} for `{wrong[0]}`; {CURE}")
        heard.clear()


async def _order(operator: Client, engine: Client) -> None:
    """Order something, and wait until the engine has heard what it hears of it."""
    await operator.publish(f"do.{VERB}", b"{}")
    await settle(operator)
    await settle(engine)
