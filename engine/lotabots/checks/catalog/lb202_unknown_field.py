"""A condition reads a field that its event does not have.

## Why
Payloads are closed: a field that the catalogue does not declare never comes. A condition that
reads it can never be decided.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: 'payload.brunch == "main"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:68: error[LB202] unknown field `payload.brunch`
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

from lotabots.checks.base import CheckInfo
from lotabots.checks.conditions import ProblemCheck
from lotabots.diagnostics.diagnostic import Severity

CHECK = ProblemCheck(CheckInfo("LB202", "unknown-field", Severity.ERROR, "0.1"), "unknown-field")
