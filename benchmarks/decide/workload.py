"""The workload: N rules and events for them, the same for every candidate.

A rule = an event type (70 % exact, 30 % ``prefix.*``), a source, one equality and one order
condition on the payload. Of the events 25 % match a rule, half of the others miss one by one
condition, the rest are of any type and source; one in twenty lacks a field or has one of another
JSON type. The number of types grows with the number of rules, so that about 0.7 rules are routed
to an event whatever their number.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from lotabots.checks.run import run
from lotabots.model.bot import Action, Bot, Output, Trigger
from lotabots.model.capability import Capability, CapabilityTree, Claim
from lotabots.model.envelope import Stamp
from lotabots.model.event import (
    EnumType,
    EventType,
    Field,
    IntegerType,
    NumberType,
    ObjectType,
    TextType,
)
from lotabots.model.fleet import Edge, Fleet, Settings
from lotabots.model.load import Loaded

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.policy.checked import CheckedFleet

SOURCES = tuple(f"Source{number}" for number in range(40))
RULES_PER_TYPE = 2
TYPES_PER_PREFIX = 5
EMITTERS = 4
OUTCOMES = ("success", "failure", "error", "cancel")
BRANCHES = ("main", "develop", "release", "hotfix")
TIME = "2026-03-01T12:00:00.123456Z"
NOW = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)

PAYLOAD = ObjectType(
    (
        Field("repository", TextType()),
        Field("branch", TextType()),
        Field("commit", TextType(max_length=40)),
        Field("outcome", EnumType(OUTCOMES)),
        Field("coverage", NumberType(Decimal(0), Decimal(1))),
        Field("failed", IntegerType(0)),
    )
)


class Rule(NamedTuple):
    """`name` fires for `source` and `pattern`, if both conditions hold."""

    name: str
    pattern: str
    source: str
    equal: tuple[str, str]
    order: tuple[str, str, str]

    @property
    def when(self) -> str:
        """The condition as a rule file says it."""
        return f'payload.{self.equal[0]} == "{self.equal[1]}" && payload.{" ".join(self.order)}'


class Sent(NamedTuple):
    """An event, and who sent it: for us the stamp that the engine's loop puts on it."""

    raw: bytes
    source: str
    stamp: Stamp


class Workload(NamedTuple):
    """Rules, the types they are about, and events."""

    rules: tuple[Rule, ...]
    emitters: dict[str, tuple[str, ...]]
    events: tuple[Sent, ...]


