"""A kind of artifact that nobody declares or produces.

## Why
Artifacts travel by digest and by kind. An action that consumes a kind nobody produces waits for a
file that cannot exist; what comes from outside the fleet is declared ``external: true``.

## Bad
```yaml
# file: rules/events.yaml
artifacts: {wheel: A built distribution}
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    consumes: [wheel, suites]
    emits: [test.completed]
```
```text
rules/bots/testbot.yaml:8:16: error[LB107] nobody produces the artifact `wheel`
rules/bots/testbot.yaml:8:23: error[LB107] unknown artifact `suites`
```

## Good
```yaml
# file: rules/events.yaml
artifacts:
  wheel: {doc: A built distribution, external: true}
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    consumes: [wheel]
    emits: [test.completed]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import EVENTS, CheckInfo, Workspace
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot


class ArtifactWithoutProducer:
    """See the module."""

    info = CheckInfo("LB107", "artifact-without-producer", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown kind, and one per consumed kind without a producer."""
        if not workspace.trusts(EVENTS):
            return
        kinds = workspace.fleet.artifacts
        uses = [use for bot in workspace.fleet.bots for use in _uses(bot)]
        cure = "declare it under `artifacts` in `rules/events.yaml`"
        yield from unknown(self.info, "artifact", uses, known=kinds, cure=cure)
        if workspace.trusts_bots:
            yield from self._unproduced(workspace)

    def _unproduced(self, workspace: Workspace) -> Iterator[Diagnostic]:
        kinds = workspace.fleet.artifacts
        actions = [action for bot in workspace.fleet.bots for action in bot.actions]
        produced = {kind for action in actions for kind in action.produces}
        if not produced.issubset(kinds):
            return  # a misspelt product may be the missing one
        for action in actions:
            for number, kind in enumerate(action.consumes):
                if kind in kinds and kind not in produced and not kinds[kind].external:
                    yield self.info.at(
                        Label(action.at("consumes", number)),
                        f"nobody produces the artifact `{kind}`",
                        subject=kind,
                        related=(Label(kinds[kind].span, "declared here"),),
                        help="add it to the `produces` of an action, or declare it external",
                    )


CHECK = ArtifactWithoutProducer()


def _uses(bot: Bot) -> Iterator[Use]:
    for action in bot.actions:
        for number, kind in enumerate(action.consumes):
            yield Use(
                kind,
                action,
                (
                    "consumes",
                    number,
                ),
            )
        for number, kind in enumerate(action.produces):
            yield Use(
                kind,
                action,
                (
                    "produces",
                    number,
                ),
            )
