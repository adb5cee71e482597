"""The broker plane: what NATS must know of a fleet, derived from its rules.

Each bot has an account of its own whose only doors are the event types that its rule file says it
emits, so the server itself refuses a forged source or an undeclared type. Workers and the audit
writer have accounts of their own too; in the core account is the engine, which may not publish as a
bot. Everything here is a value; `lotabots.adapters.nats` applies it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lotabots.model.names import OUTSIDE_FAMILIES, is_gate_source, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet

CORE: Final = "LB"
SYSTEM: Final = "SYS"
DAY_S: Final = 86_400
KEEP_S: Final = 14 * DAY_S
"""How long streams keep what the audit log holds for ever; longer than any redelivery."""

LEASE_S: Final = 30
"""How long a job or event belongs to who took it, without a sign of life, by default."""

API: Final = "$JS.API"
GUEST_API: Final = "lb.js"
"""What the requests of JetStream start with, in the core account and in the accounts of guests."""

EVENTS, DECISIONS, WORK, RETRY = "LB_EVENTS", "LB_DECISIONS", "LB_WORK", "LB_RETRY"
ATTEMPTS, OUTCOMES, CONTROL, AUDIT = "LB_ATTEMPTS", "LB_OUTCOMES", "LB_CONTROL", "LB_AUDIT"
CRON, STATE = "LB_CRON", "LB_STATE"

WAITING: Final = 50
"""How many waiting jobs of one bot the engines hold at once while its queue is full."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream. `kept` streams refuse deletion and purging; ages are seconds, 0 for ever.

    A `newest` stream holds one message for each subject, the last one.
    """

    name: str
    subjects: tuple[str, ...] = ()
    work_queue: bool = False
    kept: bool = False
    schedules: bool = False
    sources: tuple[str, ...] = ()
    max_age: int = KEEP_S
    max_per_subject: int = -1
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable consumer shared by all processes that serve it.

    `max_pending` bounds what is out at once over all of them, exactly; a `pinned` one is served
    by one process at a time.
    """

    stream: str
    name: str
    filter: str
    max_pending: int
    lease: int = LEASE_S
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A NATS user with an nkey. Subjects are allow lists; empty means nothing."""

    name: str
    account: str
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    doors: Mapping[str, str] = field(default_factory=dict)
    """Service imports from the core account: core subject to the name the user knows it by."""


def bot_account(bot: str) -> str:
    """The account of a bot."""
    return f"B_{bot}"


def is_outside_source(source: str) -> bool:
    """Whether `source` can get credentials: an outside family and one name.

    More names would be taken for a part of the event's type (see `source_of`).

    >>> is_outside_source("cli.ann"), is_outside_source("cli.ann.lee"), is_outside_source("cli.*")
    (True, False, False)
    """
    return _OUTSIDE.fullmatch(source) is not None


def outside_account(source: str) -> str:
    """The account of an outside source such as ``cli.alice``."""
    family, _, name = source.partition(".")
    return f"{family.upper()}_{name}"


def event_subject(source: str, event_type: str) -> str:
    """The core subject on which `source` publishes events of `event_type`.

    >>> event_subject("BuildBot", "build.completed"), event_subject("cli.ann", "change.pushed")
    ('lb.ev.bot.BuildBot.build.completed', 'lb.ev.cli.ann.change.pushed')
    """
    family, _, name = source.partition(".")
    if is_gate_source(source) or family in OUTSIDE_FAMILIES:
        return f"lb.ev.{family}.{name}.{event_type}"
    if source in ("schedule", "engine"):
        return f"lb.ev.engine.{source}.{event_type}"
    return f"lb.ev.bot.{source}.{event_type}"


def source_of(subject: str) -> str:
    """The source that a subject proves; the inverse of `event_subject`. Empty if it is none."""
    tokens = subject.split(".")
    if len(tokens) < 5 or tokens[:2] != ["lb", "ev"]:  # noqa: PLR2004 - lb.ev.family.name.type
        return ""
    family, name = tokens[2], tokens[3]
    if family in ("bot", "engine"):
        return name
    return f"{family}.{name}"


def streams(fleet: Fleet) -> tuple[Stream, ...]:
    """The streams of a fleet. The caps on queued jobs are those of its roomiest bot."""
    cap = max((bot.constraints.max_queued_jobs for bot in fleet.bots), default=1000)
    return (
        Stream(EVENTS, ("lb.ev.>",)),
        Stream(DECISIONS, ("lb.dec.>",), kept=True),
        Stream(WORK, ("lb.work.>",), work_queue=True, max_per_subject=cap, max_age=0),
        Stream(RETRY, ("lb.retry.>", "lb.due.>"), work_queue=True, schedules=True, max_age=0),
        Stream(CRON, ("lb.cron.>", "lb.tick.>"), work_queue=True, schedules=True, max_age=0),
        Stream(STATE, ("lb.state.>",), newest=True, max_age=0),
        Stream(ATTEMPTS, ("lb.att.>",), kept=True),
        Stream(OUTCOMES, ("lb.out.>",), kept=True),
        Stream(CONTROL, ("lb.ctl.>",), kept=True),
        Stream(AUDIT, kept=True, sources=(DECISIONS, ATTEMPTS, OUTCOMES, CONTROL)),
    )


def consumers(fleet: Fleet, *, lease: int = LEASE_S) -> tuple[Consumer, ...]:
    """The durable consumers: the engines', the gates', the audit writer's, two for each bot.

    What waits for a bot has a consumer of its own, so that a full queue holds up nobody else.
    `lease` is how long a message belongs to who took it, in seconds.
    """
    engine = (
        Consumer(EVENTS, "ENGINE", "lb.ev.>", 2000, lease),
        Consumer(EVENTS, "GATES", "lb.ev.>", 500, lease, pinned=True),
        Consumer(CRON, "TICKS", "lb.tick.>", 100, lease),
        Consumer(AUDIT, "WRITER", ">", 5000, lease, pinned=True),
    )
    work = (
        Consumer(WORK, bot.name, f"lb.work.{bot.name}", bot.constraints.max_concurrent_jobs, lease)
        for bot in fleet.bots
    )
    waiting = (
        Consumer(RETRY, bot.name, f"lb.due.{bot.name}", WAITING, lease) for bot in fleet.bots
    )
    return (*engine, *work, *waiting)


def users(fleet: Fleet, outside: Iterable[str] = ()) -> tuple[User, ...]:
    """Every identity of a fleet: the core's, one for each bot, one for each outside source.

    Raises:
        ValueError: one of `outside` is not an outside source.
    """
    return (*_CORE_USERS, *map(_bot_user, fleet.bots), *(_outside_user(fleet, s) for s in outside))


def server_config(everybody: Iterable[User], keys: Mapping[str, str]) -> str:
    """The `accounts` block of a nats-server configuration; `keys` maps a user to its public nkey.

    Raises:
        KeyError: a user has no key.
    """
    accounts: dict[str, list[User]] = {SYSTEM: [], CORE: []}
    for user in everybody:
        accounts.setdefault(user.account, []).append(user)
    blocks = [_account(name, members, keys, accounts) for name, members in accounts.items()]
    return "accounts {\n" + "".join(blocks) + f"}}\nsystem_account: {SYSTEM}\n"


def _inbox(name: str) -> str:
    return f"_INBOX_{name}.>"


def _pull(*names: str) -> tuple[str, ...]:
    """The subjects that pulling and acknowledging on streams takes."""
    return tuple(
        subject
        for name in names
        for subject in (
            f"{_NEXT}{name}.>",
            f"$JS.API.CONSUMER.INFO.{name}.>",
            f"$JS.API.CONSUMER.UNPIN.{name}.>",
            f"$JS.ACK.{name}.>",
        )
    )


def _look_up(*names: str) -> tuple[str, ...]:
    """The subjects that looking up single messages of streams takes."""
    return tuple(
        subject
        for name in names
        for subject in (f"$JS.API.STREAM.INFO.{name}", f"$JS.API.STREAM.MSG.GET.{name}")
    )


def _scan(*names: str) -> tuple[str, ...]:
    """The subjects that reading through streams takes (see `adapters.nats.scan`)."""
    return tuple(
        subject
        for name in names
        for subject in (f"$JS.API.CONSUMER.CREATE.{name}", f"$JS.API.CONSUMER.DELETE.{name}.*")
    )


def _guest(
    name: str, publishes: tuple[str, ...] = (), *, pulls: str, looks_up: tuple[str, ...] = ()
) -> User:
    """A user of the core's streams, from an account of its own.

    Within one account a client may name any subject as the reply of its request, and the server
    publishes the answer there, whatever the client itself may publish: an answer with a body of
    the client's choice would be an event of anybody. Through a service import the reply is
    replaced by one of the server's.
    """
    doors = {s: s for s in (*publishes, f"{_NEXT}{pulls}.>", f"$JS.ACK.{pulls}.>")}
    # Under its own name, the guest's own account answers (that it has no JetStream), and the guest
    # may ask, to learn that it is one.
    own = tuple(f"{API}.STREAM.MSG.GET.{stream}" for stream in looks_up)
    doors |= {subject: subject.replace(API, GUEST_API) for subject in own}
    return User(name, name.upper(), (*doors.values(), *own), (_inbox(name),), doors)


_OUTSIDE: Final = re.compile(rf"({'|'.join(OUTSIDE_FAMILIES)})\.[a-z0-9_-]+", re.ASCII)
_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT."
_ALL_STREAMS: Final = (
    *(EVENTS, DECISIONS, WORK, RETRY, ATTEMPTS, OUTCOMES, CONTROL, AUDIT),
    *(CRON, STATE),
)

_HOST: Final = "lb.ctl.host.>"
"""What the host puts on record; it may do nothing else on NATS."""

_CORE_USERS: Final = (
    User("system", SYSTEM),
    User("admin", CORE, ("$JS.API.>",), (_inbox("admin"),)),
    User(
        "engine",
        CORE,
        (
            *("lb.ev.gate.>", "lb.ev.engine.>", "lb.dec.>", "lb.work.>", "lb.retry.>"),
            *("lb.out.dead.>", "lb.ctl.engine.>", "lb.due.>", "lb.cron.>", "lb.state.>", "_R_.>"),
            *_pull(EVENTS, RETRY, CRON, DECISIONS, ATTEMPTS, OUTCOMES, CONTROL),
            *_look_up(*_ALL_STREAMS),
            *_scan(*_ALL_STREAMS),
            f"$JS.API.CONSUMER.LIST.{WORK}",
        ),
        (_inbox("engine"), "lb.api.>", "lb.do.>"),
    ),
    _guest(
        "runner",
        ("lb.att.>", "lb.out.>", "lb.retry.>", "lb.ctl.runner.>"),
        pulls=WORK,
        looks_up=(OUTCOMES, ATTEMPTS, CONTROL, STATE),
    ),
    _guest("audit", pulls=AUDIT, looks_up=(AUDIT,)),
    User("host", "HOST", (_HOST,), (_inbox("host"),), {_HOST: _HOST}),
)


def _bot_user(bot: Bot) -> User:
    types = sorted({emission.type for action in bot.actions for emission in action.emits})
    doors = {event_subject(bot.name, t): f"ev.{t}" for t in types}
    return User(bot.name, bot_account(bot.name), tuple(doors.values()), (_inbox(bot.name),), doors)


def _outside_user(fleet: Fleet, source: str) -> User:
    if not is_outside_source(source):
        families = " or ".join(f"`{family}.<name>`" for family in OUTSIDE_FAMILIES)
        raise ValueError(f"`{source}` cannot get credentials: an outside source is {families}")
    types = sorted(
        event.name
        for event in fleet.events.values()
        if event.external and any(matches(pattern, source) for pattern in event.emitters)
    )
    doors = {event_subject(source, t): f"ev.{t}" for t in types}
    if source.startswith("cli."):
        # Whoever asks is told the same; whoever orders something has a door of his own.
        doors |= {"lb.api.>": "api.>", f"lb.do.{source}.>": "do.>"}
    name = outside_account(source)
    return User(name, name, tuple(doors.values()), (_inbox(name),), doors)


def _account(
    name: str, members: list[User], keys: Mapping[str, str], accounts: Mapping[str, list[User]]
) -> str:
    lines = [f"  {name} {{"]
    if name == CORE:
        lines.append("    jetstream: enabled")
        lines += _exports(accounts)
    lines.append("    users: [")
    lines += [f"      {_user(user, keys[user.name])}" for user in members]
    lines.append("    ]")
    doors = {subject: to for user in members for subject, to in user.doors.items()}
    if doors:
        lines.append("    imports: [")
        lines += [
            f"      {{service: {{account: {CORE}, subject: {json.dumps(subject)}}}, "
            f"to: {json.dumps(to)}}}"
            for subject, to in sorted(doors.items())
        ]
        lines.append("    ]")
    return "\n".join([*lines, "  }", ""])


def _exports(accounts: Mapping[str, list[User]]) -> list[str]:
    granted: dict[str, list[str]] = {}
    for account, members in accounts.items():
        for user in members:
            for subject in user.doors:
                granted.setdefault(subject, []).append(account)
    return [
        "    exports: [",
        *(
            f"      {{service: {json.dumps(subject)}, accounts: [{', '.join(sorted(names))}]"
            f"{', response_type: stream' if subject.startswith(_NEXT) else ''}}}"
            for subject, names in sorted(granted.items())
        ),
        "    ]",
    ]


def _user(user: User, key: str) -> str:
    permissions = {
        "publish": {"allow": list(user.publish)} if user.publish else {"deny": [">"]},
        "subscribe": {"allow": list(user.subscribe)} if user.subscribe else {"deny": [">"]},
    }
    # The configuration language is a superset of JSON.
    return json.dumps({"nkey": key, "permissions": permissions})
