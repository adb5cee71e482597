"""What the graph of a fleet is made of: starts, emissions, routes, hops.

A *node* is a bot name, ``gate.<name>``, or `OUTSIDE` for everything that is not part of the
fleet. Loops and reachability are asked one level below, between *vertices*: a trigger of a bot, a
part of a gate, a gate. So two unrelated triggers of one bot do not make a path between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.model.bot import Trigger, TriggerKind
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import Action, Emission
    from lotabots.model.fleet import Gate, GatePart

OUTSIDE: Final = "outside"
"""The node that stands for people, ingresses, the schedule and the engine."""

AFTER: Final = -1
"""`Start.number` of the ``after:`` of an `absent` gate."""

Constant = str | bool | int
"""A value that a field is known to have (``set: {environment: staging}``)."""


class Start(NamedTuple):
    """What an event may set off: a trigger of a bot or a part of a gate.

    `number` counts the triggers or parts of `node` from 0. `action` is what a trigger starts, None
    for gate parts and where the trigger names no action of its bot.
    """

    node: str
    number: int
    rule: Trigger | GatePart
    action: Action | None = None

    @property
    def scheduled(self) -> bool:
        """Whether a schedule fires this, not an event."""
        return isinstance(self.rule, Trigger) and self.rule.kind is TriggerKind.SCHEDULE

    def accepts(self, source: str) -> bool:
        """Whether ``from:`` lets the events of the node `source` in."""
        wanted = self.rule.source
        return not wanted or wanted == source or ("*" in wanted and matches(wanted, source))


class Produced(NamedTuple):
    """One way an event of type `event` comes to be: an action's ``emits:`` or a gate's ``then:``.

    `fixed` maps paths (``payload.change.id``) to the constants that ``set:`` writes.
    """

    node: str
    event: str
    action: str
    fixed: Mapping[str, Constant]
    rule: Emission | Gate

    @property
    def place(self) -> Span:
        """Where the event is named."""
        return self.rule.at("type") if self.action else self.rule.at("then", "emit")


class Route(NamedTuple):
    """Events of type `event` of `source` may start `target` (node names)."""

    source: str
    event: str
    target: str


class Hop(NamedTuple):
    """A step between vertices: `event`, which `made` declares, may set off `target`.

    From a part to its own gate `event` is empty and `made` is None.
    """

    source: int
    event: str
    target: int
    made: Emission | Gate | None = None


def patterns_meet(first: str, second: str) -> bool:
    """Whether some dotted name matches both patterns.

    >>> patterns_meet("cli.*", "cli.alice"), patterns_meet("cli.**", "cli")
    (True, False)
    """
    return _tokens_meet(first.split("."), second.split("."))


def _tokens_meet(first: list[str], second: list[str]) -> bool:
    shared = min(len(first), len(second))
    for position in range(shared):
        a, b = first[position], second[position]
        if "**" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(first) == len(second)
