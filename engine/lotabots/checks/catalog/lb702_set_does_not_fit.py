"""What an action sets does not fit the event it emits.

## Why
``set:`` makes the engine write fields of an emitted event itself: constants, copies of the event
that started the action, counters. A field that the event does not have, or a value that does not
fit it, makes every such event invalid, and the work of the job is lost.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits:
      - {type: test.completed, set: {repository: $branch, passed: many, repo: $repository}}
```
```text
rules/bots/testbot.yaml:9:67: error[LB702] `passed` of `test.completed`: `many` is not a whole number
rules/bots/testbot.yaml:9:79: error[LB702] `test.completed` has no field `repo`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits:
      - {type: test.completed, set: {repository: $repository}}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.assignment import copy_misfit, field_at, literal_misfit
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.bot import Copied, Counted
from lotabots.model.codec.codec import did_you_mean
from lotabots.model.names import SCHEDULE_TICK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.nodes import Start
    from lotabots.model.bot import Action, Emission
    from lotabots.model.event import EventType, PayloadType


class SetDoesNotFit:
    """See the module."""

    info = CheckInfo("LB702", "set-does-not-fit", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per field of a `set:`."""
        for bot in workspace.fleet.bots:
            for action in bot.actions:
                for emission in action.emits:
                    event = workspace.fleet.events.get(emission.type)
                    if event is not None and emission.set:
                        yield from self._judge(workspace, bot.name, action, emission, event)

    def _judge(
        self, workspace: Workspace, node: str, action: Action, emission: Emission, event: EventType
    ) -> Iterator[Diagnostic]:
        for path, value in emission.set.items():
            target = field_at(event.payload, path)
            if target is None:
                names = [member.name for member in event.payload.fields]
                message = f"`{event.name}` has no field `{path}`"
                cure = did_you_mean(path, names) or "declare it in the catalogue, or remove it"
            elif isinstance(value, Copied):
                required = not target.optional
                misfits = _copies(workspace, node, action, value.path, target.type, required)
                message = next(misfits, "")
                cure = "copy a field that the starting event always has, or remove it"
            else:
                literal = value.plus + 1 if isinstance(value, Counted) else value
                misfit = literal_misfit(literal, target.type)
                message = f"`{path}` of `{event.name}`: {misfit}" if misfit else ""
                cure = "write a value that fits"
            if message:
                yield self.info.at(
                    Label(emission.at("set", path)),
                    message,
                    subject=f"{node} {action.name} {event.name} {path}",
                    related=(Label(event.span, f"`{event.name}` is declared here"),),
                    help=cure,
                )


CHECK = SetDoesNotFit()


def _copies(
    workspace: Workspace,
    node: str,
    action: Action,
    path: str,
    target: PayloadType,
    required: bool,
) -> Iterator[str]:
    """Why the field `path` of an event that starts `action` may not be copied."""
    graph = workspace.graph
    for number in graph.starts_of.get(node, ()):
        start = graph.starts[number]
        if start.action is not action:
            continue
        for name in _events(workspace, start):
            source = field_at(workspace.fleet.events[name].payload, path)
            if source is None:
                yield f"`{name}`, which starts this, has no field `{path}` to copy"
            elif misfit := copy_misfit(source.type, target):
                yield f"`{path}` of `{name}` cannot be copied: {misfit}"
            elif source.optional and required and not _tested(workspace, start, path):
                yield f"`{path}` of `{name}` may be absent, but is required here"


def _events(workspace: Workspace, start: Start) -> list[str]:
    """The event types of the catalogue that `start` answers."""
    if start.scheduled:
        return [SCHEDULE_TICK]
    names = workspace.graph.takers.events_of(start.rule.pattern)
    return [name for name in names if name in workspace.fleet.events]


def _tested(workspace: Workspace, start: Start, path: str) -> bool:
    """Whether the condition of `start` asks for `path`, or for something in it."""
    when = start.rule.when
    read = workspace.graph.feasibility.read(when) if when else frozenset[str]()
    return any(f"{name}.".startswith(f"payload.{path}.") for name in read)