def workload(size: int, *, events: int, seed: int = 7) -> Workload:
    """`size` rules and `events` events; the same numbers give the same workload."""
    random = Random(seed)
    count = max(TYPES_PER_PREFIX * 2, size // RULES_PER_TYPE)
    types = tuple(f"p{n // TYPES_PER_PREFIX}.t{n % TYPES_PER_PREFIX}" for n in range(count))
    rules = tuple(_rule(random, number, types) for number in range(size))
    emitters = _emitters(random, types, rules)
    return Workload(rules, emitters, tuple(_event(random, rules, emitters) for _ in range(events)))


def fleet_of(load: Workload) -> Fleet:
    """The workload as a fleet: one bot for each rule, routes and edges from its source."""
    outputs: dict[str, list[Output]] = {source: [] for source in SOURCES}
    for rule in load.rules:
        outputs[rule.source].extend(
            Output(destination=rule.name, event=event) for event in _expanded(rule.pattern)
        )
    bots = [_bot(rule) for rule in load.rules]
    bots += [Bot(name=source, outputs=tuple(outputs[source])) for source in SOURCES]
    return Fleet(
        settings=Settings(name="workload"),
        capabilities=CapabilityTree({"work.do": Capability(name="work.do")}),
        events={
            name: EventType(name=name, emitters=emitters, payload=PAYLOAD)
            for name, emitters in load.emitters.items()
        },
        bots=tuple(sorted(bots, key=lambda bot: bot.name)),
        edges=tuple(Edge(source=rule.source, target=rule.name) for rule in load.rules),
    )


def checked(fleet: Fleet) -> CheckedFleet:
    """The fleet as if checked: it is made by this module, not read from files."""
    return run(Loaded(fleet, ()), checks=())


def reference(load: Workload, sent: Sent, *, validated: bool) -> frozenset[str]:
    """The names of the rules that fire: slow, plain, and written for nothing but to be right."""
    event = json.loads(sent.raw, parse_float=Decimal)
    payload = event["payload"]
    if validated and not _valid(payload):
        return frozenset()
    return frozenset(
        rule.name
        for rule in load.rules
        if rule.source == sent.source
        and (
            rule.pattern == event["type"]
            or (rule.pattern.endswith(".*") and event["type"].startswith(rule.pattern[:-1]))
        )
        and payload.get(rule.equal[0]) == rule.equal[1]
        and _compares(payload.get(rule.order[0]), *rule.order[1:])
    )


def _rule(random: Random, number: int, types: tuple[str, ...]) -> Rule:
    kind = random.choice(types)
    pattern = kind if random.random() < 0.7 else f"{kind.split('.')[0]}.*"
    equal = random.choice((("outcome", OUTCOMES), ("branch", BRANCHES)))
    order = random.choice(
        (
            ("coverage", random.choice((">=", "<")), f"0.{random.randint(2, 8)}"),
            ("failed", random.choice((">", "<=")), str(random.randint(3, 30))),
        )
    )
    return Rule(
        f"Bot{number}", pattern, random.choice(SOURCES), (equal[0], random.choice(equal[1])), order
    )


def _expanded(pattern: str) -> list[str]:
    if "*" not in pattern:
        return [pattern]
    return [pattern.replace("*", f"t{number}") for number in range(TYPES_PER_PREFIX)]


def _emitters(
    random: Random, types: tuple[str, ...], rules: tuple[Rule, ...]
) -> dict[str, tuple[str, ...]]:
    """The sources of the rules for a type, and some that no rule is about."""
    found: dict[str, set[str]] = {kind: set(random.sample(SOURCES, EMITTERS)) for kind in types}
    for rule in rules:
        for kind in _expanded(rule.pattern):
            found[kind].add(rule.source)
    return {kind: tuple(sorted(sources)) for kind, sources in found.items()}


def _event(random: Random, rules: tuple[Rule, ...], emitters: dict[str, tuple[str, ...]]) -> Sent:
    payload: dict[str, Any] = {
        "repository": "platform/settlement-service",
        "branch": random.choice(BRANCHES),
        "commit": f"{random.getrandbits(160):040x}",
        "outcome": random.choice(OUTCOMES),
        "coverage": round(random.random(), 3),
        "failed": random.randint(0, 40),
    }
    kind, luck = random.choice(list(emitters)), random.random()
    source = random.choice(emitters[kind])
    if luck < 0.625:
        rule = random.choice(rules)
        source = rule.source
        kind = rule.pattern.replace("*", f"t{random.randrange(TYPES_PER_PREFIX)}")
        payload |= {rule.equal[0]: rule.equal[1], rule.order[0]: _beside(rule.order, true=True)}
        if luck >= 0.25:
            missed = random.choice(("equal", "order"))
            payload[rule.equal[0]] = rule.equal[1]
            if missed == "order":
                payload[rule.order[0]] = _beside(rule.order, true=False)
            else:
                values = OUTCOMES if rule.equal[0] == "outcome" else BRANCHES
                payload[rule.equal[0]] = next(v for v in values if v != rule.equal[1])
    if random.random() < 0.05:
        _spoil(random, payload)
    envelope = {
        "id": f"{random.getrandbits(128):032x}",
        "timestamp": TIME,
        "source": source,
        "destination": "*",
        "type": kind,
        "payload": payload,
        "priority": "medium",
        "correlation_id": f"{random.getrandbits(64):016x}",
    }
    raw = json.dumps(envelope, separators=(",", ":")).encode()
    return Sent(raw, source, Stamp(source, NOW))


def _beside(order: tuple[str, str, str], *, true: bool) -> float | int:
    """A value of the field on the wanted side of the limit."""
    field, operator, limit = order
    above = (operator in (">", ">=")) == true
    if field == "failed":
        return int(limit) + (1 if above else -1)
    return round(float(limit) + (0.05 if above else -0.05), 3)


def _spoil(random: Random, payload: dict[str, Any]) -> None:
    field = random.choice(("branch", "outcome", "coverage", "failed"))
    if random.random() < 0.5:
        del payload[field]
    else:
        payload[field] = 5 if isinstance(payload[field], str) else str(payload[field])


def _valid(payload: dict[str, Any]) -> bool:
    kinds: dict[str, Callable[[Any], bool]] = {
        "repository": lambda v: isinstance(v, str),
        "branch": lambda v: isinstance(v, str),
        "commit": lambda v: isinstance(v, str),
        "outcome": lambda v: v in OUTCOMES,
        "coverage": lambda v: type(v) in (int, Decimal),
        "failed": lambda v: type(v) is int,
    }
    return payload.keys() == kinds.keys() and all(kinds[k](v) for k, v in payload.items())


def _compares(value: object, operator: str, limit: str) -> bool:
    if type(value) is not int and not isinstance(value, Decimal):
        return False
    wanted = Decimal(limit)
    answers = {
        ">": value > wanted,
        ">=": value >= wanted,
        "<": value < wanted,
        "<=": value <= wanted,
    }
    return answers[operator]


def _bot(rule: Rule) -> Bot:
    trigger = Trigger(pattern=rule.pattern, source=rule.source, when=rule.when)
    action = Action(name="work", capability="work.do", command=("work",))
    return Bot(
        name=rule.name,
        scope=(Claim(capability="work.do"),),
        triggers=(trigger,),
        actions=(action,),
    )
