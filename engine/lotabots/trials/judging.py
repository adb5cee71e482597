"""What was decided beside what a test expects: every difference is a finding in the test file.

An expectation names everything that is decided, except `ignore`: a bot that does something nobody
mentioned is a difference, too, unless the step is `partial`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity
from lotabots.model.codec.expectation import said
from lotabots.model.codec.written import meant
from lotabots.model.envelope import Event, decode_envelope
from lotabots.model.trial import Scope, Verb
from lotabots.policy.decision import DeadLetter, Dispatch, Ignore, Reject, Wait
from lotabots.policy.explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.diagnostics.span import Span
    from lotabots.model.envelope import Stamp
    from lotabots.model.event import EventType
    from lotabots.model.trial import Expectation, Expected
    from lotabots.policy.decision import EmitEvent, Verdict
    from lotabots.policy.rules import Policy

_CALLED: Final[Mapping[type, Verb]] = {
    Reject: Verb.REJECT,
    Wait: Verb.WAIT,
    Ignore: Verb.IGNORE,
    DeadLetter: Verb.DEAD_LETTER,
}


CLAIMED: Final = "claim"
"""The rule by which a claim is allowed: there is none that denies it."""

EMITS: Final = "emit "
"""How the action of a complete gate begins."""


class Happened(NamedTuple):
    """An event and what was decided about it. `raw` is empty where only time went by."""

    raw: bytes
    stamp: Stamp
    verdicts: tuple[Verdict, ...]
    emitted: tuple[EmitEvent, ...] = ()


class Judge(NamedTuple):
    """Compares. `where` says which step of which test, `partial` whether more may happen."""

    policy: Policy
    events: Mapping[str, EventType]
    where: str
    partial: bool

    def differences(self, happened: Happened, expectation: Expectation) -> Iterator[Diagnostic]:
        """Everything that is otherwise than expected."""
        at = expectation.span
        refused = next((v for v in happened.verdicts if not v.target and _refuses(v)), None)
        if refused is not None and expectation.scope is not Scope.EVENT:
            message = f"the event as a whole got `{called(refused)}`"
            yield self._finding(happened, message, at, refused, cure=_wholly(refused))
            return
        if expectation.scope is Scope.ANYTHING:
            return
        for target, outcome in expectation.outcomes.items():
            yield from self._outcome(happened, target, outcome)
        if not self.partial and expectation.scope is not Scope.EVENT:
            yield from self._more(happened, expectation)

    def _more(self, happened: Happened, expectation: Expectation) -> Iterator[Diagnostic]:
        """What is decided about those whom the test does not name."""
        for verdict in happened.verdicts:
            if verdict.target in expectation.outcomes or isinstance(verdict, Ignore):
                continue
            got = called(verdict)
            message = f"`{verdict.target}`: expected nothing, got `{got}`"
            cure = f"if it is right, expect it: `{verdict.target}: {got}`"
            yield self._finding(happened, message, expectation.span, verdict, cure=cure)

    def _outcome(self, happened: Happened, target: str, outcome: Expected) -> Iterator[Diagnostic]:
        who = f"`{target}`" if target else "the event as a whole"
        verdicts = [verdict for verdict in happened.verdicts if verdict.target == target]
        for verdict in verdicts:
            if called(verdict) == said(outcome):
                yield from self._details(happened, verdict, outcome)
            else:
                message = f"{who}: expected `{said(outcome)}`, got `{called(verdict)}`"
                yield self._finding(happened, message, outcome.span, verdict)
        if not verdicts:
            others = ", ".join(f"`{v.target}: {called(v)}`" for v in happened.verdicts if v.target)
            message = f"{who}: expected `{said(outcome)}`, but nothing was decided about it"
            cure = f"decided was {others}" if others else "nothing was decided at all"
            yield self._finding(happened, message, outcome.span, None, cure=cure)

    def _details(
        self, happened: Happened, verdict: Verdict, outcome: Expected
    ) -> Iterator[Diagnostic]:
        who = verdict.target or "the event as a whole"
        for key, wanted, got in (*_otherwise(verdict, outcome), *self._members(happened, outcome)):
            message = f"`{who}`: expected {key} `{wanted}`, got `{got}`"
            at = outcome.at(key.partition(".")[0])
            yield self._finding(happened, message, at, verdict)

    def _members(self, happened: Happened, outcome: Expected) -> Iterator[tuple[str, str, str]]:
        """Members of the emitted event that are not as expected."""
        kind = self.events.get(outcome.word)
        if outcome.payload is None or kind is None:
            return
        wanted = meant(outcome.payload, kind.payload)
        for effect in happened.emitted:
            if effect.type == outcome.word:
                yield from _lacking(wanted, _DECODER.decode(effect.payload), "payload")

    def _finding(
        self,
        happened: Happened,
        message: str,
        at: Span,
        verdict: Verdict | None,
        *,
        cure: str = "",
    ) -> Diagnostic:
        ruled = verdict is not None and verdict.rule.span.path
        return Diagnostic(
            code="",
            severity=Severity.ERROR,
            message=message,
            primary=Label(at, _reason(verdict) if verdict else ""),
            subject=self.where,
            related=(Label(verdict.rule.span, "the rule that decided"),)
            if verdict is not None and ruled
            else (),
            help=cure,
            notes=(*(self._values(happened, verdict) if verdict else ()), self.where),
        )

    def _values(self, happened: Happened, verdict: Verdict) -> Iterator[str]:
        """The fields that a condition looked at, with what the event had there."""
        asked = isinstance(verdict, Ignore) and verdict.clause >= 0
        if happened.raw and (asked or isinstance(verdict, Dispatch)):
            event = Event(decode_envelope(happened.raw), happened.stamp)
            for path, value in explain(self.policy, event, verdict).values:
                if path.startswith(("payload.", "event.")):
                    yield f"{path} is {value}"


def called(verdict: Verdict) -> str:
    """The verdict as a test writes it: ``dispatch build``, ``reject LR105``."""
    if not isinstance(verdict, Dispatch):
        return f"{_CALLED[type(verdict)]} {verdict.code}"
    if verdict.rule.kind == CLAIMED:
        return Verb.ALLOW.value
    emits = verdict.action.startswith(EMITS) and verdict.target.startswith("gate.")
    return f"{Verb.EMIT if emits else Verb.DISPATCH} {verdict.action.removeprefix(EMITS)}"


def _refuses(verdict: Verdict) -> bool:
    return isinstance(verdict, Reject)


def _wholly(verdict: Verdict) -> str:
    return f"if it is right, expect it: `expect: {called(verdict)}`"


def _reason(verdict: Verdict) -> str:
    return "it does" if isinstance(verdict, Dispatch) else verdict.reason


def _otherwise(verdict: Verdict, outcome: Expected) -> Iterator[tuple[str, str, str]]:
    """What a verdict of the right kind says otherwise: the key, the expected and the actual."""
    if not isinstance(verdict, Dispatch) and outcome.because not in verdict.reason:
        yield "because", outcome.because, verdict.reason
    awaited = sorted(verdict.missing) if isinstance(verdict, Wait) else []
    if outcome.missing and sorted(outcome.missing) != awaited:
        yield "missing", ", ".join(sorted(outcome.missing)), ", ".join(awaited)
    if outcome.delegate and isinstance(verdict, Reject) and outcome.delegate != verdict.delegate:
        yield "delegate", outcome.delegate, verdict.delegate or "nobody"


def _lacking(wanted: Any, held: Any, path: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - JSON
    """The members of `wanted` that `held` has not: their paths and both values, as JSON."""
    if isinstance(wanted, dict) and isinstance(held, dict):
        for name, one in wanted.items():
            if name in held:
                yield from _lacking(one, held[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}", _ENCODER.encode(one).decode(), "absent"
    # Python takes `True` for the number 1; JSON does not.
    elif wanted != held or isinstance(wanted, bool) is not isinstance(held, bool):
        yield path, _ENCODER.encode(wanted).decode(), _ENCODER.encode(held).decode()


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
