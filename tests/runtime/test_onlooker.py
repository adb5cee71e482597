"""Whoever looks at the gates sees what their keeper sees, and says if that is not all."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

from lotabots.policy.compile import compile_policy
from lotabots.policy.correlator import pending
from lotabots.policy.state import State, state_to_json
from lotabots.runtime.gatekeeper import SNAPSHOT, Gatekeeper
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.onlooker import Onlooker
from lotabots.runtime.ports import Outgoing
from lotabots.service.workspace import open_workspace
from memory_streams import START, Streams

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lotabots.policy.rules import Policy


class Clock:
    def now(self) -> datetime:
        return START + timedelta(minutes=1)


async def made(streams: Streams, n: int, *, name: str = "") -> None:
    """MakeBot says that `n` is made."""
    event = {
        "id": name or f"made-{n}",
        "timestamp": START.isoformat(),
        "source": "MakeBot",
        "type": "make.done",
        "payload": {"n": n},
    }
    await streams.publish_all([Outgoing("lb.ev.bot.MakeBot.make.done", json.dumps(event).encode())])


def keys(state: State) -> list[str]:
    gate = state.gates.get("gate.pair")
    return [] if gate is None else [key for key, _ in pending(gate)]


def policy_at(root: Path) -> Policy:
    return compile_policy(open_workspace(root).checked)


async def test_a_look_is_bounded_says_so_and_goes_on_where_it_stopped(root: Path):
    streams = Streams()
    onlooker = Onlooker(policy_at(root), streams, at_once=2)
    assert await onlooker.look() == (State(), False)
    for n in range(5):
        await made(streams, n)
    seen = [await onlooker.look() for _ in range(3)]
    assert [(len(keys(sight.state)), sight.behind) for sight in seen] == [
        (2, True),
        (4, True),
        (5, False),
    ]


async def test_of_two_events_with_one_id_only_the_first_counts_as_for_the_keeper(root: Path):
    policy, streams = policy_at(root), Streams()
    await made(streams, 1, name="same")
    await made(streams, 2, name="same")
    keeper = Gatekeeper(
        policy,
        inlet=streams,
        ledger=Ledger(streams, streams, name="test"),
        history=streams,
        clock=Clock(),
        key=b"k" * 32,
        name="test",
    )
    await keeper.handle(streams.waiting("lb.ev.>"))
    sight = await Onlooker(policy, streams).look()
    assert keys(sight.state) == ["[1]"]


async def test_what_the_newest_snapshot_covers_is_not_read_again(root: Path):
    policy, streams = policy_at(root), Streams()
    await made(streams, 1)
    known = (await Onlooker(policy, streams).look()).state
    elsewhere = Streams()
    await made(elsewhere, 8)
    await made(elsewhere, 9)
    snapshot = json.dumps({"sequence": 1, "state": state_to_json(known)}).encode()
    await elsewhere.publish_all([Outgoing(SNAPSHOT, zlib.compress(snapshot))])
    sight = await Onlooker(policy, elsewhere).look()
    assert keys(sight.state) == ["[1]", "[9]"]
