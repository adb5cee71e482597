"""A job may still be tried when its event has expired.

## Why
An event is rejected when it is older than ``max_age`` of the fleet. If all attempts of a job, each
up to its timeout, and the waits between them take longer, the last attempts never happen: the
retry policy promises what cannot be kept.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
constraints:
  timeout: 10h
  retry_policy: {max_attempts: 3, backoff: constant, initial: 1s, max: 1s}
```
```text
rules/bots/testbot.yaml:7:12: warning[LB501] the attempts of a job of `TestBot` may take 108002s, an event expires after 86400s
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
constraints:
  timeout: 1h
  retry_policy: {max_attempts: 3, backoff: constant, initial: 1s, max: 1s}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.bot import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import Bot, Constraints, RetryPolicy

DOUBLINGS: Final = 64
"""More doublings than this exceed every cap."""


class JobOutlivesEvent:
    """See the module."""

    info = CheckInfo("LB501", "job-outlives-event", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per bot."""
        limit = workspace.fleet.settings.max_age
        for bot in workspace.fleet.bots:
            longest = _longest(bot.constraints)
            if longest > limit:
                yield self.info.at(
                    Label(_place(bot)),
                    f"the attempts of a job of `{bot.name}` may take {longest}s, "
                    f"an event expires after {limit}s",
                    subject=bot.name,
                    help="lower `timeout` or `max_attempts`, or raise `max_age` of the fleet",
                )


CHECK = JobOutlivesEvent()


def _place(bot: Bot) -> Span:
    """The constraints, or the bot's name if it leaves them to the defaults."""
    written = bot.constraints.span.path
    return bot.constraints.at("timeout") if written else bot.at("bot", "name")


def _longest(constraints: Constraints) -> Decimal | int:
    """Seconds that all attempts and the waits between them may take."""
    policy = constraints.retry_policy
    waits = sum(_wait(policy, attempt) for attempt in range(1, policy.max_attempts))
    return policy.max_attempts * constraints.timeout + waits


def _wait(policy: RetryPolicy, attempt: int) -> Decimal | int:
    if policy.backoff is Backoff.CONSTANT:
        return min(policy.initial, policy.max)
    if policy.backoff is Backoff.LINEAR:
        return min(policy.initial * attempt, policy.max)
    return min(policy.initial * (1 << min(attempt - 1, DOUBLINGS)), policy.max)
