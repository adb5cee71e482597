"""Routes, flows, hops: what the rule files connect."""

# ruff: noqa: E501 - rule files as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.examples import FLEET
from lotabots.graph.build import build
from lotabots.graph.loops import live_loops
from lotabots.graph.nodes import Route
from lotabots.graph.reach import reached, stuck
from lotabots.model.load import load

if TYPE_CHECKING:
    from lotabots.graph.build import FleetGraph

EVENTS = """\
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {service: string}}
  approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {service: string}}
  deploy.requested:
    emitters: [gate.staging, gate.production, Deployer]
    payload: {service: string, environment: {enum: [staging, production]}, round: integer}
  deploy.completed:
    emitters: [Deployer]
    payload: {service: string, environment: {enum: [staging, production]}, round: integer}
"""

DEPLOYER = """\
bot: {name: Deployer, version: 1.0.0}
scope: [deploy]
triggers:
  - {type: event, pattern: deploy.requested, when: 'payload.environment == "staging"', action: stage}
  - {type: event, pattern: deploy.requested, when: 'payload.environment == "production"', action: ship}
actions:
  - name: stage
    capability: deploy.staging
    command: stage
    emits: [{type: deploy.completed, set: {environment: $environment}}]
  - name: ship
    capability: deploy.production
    command: ship
    emits: [{type: deploy.completed, set: {environment: $environment}}]
outputs:
  - {type: message, event: deploy.completed, destination: gate.production}
"""

GATES = """\
gates:
  - name: staging
    any: [{pattern: change.pushed}]
    join_on: [payload.service]
    within: 1h
    then: {emit: deploy.requested, set: {environment: staging, round: 0}}
  - name: production
    all:
      - {pattern: deploy.completed, when: 'payload.environment == "staging"'}
      - {pattern: approval.granted}
    join_on: [payload.service]
    within: 1h
    then: {emit: deploy.requested, set: {environment: production, round: 1}}
"""


def test_constants_decide_which_trigger_a_gate_can_fire():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    assert graph.flows[Route("gate.staging", "deploy.requested", "Deployer")] == (0,)
    assert graph.flows[Route("gate.production", "deploy.requested", "Deployer")] == (1,)


def test_a_copied_field_carries_the_constant_that_the_trigger_asked_for():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    staging, production = graph.starts_of["Deployer"]
    assert [graph.vertices[hop.target] for hop in graph.hops[staging]] == ["gate.production"]
    assert graph.hops[production] == ()


def test_a_gate_approves_if_it_cannot_do_without_a_person():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    assert graph.approving == {"gate.production"}
    assert (
        "gate.production"
        not in graph_of(EVENTS, DEPLOYER, GATES.replace("    all:\n", "    any:\n")).approving
    )


def test_events_from_outside_start_what_they_match():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    started = {graph.starts[number].node for number in graph.initial}
    assert started == {"gate.production", "gate.staging"}


def test_a_gate_that_needs_the_outside_breaks_the_loop():
    assert live_loops(graph_of(EVENTS, DEPLOYER, GATES), 16) == ()


def test_without_that_part_the_loop_is_live():
    rounds = GATES.replace("      - {pattern: approval.granted}\n", "").replace(
        "environment: production, round: 1", "environment: staging, round: 1"
    )
    (loop,) = live_loops(graph_of(EVENTS, DEPLOYER, rounds), 16)
    assert loop.nodes == ("Deployer", "gate.production")
    assert [hop.event for hop in loop.hops] == ["deploy.completed", "", "deploy.requested"]


def test_a_count_of_hops_ends_a_loop():
    rounds = (
        GATES.replace("      - {pattern: approval.granted}\n", "")
        .replace("environment: production, round: 1", "environment: staging, round: $hops")
        .replace("round: 0", "round: $hops")
    )
    bounded = DEPLOYER.replace('== "staging"', '== "staging" && payload.round < 5')
    assert live_loops(graph_of(EVENTS, DEPLOYER, rounds), 16)
    assert live_loops(graph_of(EVENTS, bounded, rounds), 16) == ()


def test_an_all_gate_is_reached_only_when_every_part_is():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    production = graph.vertices.index("gate.production", len(graph.starts))
    parts = graph.starts_of["gate.production"]
    assert production not in reached(graph, parts[:1])
    assert production not in reached(graph, parts[1:])
    assert production in reached(graph, parts)


def test_what_merely_waits_for_others_is_not_stuck_itself():
    graph = graph_of(EVENTS, DEPLOYER, GATES)
    nothing = reached(graph, ())
    heads = {graph.vertices[v] for group in stuck(graph, nothing) for v in group}
    assert heads == {"gate.staging", "gate.production"}
    assert all(len(group) == 1 for group in stuck(graph, nothing))


def graph_of(events: str, deployer: str, gates: str) -> FleetGraph:
    files = {
        "rules/fleet.yaml": FLEET["rules/fleet.yaml"],
        "rules/capabilities.yaml": FLEET["rules/capabilities.yaml"],
        "rules/events.yaml": events,
        "rules/gates.yaml": gates,
        "rules/bots/deployer.yaml": deployer,
        "graphs/dependencies.yaml": "edges: []\n",
    }
    loaded = load({path: text.encode() for path, text in files.items()})
    assert loaded.diagnostics == ()
    return build(loaded.fleet)
