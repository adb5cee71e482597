"""A schedule in a time zone that does not exist.

## Why
The server that keeps the schedules refuses a zone that it does not know, so nothing is ever
started. The names are those of the IANA database, in their spelling: `Europe/Berlin`, `UTC`. The
database is that of the host that validates; where there is none, nothing is reported.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers:
  - {type: event, pattern: change.pushed}
  - {type: schedule, cron: 0 3 * * *, timezone: Europe/Berlim}
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:5:49: error[LB502] unknown time zone `Europe/Berlim`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers:
  - {type: event, pattern: change.pushed}
  - {type: schedule, cron: 0 3 * * *, timezone: Europe/Berlin}
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnknownTimeZone:
    """See the module."""

    info = CheckInfo("LB502", "unknown-time-zone", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger."""
        for bot in workspace.fleet.bots:
            for trigger in bot.triggers:
                cure = "" if trigger.timezone == "UTC" else _cure(trigger.timezone)
                if cure:
                    yield self.info.at(
                        Label(trigger.at("timezone")),
                        f"unknown time zone `{trigger.timezone}`",
                        subject=bot.name,
                        help=cure,
                    )


CHECK = UnknownTimeZone()


@cache
def _cure(name: str) -> str:
    """What to write for a zone that does not exist; empty for one that does, or may."""
    # Only a schedule with a zone of its own pays for the import and for looking into the database.
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
    else:
        return ""
    if not known:
        return ""
    return _meant(name, known) or "write a name of the IANA database, like `Europe/Berlin`"


def _meant(name: str, known: set[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a faulty file pays for it

    same = sorted(one for one in known if one.lower() == name.lower())
    close = same or get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f"did you mean `{close[0]}`?" if close else ""
