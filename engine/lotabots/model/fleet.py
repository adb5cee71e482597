"""The fleet: all that the rule files say, as one value."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from lotabots.frozen import EMPTY, Frozen
from lotabots.model.capability import CapabilityTree
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from lotabots.model.bot import Bot, SetValue
    from lotabots.model.event import ArtifactKind, EventType
    from lotabots.model.invariant import Invariant


class GateKind(StrEnum):
    """What completes a gate: every part, any part, one part several times, or silence."""

    ALL = "all"
    ANY = "any"
    COUNT = "count"
    ABSENT = "absent"


class CorrelatorKind(StrEnum):
    """Which implementation of the correlator port evaluates the gates."""

    PYTHON = "python"
    DURABLE = "durable"


class GatePart(Record, kw_only=True):
    """An event that a gate waits for; `name` (``as:``) lets `set:` refer to it."""

    pattern: str
    source: str = ""
    when: str = ""
    name: str = ""


class Gate(Record, kw_only=True):
    """A correlation that the engine evaluates; complete, it emits `emit` as ``gate.<name>``.

    Always keyed (`join_on`: payload paths that must be equal) and bounded in time (`within`,
    seconds) and in number (`max_pending` keys). Join keys are copied into the emitted payload.
    For `COUNT` there is one part and `times`; for `ABSENT` the gate completes when no `parts[0]`
    came within `within` of an `after`.
    """

    name: str
    doc: str = ""
    kind: GateKind = GateKind.ALL
    parts: tuple[GatePart, ...] = ()
    after: GatePart | None = None
    times: int = 1
    join_on: tuple[str, ...] = ()
    within: Decimal | int = 0
    max_pending: int = 10_000
    emit: str = ""
    set: Mapping[str, SetValue] = EMPTY


class Edge(Record, kw_only=True):
    """A declared dependency: `source` may start `target` by the events `via` (empty = any)."""

    source: str
    target: str
    via: tuple[str, ...] = ()


class Phase(Record, kw_only=True):
    """A step of the deployment; bots of later phases are not rolled out yet."""

    name: str
    doc: str = ""


class Settings(Record, kw_only=True):
    """``rules/fleet.yaml``. `max_age` is seconds; `rollout` names the last phase in service."""

    name: str = "fleet"
    version: str = ""
    categories: Mapping[str, str] = EMPTY
    phases: tuple[Phase, ...] = ()
    rollout: str = ""
    max_hops: int = 16
    max_age: Decimal | int = 86_400
    correlator: CorrelatorKind = CorrelatorKind.PYTHON


class Fleet(Frozen):
    """The whole declaration. All parts are sorted by name, whatever the files say.

    `broken` holds the paths of files with errors of form: what they say is not trusted, and
    every decision that depends on one of them rejects.
    """

    settings: Settings = Settings()
    capabilities: CapabilityTree = CapabilityTree()
    events: Mapping[str, EventType] = EMPTY
    artifacts: Mapping[str, ArtifactKind] = EMPTY
    bots: tuple[Bot, ...] = ()
    gates: tuple[Gate, ...] = ()
    edges: tuple[Edge, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    broken: frozenset[str] = frozenset()

    def bot(self, name: str) -> Bot | None:
        """The bot called `name`, if there is one."""
        return next((bot for bot in self.bots if bot.name == name), None)
