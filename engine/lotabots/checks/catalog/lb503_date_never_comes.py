"""A schedule for a date that no year has.

## Why
The thirty-first of February is written correctly and never comes. The schedule is accepted, shown
as active, and starts nothing.

With a day of the week beside it, a schedule also comes on that day, so it is not reported.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers:
  - {type: event, pattern: change.pushed}
  - {type: schedule, cron: 0 0 31 2 *}
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:5:28: error[LB503] the date of the schedule `0 0 31 2 *` never comes
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers:
  - {type: event, pattern: change.pushed}
  - {type: schedule, cron: 0 0 29 2 *}
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic

LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month, in a leap year."""


class DateNeverComes:
    """See the module."""

    info = CheckInfo("LB503", "date-never-comes", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger."""
        for bot in workspace.fleet.bots:
            for trigger in bot.triggers:
                if trigger.cron and not _comes(trigger.cron):
                    yield self.info.at(
                        Label(trigger.at("cron")),
                        f"the date of the schedule `{trigger.cron}` never comes",
                        subject=bot.name,
                        help="choose a day that one of its months has; "
                        "the third field is the day of the month, the fourth is the month",
                    )


CHECK = DateNeverComes()


def _comes(cron: str) -> bool:
    """Whether some date fits the five fields of `cron`."""
    _minute, _hour, days, months, weekdays = cron.split()
    if weekdays != "*" or days == "*":
        return True
    first = min(_earliest(part) for part in days.split(","))
    return any(first <= LONGEST[month - 1] for part in months.split(",") for month in _all(part))


def _earliest(part: str) -> int:
    first = part.partition("/")[0].partition("-")[0]
    return 1 if first == "*" else int(first)


def _all(part: str) -> range:
    """The months of one part of the list: ``*``, ``3``, ``3-9``; each also with ``/2``."""
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    if first == "*":
        return range(1, 13, int(step or 1))
    end = int(last or (12 if step else first))
    return range(int(first), end + 1, int(step or 1))
