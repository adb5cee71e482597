"""A gate cannot make a valid event.

## Why
A complete gate emits its event by itself: the join keys at their paths, and what ``set:`` says.
Nobody else fills in the rest. A required field that stays empty, or a value that does not fit,
makes every event of the gate invalid, and what it should start never starts.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {repository: string}}
  test.requested: {emitters: [gate.asked], payload: {repository: string, suite: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/gates.yaml
gates:
  - name: asked
    all: [{pattern: build.completed, from: BuildBot}, {pattern: approval.granted}]
    join_on: [payload.repository]
    within: 1h
    then: {emit: test.requested}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: gate.asked}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: test.requested, from: gate.asked}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: gate.asked, via: [build.completed]}
  - {from: gate.asked, to: TestBot, via: [test.requested]}
```
```text
rules/gates.yaml:6:18: error[LB701] `gate.asked` does not fill `suite` of `test.requested`
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {repository: string}}
  test.requested: {emitters: [gate.asked], payload: {repository: string, suite: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/gates.yaml
gates:
  - name: asked
    all: [{pattern: build.completed, from: BuildBot}, {pattern: approval.granted}]
    join_on: [payload.repository]
    within: 1h
    then: {emit: test.requested, set: {suite: full}}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: gate.asked}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: test.requested, from: gate.asked}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: gate.asked, via: [build.completed]}
  - {from: gate.asked, to: TestBot, via: [test.requested]}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from lotabots.checks.assignment import (
    copy_misfit,
    field_at,
    kind,
    literal_misfit,
    missing_fields,
    same_kind,
)
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.bot import Copied, Counted
from lotabots.model.event import ListType, ObjectType
from lotabots.model.names import gate_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.condition.members import Found
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import SetValue
    from lotabots.model.event import EventType
    from lotabots.model.fleet import Gate, GatePart


class GateEventIncomplete:
    """See the module."""

    info = CheckInfo("LB701", "gate-event-incomplete", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per join key, field of `set:` and required field that nobody fills."""
        for gate in workspace.fleet.gates:
            event = workspace.fleet.events.get(gate.emit)
            problems = [*_keys(workspace, gate, event)]
            if event is not None:
                problems += _values(workspace, gate, event)
                problems += () if problems else _missing(gate, event)
            for place, message, cure in problems:
                related = () if event is None else (Label(event.span, "declared here"),)
                yield self.info.at(
                    Label(place),
                    message,
                    subject=gate_source(gate.name),
                    related=related,
                    help=cure,
                )


CHECK = GateEventIncomplete()

_JOIN: Final = "join on a text, number or truth value that all parts have"
_Problem = tuple["Span", str, str]


def _keys(workspace: Workspace, gate: Gate, event: EventType | None) -> Iterator[_Problem]:
    """Join keys: a scalar field of every part, of one kind everywhere, and of the own event."""
    awaited = _awaited(workspace, gate)
    for number, key in enumerate(gate.join_on):
        place, path = gate.at("join_on", number), key.removeprefix("payload.")
        fields = [(other.name, field_at(other.payload, path)) for other in awaited]
        scalars = [(name, one) for name, one in fields if one and not _compound(one)]
        lacking = [f"`{name}`" for name, one in fields if one is None or _compound(one)]
        if lacking:
            yield place, f"`{key}` is no single value of {', '.join(lacking)}", _JOIN
            continue
        for (first, one), (second, two) in pairwise(scalars):
            if not same_kind(one.type, two.type):
                kinds = f"{kind(one.type)} in `{first}`, but {kind(two.type)} in `{second}`"
                yield place, f"`{key}` is {kinds}", _JOIN
        if event is not None and path not in gate.set:
            yield from _own_key(event, key, [one for _, one in scalars], place)


def _compound(found: Found) -> bool:
    return isinstance(found.type, ObjectType | ListType)


def _own_key(event: EventType, key: str, found: list[Found], place: Span) -> Iterator[_Problem]:
    target = field_at(event.payload, key.removeprefix("payload."))
    if target is None:
        cure = "declare it in the catalogue: join keys are copied into the event"
        yield place, f"`{event.name}` has no field `{key}`", cure
        return
    for one in found:
        misfit = copy_misfit(one.type, target.type)
        if misfit:
            yield (
                place,
                f"`{key}` cannot be copied into `{event.name}`: {misfit}",
                "align the types",
            )
            return


def _values(workspace: Workspace, gate: Gate, event: EventType) -> Iterator[_Problem]:
    """The fields of ``set:``."""
    for path, value in gate.set.items():
        place = gate.at("set", path)
        target = field_at(event.payload, path)
        if target is None:
            cure = "declare it in the catalogue, or remove it"
            yield place, f"`{event.name}` has no field `{path}`", cure
            continue
        misfit = _misfit(workspace, gate, value, target)
        if misfit:
            yield place, f"`{path}` of `{event.name}`: {misfit}", "set a value that fits"


def _misfit(workspace: Workspace, gate: Gate, value: SetValue, target: Found) -> str:
    if not isinstance(value, Copied):
        literal = value.plus + 1 if isinstance(value, Counted) else value
        return literal_misfit(literal, target.type)
    part = next((p for p in _parts(gate) if p.name == value.part), None)
    if part is None:
        return ""  # an unknown part is a fault of form
    for event in _events(workspace, part):
        source = field_at(event.payload, value.path)
        if source is None:
            return f"`{event.name}` has no field `{value.path}` to copy"
        misfit = copy_misfit(source.type, target.type)
        if misfit:
            return f"`{value.path}` of `{event.name}` cannot be copied: {misfit}"
        if source.optional and not target.optional and not _sure(workspace, gate, part, value.path):
            return f"`{value.path}` of `{event.name}` may be absent, but is required here"
    return ""


def _missing(gate: Gate, event: EventType) -> Iterator[_Problem]:
    filled = {key.removeprefix("payload.") for key in gate.join_on} | set(gate.set)
    for path in missing_fields(event.payload, frozenset(filled)):
        message = f"`{gate_source(gate.name)}` does not fill `{path}` of `{event.name}`"
        cure = f"add `{path}` to `set:` or to `join_on`, or make it optional in the catalogue"
        yield gate.at("then", "emit"), message, cure


def _sure(workspace: Workspace, gate: Gate, part: GatePart, path: str) -> bool:
    """Whether an optional field is there all the same: a join key needs it, or `when` asks."""
    read = workspace.graph.feasibility.read(part.when) if part.when else frozenset[str]()
    return any(f"{name}.".startswith(f"payload.{path}.") for name in (*gate.join_on, *read))


def _parts(gate: Gate) -> tuple[GatePart, ...]:
    return gate.parts if gate.after is None else (*gate.parts, gate.after)


def _events(workspace: Workspace, part: GatePart) -> list[EventType]:
    names = workspace.graph.takers.events_of(part.pattern)
    return [workspace.fleet.events[name] for name in names if name in workspace.fleet.events]


def _awaited(workspace: Workspace, gate: Gate) -> list[EventType]:
    found = {event.name: event for part in _parts(gate) for event in _events(workspace, part)}
    return list(found.values())
