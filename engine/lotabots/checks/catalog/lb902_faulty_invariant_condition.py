"""A condition of an invariant has an error.

## Why
The ``when:`` of an invariant is checked like that of a trigger: its syntax, the fields of the
event that it is about, their types, and ``has()`` before optional fields. The fields of ``same:``
must exist in the passage and in the target, or nothing could be the same. With an error the
invariant is not judged at all.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tested-results-only
    doc: nobody may believe a test of a broken build
    every_path_to: {event: test.completed, when: payload.passed > "3"}
    passes: [{event: build.completed, when: payload.outcme == "success", same: [payload.branch]}]
```
```text
rules/invariants.yaml:4:67: error[LB902] `payload.passed` is a whole number, and `"3"` is text
rules/invariants.yaml:5:45: error[LB902] unknown field `payload.outcme`
rules/invariants.yaml:5:81: error[LB902] `test.completed` has no field `payload.branch`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: tested-results-only
    doc: nobody may believe a test that has nothing to do with a build
    every_path_to: {event: test.completed, when: payload.passed > 3}
    passes: [build.completed]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import within
from lotabots.checks.invariants import conditions, missing_fields, problems
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.invariant import Invariant


class FaultyInvariantCondition:
    """See the module."""

    info = CheckInfo("LB902", "faulty-invariant-condition", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per error."""
        for invariant in workspace.fleet.invariants:
            yield from self._conditions(workspace, invariant)
            yield from self._fields(workspace, invariant)

    def _conditions(self, workspace: Workspace, invariant: Invariant) -> Iterator[Diagnostic]:
        for said in conditions(invariant):
            for problem in problems(workspace, said):
                yield self.info.at(
                    Label(within(said.rule, problem.start, problem.end)),
                    problem.message,
                    subject=invariant.name,
                    help=problem.help,
                )

    def _fields(self, workspace: Workspace, invariant: Invariant) -> Iterator[Diagnostic]:
        for passage, number, event in missing_fields(workspace, invariant):
            field = passage.same[number]
            yield self.info.at(
                Label(passage.at("same", number)),
                f"`{event}` has no field `{field}`",
                subject=invariant.name,
                help="name fields that the passage and the target both have",
            )


CHECK = FaultyInvariantCondition()
