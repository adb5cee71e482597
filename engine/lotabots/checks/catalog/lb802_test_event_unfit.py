"""A step of a policy test whose event nobody could send.

## Why
A misspelt member is refused before any rule is asked, and a test that expects nothing passes for
the wrong reason. A step that is about such an event says so: it expects `reject LR006`. Of an event
that several may send, a test says who does.

## Bad
```yaml
# file: rules/tests/ends.yaml
tests:
  - name: results of tests start nobody
    steps:
      - event: test.completed
        payload: {passed: many, cover: 1}
        expect: nobody
```
```text
rules/tests/ends.yaml:5:27: error[LB802] `passed` of `test.completed`: `many` is not a whole number
rules/tests/ends.yaml:5:33: error[LB802] `test.completed` has no member `cover`
```

## Good
```yaml
# file: rules/tests/builds.yaml
tests:
  - name: what was built is tested
    steps:
      - event: build.completed
        payload: {outcome: failure, branch: main}
        expect: {TestBot: dispatch test}
      - event: build.completed
        payload: {outcome: failed}
        expect: reject LR006
```
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lotabots.checks.assignment import kind, literal_misfit
from lotabots.checks.base import EVENTS, CheckInfo, Workspace
from lotabots.diagnostics import codes
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.codec.codec import did_you_mean, one_of
from lotabots.model.codec.written import meant
from lotabots.model.event import ListType, NumberType, ObjectType
from lotabots.model.sent import sent
from lotabots.model.trial import EventStep
from lotabots.syntax.nodes import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.model.event import EventType, PayloadType
    from lotabots.model.trial import TrialFile
    from lotabots.syntax.nodes import Node

    Misfit = tuple[Span, str, str]
    """Where, what is wrong, and the cure."""


class TestEventUnfit:
    """See the module."""

    info = CheckInfo("LB802", "test-event-unfit", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per member that does not fit, and per event without a sender."""
        if not workspace.trusts(EVENTS):
            return
        for file in workspace.trials:
            for trial in file.trials:
                for step in trial.steps:
                    if isinstance(step, EventStep):
                        yield from self._step(workspace, file, step)

    def _step(self, workspace: Workspace, file: TrialFile, step: EventStep) -> Iterator[Diagnostic]:
        what = sent(step, file.templates, workspace.fleet.events)
        event = workspace.fleet.events.get(what.type)
        if event is None:
            return
        if not what.source:
            message = f"several may send `{event.name}`, and the step does not say who"
            cure = (
                f"add `from`: one of {one_of(event.emitters)}" if event.emitters else "add `from`"
            )
            yield self.info.at(Label(step.at("event")), message, subject=event.name, help=cure)
        whole = step.expect.outcomes.get("")
        if what.payload is None or (whole and whole.word == codes.PAYLOAD_INVALID.code):
            return
        for span, message, cure in _misfits(event, event.payload, what.payload, ""):
            yield self.info.at(Label(span), message, subject=event.name, help=cure)


CHECK = TestEventUnfit()


def _misfits(event: EventType, wanted: PayloadType, node: Node, path: str) -> Iterator[Misfit]:
    """What in `node`, at the dotted `path`, is not as the catalogue has it."""
    if isinstance(wanted, ObjectType) and isinstance(node, Mapping):
        for key, value in node.entries:
            field = wanted.field(key.text)
            below = f"{path}.{key.text}" if path else key.text
            if field is not None:
                yield from _misfits(event, field.type, value, below)
            elif not wanted.open:
                names = [member.name for member in wanted.fields]
                cure = did_you_mean(key.text, names) or "declare it in the catalogue, or remove it"
                yield key.span, f"`{event.name}` has no member `{below}`", cure
    elif isinstance(wanted, ListType) and isinstance(node, Sequence):
        for item in node.items:
            yield from _misfits(event, wanted.item, item, path)
    else:
        said = _misfit(wanted, node)
        if said:
            yield node.span, f"`{path}` of `{event.name}`: {said}", f"write {kind(wanted)}"


def _misfit(wanted: PayloadType, node: Node) -> str:
    value = meant(node, wanted)
    if not isinstance(node, Scalar):
        return f"{'an object' if isinstance(node, Mapping) else 'a list'} is not {kind(wanted)}"
    if isinstance(value, Decimal):
        if not isinstance(wanted, NumberType):
            return f"`{node.text}` is not {kind(wanted)}"
        low, high = wanted.minimum, wanted.maximum
        inside = (low is None or low <= value) and (high is None or value <= high)
        return "" if inside else f"`{node.text}` is not within its bounds"
    return literal_misfit(value, wanted)
