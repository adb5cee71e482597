"""Policy tests: events for a fleet, and what the engine is expected to decide about each.

A file under ``rules/tests/`` is no part of the fleet: it changes no decision and no digest. What
its names refer to is looked up when it is checked or run, so a payload stays as it was written
(a syntax node) until the type of its event is known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lotabots.frozen import EMPTY, Frozen
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from lotabots.syntax import nodes

START: Final = "2026-01-01T00:00:00Z"
"""When a test begins that does not say another time."""


class Verb(StrEnum):
    """What is decided about a bot or a gate; `ALLOW` answers a claim, `EMIT` is for gates."""

    DISPATCH = "dispatch"
    EMIT = "emit"
    REJECT = "reject"
    WAIT = "wait"
    IGNORE = "ignore"
    DEAD_LETTER = "dead-letter"
    ALLOW = "allow"


class Scope(StrEnum):
    """What an expectation is about: named targets, the event as a whole, nobody, or nothing."""

    TARGETS = "targets"
    EVENT = "event"
    NOBODY = "nobody"
    ANYTHING = "anything"


class Expected(Record, kw_only=True):
    """One expected verdict. `word` is the action, the emitted event type, or the code.

    `because` is a part of the reason, `missing` all that a gate still waits for, `delegate` whom a
    boundary names. `payload` are members of an emitted event, `then` what is decided about it.
    """

    verb: Verb
    word: str = ""
    because: str = ""
    missing: tuple[str, ...] = ()
    delegate: str = ""
    payload: nodes.Mapping | None = None
    then: Expectation | None = None


class Expectation(Record, kw_only=True):
    """All that is expected of one event. `outcomes` is by target; ``""`` is the whole event."""

    scope: Scope
    outcomes: Mapping[str, Expected] = EMPTY


class Circumstances(Record, kw_only=True):
    """The state in which a test begins; `queued` is jobs that wait or run, by bot."""

    disabled: tuple[str, ...] = ()
    rollout: str = ""
    open_breakers: tuple[str, ...] = ()
    queued: Mapping[str, int] = EMPTY


class Template(Record, kw_only=True):
    """Members of events that several steps share. `type` is empty when the name is the type."""

    type: str = ""
    source: str = ""
    destination: str = ""
    priority: str = ""
    payload: nodes.Mapping | None = None


class EventStep(Record, kw_only=True):
    """An event comes. `event` names a template or a type; what is empty comes from there.

    `source` is who really sends it, `signed` what its envelope claims, `after` seconds since the
    step before, `age` seconds since its timestamp. Events of one `id` and source are duplicates.
    """

    event: str
    source: str = ""
    signed: str = ""
    destination: str = ""
    priority: str = ""
    id: str = ""
    payload: nodes.Mapping | None = None
    after: Decimal | int = 0
    age: Decimal | int = 0
    hops: int = 0
    attempt: int = 1
    partial: bool = False
    expect: Expectation


class ElapseStep(Record, kw_only=True):
    """Nothing comes for `elapse` seconds: what silence alone brings about."""

    elapse: Decimal | int
    partial: bool = False
    expect: Expectation


class ClaimStep(Record, kw_only=True):
    """Suppose `bot` had an action that exercises `capability` on `on`, and the scope for it.

    `approved` supposes that a person's approval came with the event. This asks the boundaries
    alone, for in a sound fleet nothing else ever reaches them.
    """

    bot: str
    capability: str
    on: str = "*"
    approved: bool = False
    expect: Expected


Step = EventStep | ElapseStep | ClaimStep


class Trial(Record, kw_only=True):
    """One policy test. `now` is the time of its first step, RFC 3339."""

    name: str
    doc: str = ""
    now: str = START
    state: Circumstances = Circumstances()
    steps: tuple[Step, ...]


class TrialFile(Frozen):
    """What the file at `path` says."""

    path: str
    templates: Mapping[str, Template] = EMPTY
    trials: tuple[Trial, ...] = ()
