"""A bot or gate that no rule file declares.

## Why
Routes, edges, dependencies and delegates name bots and gates (``gate.<name>``). A name that nobody
has sends events nowhere, or lets somebody send who does not exist yet.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBott}]
```
```text
rules/bots/buildbot.yaml:6:64: error[LB102] unknown bot or gate `TestBott`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from lotabots.checks.base import GATES, CheckInfo, Workspace
from lotabots.checks.doubt import knows_source
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Severity
from lotabots.model.names import is_gate_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnknownNode:
    """See the module."""

    info = CheckInfo("LB102", "unknown-bot-or-gate", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown name."""
        graph = workspace.graph
        uses = chain(_nodes(workspace), _sources(workspace))
        judged = (u for u in uses if not graph.knows(u.name) and _certain(workspace, u.name))
        cure = "declare a bot in `rules/bots`, or a gate in `rules/gates.yaml`"
        known = {*graph.bots, *graph.gates}
        yield from unknown(self.info, "bot or gate", judged, known=known, cure=cure)


CHECK = UnknownNode()


def _certain(workspace: Workspace, name: str) -> bool:
    """Whether no file that could not be understood may declare `name`."""
    return workspace.trusts(GATES) if is_gate_source(name) else workspace.trusts_bots


def _nodes(workspace: Workspace) -> Iterator[Use]:
    for bot in workspace.fleet.bots:
        for output in bot.outputs:
            yield Use(output.destination, output, ("destination",))
        for number, dependency in enumerate(bot.dependencies):
            yield Use(
                dependency,
                bot,
                (
                    "dependencies",
                    number,
                ),
            )
        for boundary in bot.boundaries:
            if boundary.delegate:
                yield Use(boundary.delegate, boundary, ("delegate",))
    for edge in workspace.fleet.edges:
        yield Use(edge.source, edge, ("from",))
        yield Use(edge.target, edge, ("to",))


def _sources(workspace: Workspace) -> Iterator[Use]:
    """Patterns of sources: only those that nobody at all can have."""
    graph = workspace.graph
    for start in graph.starts:
        if start.rule.source and not knows_source(graph, start.rule.source):
            yield Use(start.rule.source, start.rule, ("from",))
    for event in workspace.fleet.events.values():
        for number, emitter in enumerate(event.emitters):
            if not knows_source(graph, emitter):
                yield Use(
                    emitter,
                    event,
                    (
                        "emitters",
                        number,
                    ),
                )
