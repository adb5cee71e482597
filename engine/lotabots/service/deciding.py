"""The role `engine`: everything that decides, and that answers for what was decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lotabots import __version__
from lotabots.adapters.clock import SystemClock
from lotabots.adapters.nats.archive import Archive
from lotabots.adapters.nats.scan import Scanner
from lotabots.policy.compile import compile_policy
from lotabots.policy.project_broker import CRON, EVENTS, RETRY
from lotabots.runtime.dispatcher import Dispatcher
from lotabots.runtime.engine import Board, Engine
from lotabots.runtime.gatekeeper import Gatekeeper
from lotabots.runtime.mover import Mover
from lotabots.runtime.onlooker import Onlooker
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.switches import Follower, Switchboard
from lotabots.runtime.ticker import Ticker
from lotabots.service.api import Api
from lotabots.service.orders import Orders
from lotabots.service.redriving import Redriver
from lotabots.service.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from lotabots.policy.checked import CheckedFleet
    from lotabots.service.links import Links

    Loops = list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]

ENGINE_PREFETCH: Final = 300
GATES_PREFETCH: Final = 100


async def start_deciding(links: Links, checked: CheckedFleet, *, key: bytes, name: str) -> Loops:
    """Connect, answer questions from now on, and put the start on record; the loops to run.

    `key` is the engine's secret, from which ids are made; `name` goes into records.
    """
    policy, clock = compile_policy(checked), SystemClock()
    client = await links.connect("engine")
    ledger = await links.ledger(client, "engine")
    dispatcher, archive = Dispatcher(ledger), Archive(client)
    events = await links.inlet(client, EVENTS, "ENGINE", prefetch=ENGINE_PREFETCH)
    gates = await links.inlet(client, EVENTS, "GATES", prefetch=GATES_PREFETCH, pinned=True)
    board = Board()
    follower = Follower(Switchboard(ledger), board, checked.fleet)
    engine = Engine(policy, board, inlet=events, ledger=ledger, dispatcher=dispatcher, name=name)
    keeper = Gatekeeper(
        policy,
        inlet=gates,
        ledger=await links.ledger(client, "gatekeeper"),
        history=Scanner(client),
        clock=clock,
        key=key,
        name=name,
    )
    ticks = await links.inlet(client, CRON, "TICKS")
    about = {"policy": policy.digest, "lotabots": __version__, "engine": name}
    standing = Standing(
        archive,
        Onlooker(policy, archive),
        follower,
        fleet=checked.fleet,
        policy=policy,
        clock=clock,
        about=about,
    )
    api = Api(client, archive, standing=standing, ledger=ledger)
    redriver = Redriver(ledger=ledger, dispatcher=dispatcher, clock=clock)
    orders = Orders(client, fleet=checked.fleet, follower=follower, redriver=redriver, clock=clock)
    await follower.begin()
    await api.start()
    await orders.start()
    await ledger.store([Outgoing("lb.ctl.engine.started", json.dumps(about).encode())])
    loops: Loops = [
        ("engine", engine.run),
        ("gatekeeper", keeper.run),
        ("follower", follower.run),
        ("ticker", Ticker(inlet=ticks, ledger=ledger, key=key).run),
    ]
    for bot in checked.fleet.bots:
        due = await links.inlet(client, RETRY, bot.name)
        loops.append((f"mover {bot.name}", Mover(bot.name, inlet=due, ledger=ledger).run))
    return loops
