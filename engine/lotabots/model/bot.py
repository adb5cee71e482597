"""A bot: what it owns, what it must never do, what starts it, where its results go."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lotabots.frozen import EMPTY, Frozen
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from lotabots.model.capability import Claim

MIB: Final = 2**20


class TriggerKind(StrEnum):
    """What starts an action."""

    EVENT = "event"
    SCHEDULE = "schedule"


class Backoff(StrEnum):
    """How the wait grows from one attempt to the next."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    CONSTANT = "constant"


class Counter(StrEnum):
    """What the engine counts and may write into an emitted event."""

    ATTEMPT = "attempt"
    HOPS = "hops"


class Copied(Frozen):
    """``$change.id``: the engine copies this field of the triggering payload.

    In a gate, ``$test.artifact`` copies from the part named `test`; `part` is empty elsewhere.
    """

    path: str
    part: str = ""


class Counted(Frozen):
    """``$attempt + 1``: the engine writes its own counter plus a constant."""

    counter: Counter
    plus: int = 0


SetValue = str | bool | int | Copied | Counted
"""What `set:` may hold: a literal, a copied field, a counter. Decimals are not needed so far."""


class Boundary(Record, kw_only=True):
    """A capability the bot must never exercise, nor cause.

    `except_` lists narrower capabilities that stay allowed; `unless_approved` lifts the boundary
    for events of a gate that joined a person's approval; `delegate` names the owner to ask.
    """

    deny: str
    on: str = "*"
    except_: tuple[str, ...] = ()
    unless_approved: bool = False
    reason: str = ""
    delegate: str = ""


class Trigger(Record, kw_only=True):
    """What starts an action: an event pattern with a condition, or a schedule.

    `source` (``from:``) narrows the emitter to one bot, gate or source pattern. `action` is empty
    when the bot has exactly one action.
    """

    kind: TriggerKind = TriggerKind.EVENT
    pattern: str = ""
    source: str = ""
    when: str = ""
    cron: str = ""
    timezone: str = "UTC"
    action: str = ""


class Emission(Record, kw_only=True):
    """An event that an action may emit, and the fields that the engine fills in itself."""

    type: str
    set: Mapping[str, SetValue] = EMPTY


class Grants(Record, kw_only=True):
    """What the sandbox allows an action. Sizes are bytes, `cpu` is seconds; empty means nothing."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    memory: int = 512 * MIB
    processes: int = 32
    cpu: int = 300
    output: int = 16 * MIB
    disk: int = 256 * MIB
    trace_denials: bool = False


class Action(Record, kw_only=True):
    """One thing a bot can be asked to do.

    `command` is an entry point named in the bot's manifest (one item, `entry_point` true) or a
    program with arguments; never a shell line. `consumes` and `produces` name artifact kinds.
    """

    name: str
    type: str = "execute"
    capability: str = ""
    on: str = "*"
    command: tuple[str, ...] = ()
    entry_point: bool = True
    emits: tuple[Emission, ...] = ()
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    grants: Grants = Grants()


class RetryPolicy(Record, kw_only=True):
    """How often and how patiently a failed job is tried again. Durations are seconds."""

    max_attempts: int = 3
    backoff: Backoff = Backoff.EXPONENTIAL
    initial: Decimal | int = 1
    max: Decimal | int = 300


class BreakerPolicy(Record, kw_only=True):
    """The circuit opens after `failures` within `window` seconds, for `cooldown` seconds."""

    failures: int = 5
    window: Decimal | int = 600
    cooldown: Decimal | int = 60


class Constraints(Record, kw_only=True):
    """Limits on a bot's jobs, exact over the whole fleet. `timeout` is seconds per attempt."""

    max_concurrent_jobs: int = 1
    max_queued_jobs: int = 1000
    timeout: Decimal | int = 3600
    retry_policy: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()


class Output(Record, kw_only=True):
    """A route: `event` (every event the bot emits, if empty) goes to `destination`.

    The destination is a bot or ``gate.<name>``.
    """

    destination: str
    event: str = ""
    type: str = "message"


class Bot(Record, kw_only=True, aside=("path",)):
    """Everything one file under ``rules/bots/`` says. `path` is that file."""

    name: str
    path: str = ""
    version: str = ""
    enabled: bool = True
    category: str = ""
    phase: str = ""
    essential: bool = False
    responsibility: str = ""
    scope: tuple[Claim, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    may_cause: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    actions: tuple[Action, ...] = ()
    constraints: Constraints = Constraints()
    dependencies: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()

    def action(self, name: str) -> Action | None:
        """The action called `name`; with an empty name the only action, if there is just one."""
        if not name:
            return self.actions[0] if len(self.actions) == 1 else None
        return next((a for a in self.actions if a.name == name), None)
