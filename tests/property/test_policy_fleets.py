"""Any fleet, however wrong, can be compiled and decides; a stricter one never allows more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import assume, given
from hypothesis import strategies as st

import strategies
from deciding import NOW, stamp_of
from lotabots.checks.run import run
from lotabots.frozen import replace
from lotabots.graph.build import build
from lotabots.model.capability import CapabilityTree, Claim
from lotabots.model.load import Loaded
from lotabots.policy.compile import compile_policy
from lotabots.policy.correlate import advance
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch
from lotabots.policy.state import State

if TYPE_CHECKING:
    from lotabots.model.bot import Action, Boundary
    from lotabots.model.fleet import Fleet
    from lotabots.policy.decision import Step
    from lotabots.policy.rules import Policy

SOURCES = (*strategies.BOTS, "gate.release", "gate.quorum", "cli.ann", "schedule", "engine", "x")


def policy_of(fleet: Fleet) -> Policy:
    return compile_policy(run(Loaded(fleet, ()), checks=()))


@st.composite
def told(
    draw: st.DrawFn, fleet: Fleet, sources: tuple[str, ...] | None = None
) -> tuple[bytes, str]:
    """An event of a declared type with a valid payload, from one of `sources` (default: any)."""
    event = fleet.events[draw(st.sampled_from(sorted(fleet.events)))]
    senders = sources or (*event.emitters, *SOURCES)
    source = draw(st.sampled_from(senders)).replace("*", "x")
    payload = draw(strategies.payloads(event.payload))
    head = {
        "id": "e1",
        "timestamp": NOW.isoformat(),
        "source": source,
        "destination": draw(st.sampled_from(("*", *strategies.BOTS))),
        "type": event.name,
    }
    body = strategies.json_text(payload)
    return json.dumps(head).encode()[:-1] + b', "payload": ' + body + b"}", source


def step_of(policy: Policy, event: tuple[bytes, str]) -> Step:
    return decide_bytes(policy, State(), event[0], stamp_of(event[1]), NOW)


def allowed(step: Step) -> set[str]:
    return {v.target for v in step.decision.verdicts if isinstance(v, Dispatch)}


@given(data=st.data(), fleet=strategies.fleets())
def test_every_fleet_decides_every_event(data: st.DataObject, fleet: Fleet) -> None:
    assume(fleet.events)
    policy = policy_of(fleet)
    step = step_of(policy, data.draw(told(fleet)))
    targets = [verdict.target for verdict in step.decision.verdicts]
    assert targets
    assert targets == sorted(set(targets))
    assert advance(policy, step.state, NOW).decision.digest == policy.digest


@given(data=st.data(), fleet=strategies.fleets())
def test_another_boundary_never_allows_more(data: st.DataObject, fleet: Fleet) -> None:
    assume(fleet.events)
    event, boundary = data.draw(told(fleet)), data.draw(strategies.boundaries())
    bots = tuple(replace(bot, boundaries=(*bot.boundaries, boundary)) for bot in fleet.bots)
    after = step_of(policy_of(replace(fleet, bots=bots)), event)
    assert allowed(after) <= allowed(step_of(policy_of(fleet), event))


@given(data=st.data(), fleet=strategies.fleets())
def test_less_of_anything_that_allows_never_allows_more(data: st.DataObject, fleet: Fleet) -> None:
    """One edge, route, claim or emitter less."""
    assume(fleet.events)
    event = data.draw(told(fleet))
    fewer = (
        replace(fleet, edges=fleet.edges[1:]),
        replace(fleet, bots=tuple(replace(b, scope=b.scope[1:]) for b in fleet.bots)),
        replace(fleet, bots=tuple(replace(b, outputs=b.outputs[1:]) for b in fleet.bots)),
    )
    before = allowed(step_of(policy_of(fleet), event))
    for less in fewer:
        assert allowed(step_of(policy_of(less), event)) <= before


@given(data=st.data(), fleet=strategies.fleets())
def test_a_wider_capability_never_allows_more(data: st.DataObject, fleet: Fleet) -> None:
    """Whoever may do less may not do more: owning it is not what keeps anybody from it."""
    assume(fleet.events)
    event = data.draw(told(fleet))
    owner = tuple(Claim(capability=name) for name in ("backup", "code", "deploy", "test"))
    bots = tuple(replace(bot, scope=owner) for bot in fleet.bots)
    before = step_of(policy_of(replace(fleet, bots=bots)), event)
    wider = tuple(
        replace(bot, actions=tuple(_widened(action, fleet) for action in bot.actions))
        for bot in bots
    )
    assert allowed(step_of(policy_of(replace(fleet, bots=wider)), event)) <= allowed(before)


@given(data=st.data(), fleet=strategies.fleets())
def test_another_implication_never_allows_more(data: st.DataObject, fleet: Fleet) -> None:
    assume(fleet.events)
    event, implied = data.draw(told(fleet)), data.draw(st.sampled_from(strategies.CAPABILITIES))
    more = {
        name: replace(capability, implies=(*capability.implies, implied))
        for name, capability in fleet.capabilities.declared.items()
    }
    after = step_of(policy_of(replace(fleet, capabilities=CapabilityTree(more))), event)
    assert allowed(after) <= allowed(step_of(policy_of(fleet), event))


@given(data=st.data(), fleet=strategies.fleets())
def test_a_name_that_nobody_declares_never_allows_anything(
    data: st.DataObject, fleet: Fleet
) -> None:
    """In a boundary, in its exceptions, in what an action exercises, or in what that implies."""
    assume(fleet.events)
    event, boundary = data.draw(told(fleet)), data.draw(strategies.boundaries())
    wrong = Claim(capability="wrong")
    boundary = replace(boundary, **data.draw(st.sampled_from((_DENY, _EXCEPT))))
    implied = {
        name: replace(capability, implies=(*capability.implies, "wrong"))
        for name, capability in fleet.capabilities.declared.items()
    }
    bots = [
        tuple(replace(bot, boundaries=(*bot.boundaries, boundary)) for bot in fleet.bots),
        tuple(
            replace(
                bot,
                scope=(wrong,),
                actions=tuple(replace(action, capability="wrong") for action in bot.actions),
            )
            for bot in fleet.bots
        ),
    ]
    for other in (
        *(replace(fleet, bots=those) for those in bots),
        replace(fleet, capabilities=CapabilityTree(implied)),
    ):
        assert not allowed(step_of(policy_of(other), event)) & {bot.name for bot in fleet.bots}


_DENY: Final[dict[str, Any]] = {"deny": "wrong"}
_EXCEPT: Final[dict[str, Any]] = {"except_": ("wrong",)}


@given(data=st.data(), fleet=strategies.fleets())
def test_no_exception_voids_a_boundary(data: st.DataObject, fleet: Fleet) -> None:
    """Exceptions that are as wide as the boundary, wider or beside it are as if not there."""
    assume(fleet.events)
    event, boundary = data.draw(told(fleet)), data.draw(strategies.boundaries())
    wide = tuple(
        name for name in strategies.CAPABILITIES if not name.startswith(boundary.deny + ".")
    )
    steps = [
        step_of(policy_of(_bounded(fleet, replace(boundary, except_=excepted))), event)
        for excepted in ((), tuple(name for name in wide if fleet.capabilities.knows(name)))
    ]
    assert allowed(steps[0]) == allowed(steps[1])


def _bounded(fleet: Fleet, boundary: Boundary) -> Fleet:
    return replace(fleet, bots=tuple(replace(bot, boundaries=(boundary,)) for bot in fleet.bots))


@given(data=st.data(), fleet=strategies.fleets())
def test_from_outside_comes_only_what_is_external(data: st.DataObject, fleet: Fleet) -> None:
    assume(fleet.events)
    events = {
        name: replace(event, external=False, emitters=(*event.emitters, "**", "cli.*", "cli.x"))
        for name, event in fleet.events.items()
    }
    inner = replace(fleet, events=events)
    event = data.draw(told(inner, sources=("cli.x", "cli.ann", "ingress.x")))
    (verdict,) = step_of(policy_of(inner), event).decision.verdicts
    assert verdict.code == "LR005"


@given(data=st.data(), fleet=strategies.fleets())
def test_an_approval_that_not_only_people_send_never_approves(
    data: st.DataObject, fleet: Fleet
) -> None:
    others = st.sampled_from((*strategies.BOTS, "gate.quorum", "*", "**", "*.*", "ingress.*"))
    other = data.draw(others)
    events = {
        name: replace(event, emitters=data.draw(st.sampled_from(((), ("cli.*", other), (other,)))))
        for name, event in fleet.events.items()
    }
    assert not build(replace(fleet, events=events)).approving


def _widened(action: Action, fleet: Fleet) -> Action:
    parent = action.capability.rpartition(".")[0]
    if not parent or not fleet.capabilities.knows(action.capability):
        return action
    return replace(action, capability=parent)
