"""Reachability and indirect power against brute force, on whole drawn fleets."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

import strategies
from lotabots.graph.build import build
from lotabots.graph.causes import caused, members, shortest_path
from lotabots.graph.reach import reached
from lotabots.model.fleet import GateKind

if TYPE_CHECKING:
    from lotabots.graph.build import FleetGraph
    from lotabots.model.fleet import Fleet


@given(strategies.fleets(), st.data())
def test_reached_is_the_least_fixpoint(fleet: Fleet, data: st.DataObject):
    graph = build(fleet)
    numbers = st.sampled_from(range(len(graph.starts))) if graph.starts else st.nothing()
    seeds = data.draw(st.frozensets(numbers, max_size=4)) if graph.starts else frozenset()
    assert reached(graph, seeds) == brute_force(graph, seeds)


@given(strategies.fleets())
def test_bit_sets_hold_what_networkx_reaches(fleet: Fleet):
    graph = build(fleet)
    oracle: nx.DiGraph[int] = nx.DiGraph()
    oracle.add_nodes_from(range(len(graph.vertices)))
    oracle.add_edges_from(
        (hop.source, hop.target)
        for hops in graph.hops
        for hop in hops
        if hop.target not in graph.flawed
    )
    bits = caused(graph)
    for vertex in oracle:
        wanted = set(nx.descendants(oracle, vertex))
        if any(nx.has_path(oracle, target, vertex) for target in oracle.successors(vertex)):
            wanted.add(vertex)
        assert set(members(bits[vertex])) == wanted


@given(strategies.fleets())
def test_a_path_is_found_exactly_where_the_bit_sets_say_so(fleet: Fleet):
    graph = build(fleet)
    bits = caused(graph)
    for source in range(len(graph.starts)):
        for target in range(len(graph.starts)):
            way = shortest_path(graph, [source], {target})
            assert bool(way) == bool(bits[source] >> target & 1)
            if way:
                assert (way[0].source, way[-1].target) == (source, target)
                assert all(a.target == b.source for a, b in itertools.pairwise(way))


@given(strategies.fleets())
def test_every_flow_is_a_hop_of_some_start_or_its_action_is_never_started(fleet: Fleet):
    graph = build(fleet)
    hops = {
        (graph.vertices[hop.source], hop.event, hop.target) for row in graph.hops for hop in row
    }
    flows = {
        (route.source, route.event, number)
        for route, numbers in graph.flows.items()
        for number in numbers
    }
    assert {hop for hop in hops if hop[1]} <= flows


def brute_force(graph: FleetGraph, seeds: frozenset[int]) -> frozenset[int]:
    found = set(seeds)
    while True:
        more = {t for v in found for t in targets(graph, v, found)} - found
        if not more:
            return frozenset(found)
        found |= more


def targets(graph: FleetGraph, vertex: int, found: set[int]) -> set[int]:
    reachable = set()
    for hop in graph.hops[vertex]:
        gate = graph.gate_at(hop.target)
        if gate is not None and gate.kind is GateKind.ALL:
            parts = graph.starts_of[graph.vertices[hop.target]]
            if not found.issuperset(parts):
                continue
        reachable.add(hop.target)
    return reachable
