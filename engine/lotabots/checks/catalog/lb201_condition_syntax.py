"""A condition that does not parse.

## Why
The language of ``when:`` is small on purpose, so that every condition can be analysed. What is not
in it is refused here, with the way to say it; at run time such a trigger rejects every event.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: 'payload.branch = "main"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:83: error[LB201] `=` does not compare
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: 'payload.branch == "main"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import of_problem
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ConditionSyntax:
    """See the module."""

    info = CheckInfo("LB201", "condition-syntax", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per problem."""
        for start in workspace.graph.starts:
            parsed = workspace.graph.feasibility.parsed(start.rule.when) if start.rule.when else ()
            for problem in parsed if isinstance(parsed, tuple) else ():
                yield of_problem(self.info, start, problem, [])


CHECK = ConditionSyntax()
