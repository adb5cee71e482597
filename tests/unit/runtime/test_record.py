"""What the running engine decides is what `lotabots decide` says, limits and all."""

from __future__ import annotations

import pytest

from deciding import NOW, PAYLOADS, edited, policy_of, raw_event
from lotabots.policy.decide import decide_bytes
from lotabots.policy.state import State
from lotabots.runtime.ports import Delivery
from lotabots.runtime.record import decided, stamp_of

OPEN = edited(
    "rules/events.yaml",
    ("  change.pushed:\n", "  change.pushed:\n    open: true\n"),
)


def deep(levels: int) -> bytes:
    payload = {**PAYLOADS["change.pushed"], "more": "MORE"}
    nested = b"[" * levels + b"]" * levels
    return raw_event("change.pushed", "cli.ann", payload=payload).replace(b'"MORE"', nested)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (raw_event("change.pushed", "cli.ann"), [""]),
        (deep(30), [""]),
        (deep(31), ["LR001"]),
        (deep(800), ["LR001"]),
        (deep(5000), ["LR001"]),
        (b" " * 262_145, ["LR002"]),
        (b"{", ["LR001"]),
    ],
)
def test_the_engine_decides_as_the_command_does(body: bytes, codes: list[str]) -> None:
    """An open payload has room for any depth; what a decoder stands depends on its caller."""
    policy = policy_of(OPEN)
    subject = "lb.ev.cli.ann.change.pushed"
    delivery = Delivery(subject, body, {}, "EVENTS", 7, 1, NOW, "")
    step, envelope = decided(policy, State(), delivery, stamp_of(delivery))
    assert [getattr(verdict, "code", "") for verdict in step.decision.verdicts] == codes
    assert (envelope is None) == (codes != [""])
    assert step == decide_bytes(policy, State(), body, stamp_of(delivery), NOW)
