"""A policy test that names what the fleet does not have.

## Why
A test that expects nothing of a bot which does not exist passes for ever; one that sends an event
which nobody declares is refused before any rule is asked. What is to be refused for its name is
said so: a step that expects `reject LR003` may send an unknown type, `reject LR004` an unknown
sender, `reject LR007` name an unknown bot.

## Bad
```yaml
# file: rules/tests/builds.yaml
tests:
  - name: a build is tested
    state: {disabled: [LintBot]}
    steps:
      - event: build.complete
        expect: {TestBot: dispatch test}
      - event: build.completed
        expect: {TestBot: dispatch tset, gate.release: wait LR305}
      - event: change.pushed
        expect: {BuildBot: dispatch build}
```
```text
rules/tests/builds.yaml:3:24: error[LB801] unknown bot `LintBot`
rules/tests/builds.yaml:5:16: error[LB801] unknown event `build.complete`
rules/tests/builds.yaml:8:27: error[LB801] `TestBot` has no action `tset`
rules/tests/builds.yaml:8:42: error[LB801] unknown gate `gate.release`
```

## Good
```yaml
# file: rules/tests/builds.yaml
tests:
  - name: a build is tested
    state: {disabled: [BuildBot]}
    steps:
      - event: build.completed
        expect: {TestBot: dispatch test}
      - event: build.complete
        from: BuildBot
        expect: reject LR003
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import BOTS, CAPABILITIES, EVENTS, FLEET, GATES, CheckInfo, Workspace
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics import codes
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.codec.codec import did_you_mean, one_of
from lotabots.model.trial import ClaimStep, ElapseStep, EventStep, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.record import Record
    from lotabots.model.trial import Circumstances, Expectation, Expected, TrialFile


class TestOfUnknownName:
    """See the module."""

    info = CheckInfo("LB801", "test-of-unknown-name", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown name."""
        if not workspace.trials:
            return
        names = _Names(workspace.trials)
        fleet = workspace.fleet
        declared = (
            (EVENTS, "event", names.events, fleet.events),
            (GATES, "gate", names.gates, workspace.graph.gates),
            (FLEET, "phase", names.phases, [phase.name for phase in fleet.settings.phases]),
            (CAPABILITIES, "capability", names.capabilities, workspace.capabilities),
        )
        for path, what, uses, known in declared:
            if workspace.trusts(path):
                cure = f"declare it in `{path}`, or remove it here"
                yield from unknown(self.info, what, uses, known=known, cure=cure)
        if workspace.trusts_bots:
            cure = f"add its file to `{BOTS}`, or remove it here"
            bots = workspace.graph.bots
            yield from unknown(self.info, "bot", names.bots, known=bots, cure=cure)
        yield from _deeds(self.info, workspace, names.deeds)


CHECK = TestOfUnknownName()


class _Names:
    """All names that tests use, by kind, and who is expected to do what."""

    def __init__(self, files: tuple[TrialFile, ...]) -> None:
        self.events: list[Use] = []
        self.bots: list[Use] = []
        self.gates: list[Use] = []
        self.phases: list[Use] = []
        self.capabilities: list[Use] = []
        self.deeds: list[tuple[str, Expected]] = []
        for file in files:
            self._file(file)

    def _file(self, file: TrialFile) -> None:
        for template in file.templates.values():
            if template.type:
                self.events.append(Use(template.type, template, ("type",)))
            self._node(template.source, template, "from")
            self._node(template.destination, template, "to")
        for trial in file.trials:
            self._state(trial.state)
            for step in trial.steps:
                match step:
                    case EventStep():
                        self._event(step, file)
                        self._expectation(step.expect)
                    case ElapseStep():
                        self._expectation(step.expect)
                    case ClaimStep():
                        self.bots.append(Use(step.bot, step, ("claim", "bot")))
                        use = Use(step.capability, step, ("claim", "capability"))
                        self.capabilities.append(use)

    def _state(self, state: Circumstances) -> None:
        for key, names in (("disabled", state.disabled), ("open_breakers", state.open_breakers)):
            self.bots += [Use(name, state, (key, number)) for number, name in enumerate(names)]
        self.bots += [Use(name, state, ("queued", name)) for name in state.queued]
        if state.rollout:
            self.phases.append(Use(state.rollout, state, ("rollout",)))

    def _event(self, step: EventStep, file: TrialFile) -> None:
        """What is unknown on purpose is expected to be refused for that."""
        whole = step.expect.outcomes.get("")
        wrong = whole.word if whole else ""
        if step.event not in file.templates and wrong != codes.UNKNOWN_TYPE.code:
            self.events.append(Use(step.event, step, ("event",)))
        if wrong != codes.UNKNOWN_SOURCE.code:
            self._node(step.source, step, "from")
        if wrong != codes.UNKNOWN_DESTINATION.code:
            self._node(step.destination, step, "to")

    def _node(self, name: str, rule: Record, key: str) -> None:
        """A bot or a gate; sources outside the fleet are not declared anywhere."""
        if name[:1].isupper():
            self.bots.append(Use(name, rule, (key,)))
        elif name.startswith("gate."):
            self.gates.append(Use(name, rule, (key,)))

    def _expectation(self, expectation: Expectation) -> None:
        for target, outcome in expectation.outcomes.items():
            self._node(target, expectation, target)
            self._node(outcome.delegate, outcome, "delegate")
            self.deeds.append((target, outcome))
            if outcome.then:
                self._expectation(outcome.then)


def _deeds(
    info: CheckInfo, workspace: Workspace, deeds: list[tuple[str, Expected]]
) -> Iterator[Diagnostic]:
    """Actions that a bot does not have, and events that a gate does not emit."""
    for target, outcome in deeds:
        bot, gate = workspace.graph.bots.get(target), workspace.graph.gates.get(target)
        known: list[str] = []
        message = ""
        if bot is not None and outcome.verb is Verb.DISPATCH and workspace.trusts(bot.path):
            known = [action.name for action in bot.actions]
            message = f"`{target}` has no action `{outcome.word}`"
        elif gate is not None and outcome.verb is Verb.EMIT and workspace.trusts(GATES):
            known = [gate.emit]
            message = f"`{target}` does not emit `{outcome.word}`"
        if message and outcome.word not in known:
            cure = did_you_mean(outcome.word, known) or f"it has {one_of(known or ['none'])}"
            yield info.at(
                Label(outcome.span), message, subject=f"{target} {outcome.word}", help=cure
            )
