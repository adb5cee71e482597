"""A path leads where none may lead.

## Why
``no_path_from`` keeps things apart: what a review says deploys nothing, what a bot of one category
does never sets off a bot of another. Here an event does lead there, in one step or through other
bots and gates. A gate counts as set off by each of its parts: who feeds a part helps to cause what
follows.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: pushes-start-no-tests
    doc: tests run only when a person asks for them
    no_path_from: change.pushed
    to: {capability: test.run}
```
```text
rules/invariants.yaml:5:9: error[LB912] `pushes-start-no-tests` is broken: a path leads to `test.run`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tests-start-no-builds
    doc: a test must not set off the next build
    no_path_from: {source: TestBot}
    to: {capability: build}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.invariants import shown
from lotabots.checks.story import label
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.proofs import Link
    from lotabots.diagnostics.diagnostic import Diagnostic


class ForbiddenPath:
    """See the module."""

    info = CheckInfo("LB912", "forbidden-path", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per invariant, with a shortest way."""
        for link in workspace.proofs.links:
            yield self._finding(workspace, link)

    def _finding(self, workspace: Workspace, link: Link) -> Diagnostic:
        one = link.invariant
        approval = " without a person's approval" if one.unless_approved else ""
        return self.info.at(
            Label(one.at("to"), "must not be reached"),
            f"`{one.name}` is broken: a path leads to {shown(one.target)}{approval}",
            subject=one.name,
            related=tuple(_labels(workspace, link)),
            help="take away one of the routes, or narrow what they carry; change the invariant "
            "only if this path is meant to exist",
            notes=(f"why it must hold: {one.doc}",),
        )


CHECK = ForbiddenPath()


def _labels(workspace: Workspace, link: Link) -> Iterator[Label]:
    """Where the path begins, and each step of it."""
    graph = workspace.graph
    if link.first is None:
        event = workspace.fleet.events[link.invariant.target.event]
        yield Label(event.at("emitters"), f"`{link.source}` sends it itself")
    elif link.first < len(graph.starts):
        start = graph.starts[link.first]
        yield Label(start.rule.span, f"begins here, at `{start.node}`")
    else:
        gate = graph.gates[graph.vertices[link.first]]
        yield Label(gate.at("then", "emit"), f"begins here, at `{graph.vertices[link.first]}`")
    yield from (label(graph, hop) for hop in link.hops if hop.event)
