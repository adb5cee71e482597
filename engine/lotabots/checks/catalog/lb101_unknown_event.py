"""An event type that the catalogue does not declare.

## Why
Whatever is not in ``rules/events.yaml`` is rejected at run time: its payload has no schema and
nobody may send it. A trigger with a misspelt pattern waits for ever. One finding is given for each
unknown name, with all of its places.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.complete, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:3:35: error[LB101] unknown event `build.complete`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from lotabots.checks.base import EVENTS, CheckInfo, Workspace
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Severity
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnknownEvent:
    """See the module."""

    info = CheckInfo("LB101", "unknown-event", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown name."""
        if not workspace.trusts(EVENTS):
            return
        known = workspace.fleet.events
        uses = chain(_made(workspace), _routed(workspace), _awaited(workspace))
        cure = "declare it in `rules/events.yaml`"
        yield from unknown(self.info, "event", uses, known=known, cure=cure)


CHECK = UnknownEvent()


def _made(workspace: Workspace) -> Iterator[Use]:
    for bot in workspace.fleet.bots:
        for action in bot.actions:
            for emission in action.emits:
                yield Use(emission.type, emission, ("type",))
    for gate in workspace.fleet.gates:
        yield Use(
            gate.emit,
            gate,
            (
                "then",
                "emit",
            ),
        )


def _routed(workspace: Workspace) -> Iterator[Use]:
    for bot in workspace.fleet.bots:
        for output in bot.outputs:
            if output.event:
                yield Use(output.event, output, ("event",))
    for edge in workspace.fleet.edges:
        for number, event in enumerate(edge.via):
            yield Use(
                event,
                edge,
                (
                    "via",
                    number,
                ),
            )


def _awaited(workspace: Workspace) -> Iterator[Use]:
    known = workspace.fleet.events
    for start in workspace.graph.starts:
        pattern = start.rule.pattern
        if start.scheduled or pattern in known:
            continue
        if "*" not in pattern or not any(matches(pattern, event) for event in known):
            yield Use(pattern, start.rule, ("pattern",))
