"""What decisions depend on besides the rules and the event: immutable, and plain data.

Only what differs from the default is kept: a fleet at rest is `State()`. The runtime turns what
it learns (an operator's command, the outcome of a job, the depth of a queue) into a new `State`
with the functions below; `decide` itself moves breakers and gates. Queue depths are readings of
the broker, which counts for the whole fleet; `decide` does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, field

from lotabots.policy.breaker import CLOSED, Breaker, Signal, moved
from lotabots.policy.correlator import GateState, gate_from_json, gate_to_json

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.model.bot import BreakerPolicy


class BotState(Struct, frozen=True):
    """One bot at this moment. `queued` is the number of its jobs that wait or run.

    `disabled` is an operator's word, and `said` is whose and why, for people.
    """

    disabled: bool = False
    queued: int = 0
    breaker: Breaker = CLOSED
    said: str = ""


AT_REST: Final = BotState()


class State(Struct, frozen=True):
    """Everything that changes. `rollout` names the last phase in service; empty = as the rules say.

    A bot that is not in `bots` is at rest; a gate that is not in `gates` waits for nothing. `said`
    is whose word `rollout` is and why, for people.
    """

    bots: Mapping[str, BotState] = field(default_factory=dict)
    rollout: str = ""
    gates: Mapping[str, GateState] = field(default_factory=dict)
    said: str = ""

    def bot(self, name: str) -> BotState:
        """The state of the bot called `name`."""
        return self.bots.get(name, AT_REST)


def with_bot(state: State, name: str, bot: BotState) -> State:
    """`state` with another state of one bot."""
    bots = {known: value for known, value in state.bots.items() if known != name}
    if bot != AT_REST:
        bots[name] = bot
    return State(dict(sorted(bots.items())), state.rollout, state.gates, state.said)


def with_disabled(state: State, name: str, *, disabled: bool, said: str = "") -> State:
    """`state` after an operator disabled or enabled a bot. A file's ``enabled: false`` stays."""
    said = said if disabled else ""
    bot = msgspec.structs.replace(state.bot(name), disabled=disabled, said=said)
    return with_bot(state, name, bot)


def with_queued(state: State, name: str, queued: int) -> State:
    """`state` with a reading of the number of jobs of a bot that wait or run."""
    return with_bot(state, name, msgspec.structs.replace(state.bot(name), queued=queued))


def with_rollout(state: State, phase: str, *, said: str = "") -> State:
    """`state` with `phase` as the last phase in service; empty for what the rules say."""
    return State(state.bots, phase, state.gates, said if phase else "")


def with_gate(state: State, name: str, gate: GateState) -> State:
    """`state` with another state of one gate."""
    return State(state.bots, state.rollout, {**state.gates, name: gate}, state.said)


def with_signal(
    state: State, name: str, signal: Signal, *, policy: BreakerPolicy, now: datetime
) -> State:
    """`state` after the breaker of a bot got `signal` at `now`."""
    bot = state.bot(name)
    breaker = moved(bot.breaker, signal, policy=policy, now=now)
    return with_bot(state, name, msgspec.structs.replace(bot, breaker=breaker))


def state_to_json(state: State) -> dict[str, Any]:
    """`state` as plain JSON data; equal states give equal data."""
    return {
        "version": 1,
        "bots": {name: msgspec.to_builtins(bot) for name, bot in sorted(state.bots.items())},
        "rollout": state.rollout,
        "said": state.said,
        "gates": {name: gate_to_json(gate) for name, gate in sorted(state.gates.items())},
    }


def state_from_json(data: Any) -> State:  # noqa: ANN401 - JSON of unknown shape is the point
    """The state that `data` describes.

    Raises:
        msgspec.ValidationError: `data` is not what `state_to_json` gives.
    """
    form = msgspec.convert(data, _Form)
    gates = {name: gate_from_json(gate) for name, gate in form.gates.items()}
    return State(form.bots, form.rollout, gates, form.said)


class _Form(Struct, forbid_unknown_fields=True):
    version: int
    bots: dict[str, BotState]
    rollout: str
    gates: dict[str, Any]
    said: str = ""
