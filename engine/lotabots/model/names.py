"""Names and patterns: what a bot, event, capability, gate, source may be called.

Patterns are dot-separated tokens; ``*`` stands for exactly one token and a trailing ``**`` for one
or more. The tokens are those NATS allows in a subject, so a name can never widen a subscription.
"""

from __future__ import annotations

import re
from typing import Final, NewType

BotName = NewType("BotName", str)
EventName = NewType("EventName", str)
CapabilityName = NewType("CapabilityName", str)
GateName = NewType("GateName", str)
ActionName = NewType("ActionName", str)
Source = NewType("Source", str)
"""Who emitted an event: a bot, ``gate.<name>``, ``cli.<user>``, ``ingress.<name>``, `schedule`."""

MAX_NAME: Final = 128

BOT: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,62}", re.ASCII)
DOTTED: Final = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*", re.ASCII)
PATTERN: Final = re.compile(r"([a-z0-9_-]+|\*)(\.([a-z0-9_-]+|\*))*(\.\*\*)?|\*\*", re.ASCII)
SLUG: Final = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)

SCHEDULE: Final = Source("schedule")
SCHEDULE_TICK: Final = EventName("schedule.tick")
"""The built-in event by which a schedule starts an action of the bot that declares it."""

ENGINE: Final = Source("engine")
OUTSIDE_FAMILIES: Final = ("cli", "ingress")
"""First tokens of sources that are neither a bot nor the engine."""


def gate_source(name: str) -> Source:
    """The source of the events that the gate `name` emits; also its name as a graph node."""
    return Source(f"gate.{name}")


def is_gate_source(source: str) -> bool:
    """Whether `source` is that of a gate."""
    return source.startswith("gate.")


def stands_for_people(pattern: str) -> bool:
    """Whether a pattern of ``emitters:`` means people: ``cli.*``, or an ingress that is named.

    Never a pattern that a bot, a gate, the schedule or the engine could match.
    """
    family, _, rest = pattern.partition(".")
    return bool(rest) and (family == "cli" or (family == "ingress" and "*" not in rest))


def matches(pattern: str, name: str) -> bool:
    """Whether the dotted `name` matches `pattern`.

    >>> matches("build.*", "build.completed"), matches("build.*", "build.a.b")
    (True, False)
    >>> matches("build.**", "build.a.b"), matches("build.**", "build")
    (True, False)
    """
    wanted, given = pattern.split("."), name.split(".")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        w in ("*", g) for w, g in zip(wanted, given, strict=True)
    )
