"""An approval that somebody else than a person may send.

## Why
An event marked ``approval: true`` lifts boundaries, because it is a person's decision. It may come
only from sources that stand for people: ``cli.*``, or an ingress that is named in full, such as
``ingress.pager``. If a bot, a gate, the schedule or anybody could send it, the approval would be
worth nothing; so nothing that joins such an event counts as approved (LR106).

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string, branch: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string, branch: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
  approval.granted:
    external: true
    approval: true
    terminal: true
    emitters: [cli.*, "**"]
    payload: {repository: string}
```
```text
rules/events.yaml:9:23: error[LB305] `approval.granted` is a person's decision, but `**` is not only people
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string, branch: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string, branch: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
  approval.granted:
    external: true
    approval: true
    terminal: true
    emitters: [cli.*, ingress.pager]
    payload: {repository: string}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.names import stands_for_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ApprovalNotFromPeople:
    """See the module."""

    info = CheckInfo("LB305", "approval-not-from-people", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per emitter, and per approval that nobody may send."""
        for event in workspace.fleet.events.values():
            if not event.approval:
                continue
            why = (Label(event.at("approval"), "an approval"),)
            for number, emitter in enumerate(event.emitters):
                if not stands_for_people(emitter):
                    yield self.info.at(
                        Label(event.at("emitters", number)),
                        f"`{event.name}` is a person's decision, but `{emitter}` is not only people",
                        subject=f"{event.name} {emitter}",
                        related=why,
                        help="let only `cli.*` or a named ingress send it, or remove `approval`",
                    )
            if not event.emitters:
                yield self.info.at(
                    why[0],
                    f"`{event.name}` is a person's decision, but it does not say who may send it",
                    subject=event.name,
                    help="add `emitters: [cli.*]`",
                )


CHECK = ApprovalNotFromPeople()
