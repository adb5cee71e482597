"""A condition reads an optional field without asking for it.

## Why
There is no third truth value: a comparison with a field that is absent is neither true nor false.
Ask with ``has()`` first, and say what an absent field means.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string, "size?": integer}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: payload.size > 0}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:67: error[LB205] `payload.size` may be absent
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string, "size?": integer}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: has(payload.size) && payload.size > 0}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import report
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnguardedOptional:
    """See the module."""

    info = CheckInfo("LB205", "unguarded-optional", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per problem."""
        yield from report(self.info, workspace, "absent")


CHECK = UnguardedOptional()
