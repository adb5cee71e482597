"""An invariant speaks of something that nothing declares.

## Why
An invariant about an event that does not exist holds for ever and protects nothing. The name is
misspelled, or what it named has gone; an invariant must not go on being green for that reason.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tested-before-deployed
    doc: nobody may deploy what was not tested
    every_path_to: test.completed
    passes: [build.complete]
  - name: only-testbot-tests
    doc: results of others are not trusted
    only: [TestBott]
    may: test
  - name: data-bots-do-not-build
    doc: they hold secrets
    never: [{category: data}]
    may: build
```
```text
rules/invariants.yaml:5:14: error[LB901] unknown event `build.complete`
rules/invariants.yaml:8:12: error[LB901] unknown bot, gate or source `TestBott`
rules/invariants.yaml:12:24: error[LB901] unknown category `data`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tested-before-deployed
    doc: nobody may deploy what was not tested
    every_path_to: test.completed
    passes: [build.completed]
  - name: only-testbot-tests
    doc: results of others are not trusted
    only: [TestBot]
    may: test
```
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.invariants import names
from lotabots.checks.invariants import unknown as is_unknown
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.diagnostics.diagnostic import Diagnostic


class InvariantOfUnknownName:
    """See the module."""

    info = CheckInfo("LB901", "invariant-of-unknown-name", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per name."""
        uses: dict[str, list[Use]] = defaultdict(list)
        for invariant in workspace.fleet.invariants:
            for named in names(invariant):
                if is_unknown(workspace, named):
                    uses[named.what].append(Use(named.name, named.rule, (named.key,)))
        known = _known(workspace) if uses else {}
        for what, those in uses.items():
            cure = f"declare it, or let the invariant name {_an(what)} that exists"
            yield from unknown(self.info, what, those, known=known[what], cure=cure)


CHECK = InvariantOfUnknownName()


def _an(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _known(workspace: Workspace) -> Mapping[str, frozenset[str]]:
    graph, fleet = workspace.graph, workspace.fleet
    return {
        "event": frozenset(fleet.events),
        "capability": workspace.capabilities,
        "category": frozenset(fleet.settings.categories),
        "bot, gate or source": frozenset((*graph.bots, *graph.gates)),
    }
