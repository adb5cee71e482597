"""The candidates: functions from an event to the names of the rules that fire.

zen-engine gets the same router in front (a look-up by type and source, and by prefix and source),
so that it evaluates only the conditions of the rules that are about the event. It has no decoder
of its own; it is measured with the standard library's and with the fastest one there is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import zen
from workload import NOW, checked, fleet_of

from lotabots.model.envelope import read_envelope
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch
from lotabots.policy.payload import DECODE_ERRORS
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from workload import Sent, Workload

    from lotabots.policy.decision import Step
    from lotabots.policy.rules import Policy


class Candidate(NamedTuple):
    """`answer` decides; `names` turns what it gives into names, outside of what is measured.

    Without `names` nothing is decided: it is a limit to compare with.
    """

    name: str
    validated: bool
    answer: Callable[[Sent], Any]
    names: Callable[[Any], frozenset[str]] | None


def candidates(load: Workload) -> tuple[tuple[Candidate, ...], Policy]:
    """All candidates for a workload; the first is ours."""
    policy = compile_policy(checked(fleet_of(load)))
    plain = _Router(load, guarded=True)
    unguarded = _Router(load, guarded=False)
    fast = msgspec.json.decode
    return (
        Candidate("lotabots decide_bytes", True, _ours(policy), _dispatched),
        Candidate("msgspec alone: decode and check", True, _decoded(policy), None),
        Candidate("zen + router, json.loads", False, plain.with_decoder(json.loads), frozenset),
        Candidate("zen + router, msgspec", False, plain.with_decoder(fast), frozenset),
        Candidate(
            "zen + router, json.loads, validated",
            True,
            unguarded.validated(json.loads, policy),
            frozenset,
        ),
        Candidate(
            "zen + router, msgspec, validated", True, unguarded.validated(fast, policy), frozenset
        ),
    ), policy


def _ours(policy: Policy) -> Callable[[Sent], Step]:
    """The whole decision: record, near misses, effects. It begins where a stamped event arrives."""
    state = State()

    def answer(sent: Sent) -> Step:
        return decide_bytes(policy, state, sent.raw, sent.stamp, NOW)

    return answer


def _decoded(policy: Policy) -> Callable[[Sent], Any]:
    """What any engine must do that decodes with these classes: envelope, payload of its type."""
    decoders = {name: rule.reader.decode for name, rule in policy.events.items()}

    def answer(sent: Sent) -> Any:  # noqa: ANN401 - a payload, or None if it is not valid
        try:
            envelope = read_envelope(sent.raw)
            return decoders[envelope.type](envelope.payload)
        except DECODE_ERRORS:
            return None

    return answer


def _dispatched(step: Step) -> frozenset[str]:
    return frozenset(v.target for v in step.decision.verdicts if isinstance(v, Dispatch))


class _Router:
    """Routes by dictionary; the library evaluates the payload conditions of the routed rules."""

    def __init__(self, load: Workload, *, guarded: bool) -> None:
        self.exact: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
        self.prefix: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
        for rule in load.rules:
            wild = rule.pattern.endswith(".*")
            table = self.prefix if wild else self.exact
            kind = rule.pattern.removesuffix(".*")
            table[kind, rule.source].append((rule.name, _expression(rule, guarded=guarded)))

    def with_decoder(self, decode: Callable[[bytes], Any]) -> Callable[[Sent], list[str]]:
        """Decode, route, evaluate."""
        exact, prefix = self.exact, self.prefix

        def answer(sent: Sent) -> list[str]:
            event = decode(sent.raw)
            kind, source = event["type"], sent.source
            return [
                name
                for table, key in ((exact, kind), (prefix, kind.rpartition(".")[0]))
                for name, expression in table.get((key, source), ())
                if expression.evaluate(event)
            ]

        return answer

    def validated(
        self, decode: Callable[[bytes], Any], policy: Policy
    ) -> Callable[[Sent], list[str]]:
        """The same behind a check of envelope and payload."""
        answer, check = self.with_decoder(decode), _decoded(policy)
        return lambda sent: answer(sent) if check(sent) else []


def _expression(rule: Any, *, guarded: bool) -> Any:  # noqa: ANN401 - the library has no types
    field, value = rule.equal
    text = f'payload.{field} == "{value}" and payload.{" ".join(rule.order)}'
    if guarded:  # without it a missing or mistyped field costs an exception with a stack trace
        text = f'type(payload.{rule.order[0]}) == "number" and {text}'
    return zen.compile_expression(text)
