"""Strongly connected components and shortest cycles, with networkx as the oracle."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from lotabots.graph.cycles import components, cyclic, shortest_cycle

GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, size - 1), max_size=4), min_size=size, max_size=size
    ).map(lambda rows: dict(enumerate(rows)))
)


@given(GRAPHS)
def test_components_are_those_of_networkx(successors: dict[int, list[int]]):
    wanted = {frozenset(c) for c in nx.strongly_connected_components(_oracle(successors))}
    found = components(successors)
    assert {frozenset(c) for c in found} == wanted
    assert sum(map(len, found)) == len(successors)


@given(GRAPHS)
def test_a_component_comes_before_those_that_lead_to_it(successors: dict[int, list[int]]):
    place = {v: n for n, group in enumerate(components(successors)) for v in group}
    assert all(place[t] <= place[v] for v, targets in successors.items() for t in targets)


@given(GRAPHS)
def test_the_cycle_is_a_shortest_one(successors: dict[int, list[int]]):
    graph = _oracle(successors)
    for start in successors:
        cycle = shortest_cycle(start, successors)
        back = [v for v in graph.predecessors(start) if nx.has_path(graph, start, v)]
        if not back:
            assert cycle == []
            continue
        steps = zip(cycle, [*cycle[1:], cycle[0]], strict=True)
        assert all(target in successors[vertex] for vertex, target in steps)
        assert cycle[0] == start
        wanted = min(nx.shortest_path_length(graph, start, v) for v in back) + 1
        assert len(cycle) == wanted


def test_a_very_long_chain_does_not_exhaust_the_stack():
    size = 50_000
    chain = {v: [v + 1] for v in range(size)} | {size: [0]}
    assert [len(group) for group in components(chain)] == [size + 1]


def test_one_vertex_is_a_cycle_only_if_it_leads_to_itself():
    assert cyclic([0], {0: [0]})
    assert not cyclic([0], {0: []})
    assert cyclic([0, 1], {0: [1], 1: [0]})


def _oracle(successors: dict[int, list[int]]) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(successors)
    graph.add_edges_from((v, t) for v, targets in successors.items() for t in targets)
    return graph
