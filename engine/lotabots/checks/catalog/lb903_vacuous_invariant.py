"""An invariant holds only because there is nothing that it is about.

## Why
"Every path to a deployment passes the tests" is true of a fleet that cannot deploy. Such an
invariant looks green and proves nothing, often because what it was about has been renamed, or
because the event can never meet the condition. An entry of ``only`` that does not do what is
reserved for it is a hole that waits: it goes, too. An invariant must be about something.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: good-tests-follow-builds
    doc: a test of nothing is none
    every_path_to: {event: build.completed, when: payload.outcome == "success" && payload.outcome == "failure"}
    passes: [change.pushed]
  - name: tests-do-not-read-keys
    doc: tests run what strangers wrote
    no_action: {read: /etc/keys}
  - name: tests-deploy-nothing
    doc: a test is not a release
    no_path_from: test.completed
    to: {capability: deploy.production}
```
```text
rules/invariants.yaml:4:20: error[LB903] `good-tests-follow-builds` is vacuous: `build.completed` with `payload.outcome == "success" && payload.outcome == "failure"` never comes about
rules/invariants.yaml:8:23: error[LB903] `tests-do-not-read-keys` is vacuous: no action is granted read `/etc/keys`
rules/invariants.yaml:12:9: error[LB903] `tests-deploy-nothing` is vacuous: `deploy.production` never comes about
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tests-follow-builds
    doc: a test of nothing is none
    every_path_to: test.completed
    passes: [build.completed]
  - name: nobody-deploys-to-production
    doc: there is no production yet
    never: ["*"]
    may: deploy.production
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.emptiness import emptiness
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class VacuousInvariant:
    """See the module."""

    info = CheckInfo("LB903", "vacuous-invariant", Severity.ERROR, "0.1", last=True)

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per thing that is not there."""
        if workspace.doubts.any:
            return
        for one in workspace.proofs.invariants:
            for empty in emptiness(workspace, one):
                yield self.info.at(
                    Label(empty.place),
                    f"`{one.name}` is vacuous: {empty.reason}",
                    subject=f"{one.name} {empty.about}",
                    help=empty.cure,
                    notes=(f"why it must hold: {one.doc}",),
                )


CHECK = VacuousInvariant()
