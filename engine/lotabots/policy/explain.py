"""A verdict in full: what the rule says, what the event had, what the state was.

Verdicts are small because most of them are shared by many events. What depends on the event, such
as the values that a false clause looked at, is found again here, when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from msgspec import UNSET, Struct

from lotabots.condition.parse import parse
from lotabots.condition.text import fields
from lotabots.policy.correlate import member_at
from lotabots.policy.decision import DeadLetter, Dispatch, Ignore, Reject, RuleRef, Wait
from lotabots.policy.payload import PayloadError

if TYPE_CHECKING:
    from lotabots.model.envelope import Event
    from lotabots.policy.decision import Verdict
    from lotabots.policy.rules import Policy


class Explanation(Struct, frozen=True):
    """A verdict for people. `outcome` is the kind of verdict, `code` empty for a dispatch.

    `values` are the fields that a condition read, with what the event had there (``absent`` if
    nothing), both as JSON text; `details` are further facts, in the order to be shown.
    """

    outcome: str
    target: str
    code: str
    reason: str
    rule: RuleRef
    values: tuple[tuple[str, str], ...] = ()
    details: tuple[tuple[str, str], ...] = ()


def explain(policy: Policy, event: Event, verdict: Verdict) -> Explanation:
    """Why `event` got `verdict` from `policy`."""
    match verdict:
        case Dispatch():
            reason = f"`{verdict.target}` does `{verdict.action}`"
            return _explanation(
                "dispatch", verdict, "", reason, values=_read(policy, event, verdict)
            )
        case Reject():
            return _explanation("reject", verdict, verdict.code, verdict.reason)
        case Wait():
            return _explanation("wait", verdict, verdict.code, verdict.reason)
        case Ignore():
            values = _read(policy, event, verdict) if verdict.clause >= 0 else ()
            return _explanation("ignore", verdict, verdict.code, verdict.reason, values=values)
        case DeadLetter():
            return _explanation("dead_letter", verdict, verdict.code, verdict.reason)
        case _:
            assert_never(verdict)


def _explanation(
    outcome: str,
    verdict: Verdict,
    code: str,
    reason: str,
    *,
    values: tuple[tuple[str, str], ...] = (),
) -> Explanation:
    details = tuple(_details(verdict))
    return Explanation(outcome, verdict.target, code, reason, verdict.rule, values, details)


def _read(policy: Policy, event: Event, verdict: Dispatch | Ignore) -> tuple[tuple[str, str], ...]:
    """The fields that the rule's condition reads, with the values of the event."""
    expr = parse(verdict.rule.text)
    rule = policy.events.get(event.envelope.type)
    if isinstance(expr, tuple) or rule is None:
        return ()
    try:
        payload = rule.reader.read(event.envelope.payload)
    except PayloadError:
        return ()
    return tuple((path, _value(path, payload, event)) for path in fields(expr))


def _value(path: str, payload: object, event: Event) -> str:
    root, *names = path.split(".")
    facts = {
        "priority": event.envelope.priority,
        "attempt": event.stamp.attempt,
        "hops": event.stamp.hops,
    }
    value = facts.get(names[0], UNSET) if root == "event" else member_at(payload, tuple(names))
    return "absent" if value is UNSET else _ENCODER.encode(value).decode()


def _details(verdict: Verdict) -> list[tuple[str, str]]:
    found: dict[str, Any] = {}
    if isinstance(verdict, Reject) and verdict.delegate:
        found["delegate"] = verdict.delegate
    if isinstance(verdict, Wait):
        found["until"] = verdict.until.isoformat() if verdict.until else ""
        found["missing"] = ", ".join(verdict.missing)
    saw = None if isinstance(verdict, Ignore) else verdict.saw
    if saw is not None:
        found["enabled"] = "yes" if saw.enabled else "no"
        found["breaker"] = saw.breaker
        found["queued"] = str(saw.queued)
        found["rollout"] = saw.rollout
        found["approved"] = "yes" if saw.approved else "no"
    return [(name, text) for name, text in found.items() if text]


_ENCODER = msgspec.json.Encoder(decimal_format="number")
