"""An action that needs a person's approval can be asked for without one.

## Why
A boundary with ``unless: approval`` is lifted only for the event of a gate that has joined a
person's decision. A trigger that takes its event from anybody else asks in vain: every such event
is rejected. If it was meant as a way around, it is not one.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: test.run, unless: approval, reason: a person says when}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:35: error[LB304] `BuildBot` can ask for `test` without the approval it needs
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {repository: string}}
  test.requested: {emitters: [gate.asked], payload: {repository: string}}
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
boundaries: [{deny: test.run, unless: approval, reason: a person says when}]
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

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.authority import Closures
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.power import forbidden, owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Start
    from lotabots.model.bot import Boundary


class ApprovalBypassed:
    """See the module."""

    info = CheckInfo("LB304", "approval-bypassed", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger."""
        graph = workspace.graph
        closures = Closures(workspace.fleet.capabilities)
        locked = {
            number: lock
            for number, start in enumerate(graph.starts)
            if (lock := _locked(graph, start, closures)) is not None
        }
        sources: dict[int, set[str]] = defaultdict(set)
        for route, starts in graph.flows.items() if locked else ():
            for number in locked.keys() & starts:
                sources[number].add(route.source)
        for number, boundary in locked.items():
            unapproved = sorted(sources[number] - graph.approving)
            if unapproved or number in graph.initial:
                yield self._finding(workspace, graph.starts[number], unapproved, boundary=boundary)

    def _finding(
        self, workspace: Workspace, start: Start, sources: list[str], *, boundary: Boundary
    ) -> Diagnostic:
        action = start.action.name if start.action else ""
        outside = "a schedule" if start.scheduled else "somebody outside the fleet"
        who = f"`{sources[0]}`" if sources else outside
        return self.info.at(
            Label(start.rule.at("cron" if start.scheduled else "pattern")),
            f"{who} can ask for `{action}` without the approval it needs",
            subject=f"{start.node} {action}",
            related=(Label(boundary.span, "approval is required here"),),
            help=_cure(start, sorted(workspace.graph.approving)),
        )


CHECK = ApprovalBypassed()


def _cure(start: Start, approving: list[str]) -> str:
    """How to have the approval asked for. A schedule has no ``from:``: nobody approves a time."""
    gates = ", ".join(f"`{node}`" for node in approving)
    if start.scheduled:
        whose = f"of a gate that joins an approval ({gates})" if gates else "of such a gate"
        first = "" if gates else "let a gate join an approval, and "
        return f"{first}replace the schedule by a trigger for the event {whose}"
    if gates:
        return f"narrow it with `from:` to a gate that joins an approval ({gates})"
    return "let a gate join the event with an approval, and take its event `from:` the gate"


def _locked(graph: FleetGraph, start: Start, closures: Closures) -> Boundary | None:
    """The boundary that only an approval lifts, if the action of `start` is inside one.

    None if the action is refused anyway: LB302 and LB303 say that.
    """
    bot, action = graph.bots.get(start.node), start.action
    if bot is None or action is None or not any(b.unless_approved for b in bot.boundaries):
        return None
    exercised = closures.of(action.capability)
    broken = [b for b in bot.boundaries if any(forbidden(b, exercised, on=action.on))]
    if not owned(bot, action) or not all(boundary.unless_approved for boundary in broken):
        return None
    return broken[0] if broken else None
