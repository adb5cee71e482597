"""A condition compares things that do not go together.

## Why
A field compared with a value that it can never have, or in a way its type does not allow, is a
misunderstanding of the event. There are no conversions that would hide it.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: 'payload.outcome == "succes"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:87: error[LB203] `payload.outcome` is never `"succes"`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, when: 'payload.outcome == "success"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from lotabots.checks.base import CheckInfo
from lotabots.checks.conditions import ProblemCheck
from lotabots.diagnostics.diagnostic import Severity

CHECK = ProblemCheck(CheckInfo("LB203", "condition-type", Severity.ERROR, "0.1"), "type")
