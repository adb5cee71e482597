"""What never starts, without the consequences: shared by the checks of bots, gates and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.graph.nodes import Route, patterns_meet
from lotabots.graph.reach import reached, stuck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.checks.base import Workspace
    from lotabots.graph.nodes import Produced, Start


class Reachability(NamedTuple):
    """What can start, and who is to be told that it cannot.

    A group that waits for itself is reported once: as its first gate, or else its first bot.
    """

    started: frozenset[int]
    gates: Mapping[str, frozenset[int]]
    """Gate -> its group of vertices."""
    bots: Mapping[str, frozenset[int]]
    """Bot -> its group of vertices, in which there is no gate."""
    shut: frozenset[int]
    """Starts to which events are sent, and whose condition refuses every one of them."""
    unmet: frozenset[str]
    """Nodes to which somebody sends what they have no trigger for: that is reported (LB113)."""


def reachability(workspace: Workspace) -> Reachability:
    """What can start, if everything that other checks report were right.

    So a start to which nothing is sent, or nothing that it takes, counts as started.
    """
    graph = workspace.graph
    fed = {hop.target for hops in graph.hops for hop in hops}
    unfed = {n for n in range(len(graph.starts)) if n not in fed and n not in graph.initial}
    shut = frozenset(number for number in unfed if _shut(workspace, number))
    doubtful = {
        number for node in workspace.doubts.awaiting for number in graph.starts_of.get(node, ())
    }
    started = reached(graph, sorted(graph.initial | unfed | doubtful))
    unmet = {route.target for route in graph.routes if route not in graph.flows}
    gates: dict[str, frozenset[int]] = {}
    bots: dict[str, frozenset[int]] = {}
    for group in stuck(graph, started):
        nodes = {graph.vertices[vertex] for vertex in group}
        waiting = sorted(node for node in nodes if node in graph.gates)
        if waiting:
            gates[waiting[0]] = group
        else:
            bots.update(dict.fromkeys(sorted(nodes)[:1], group))
    return Reachability(started, gates, bots, shut, frozenset(unmet))


def _shut(workspace: Workspace, number: int) -> bool:
    """Whether events are sent to a start, and only its condition refuses every one of them.

    A start to which nothing is sent has a finding of its own (LB104, LB112), and so has a
    condition that no event at all can meet (LB204).
    """
    graph = workspace.graph
    start = graph.starts[number]
    events = graph.awaited[number]
    if not any(graph.feasibility.possible(start.rule.when, event) for event in events):
        return False
    sent = False
    for event in events:
        outside = graph.outside.get(event, ())
        sent = sent or any(
            not start.rule.source or patterns_meet(start.rule.source, s) for s in outside
        )
        for made in graph.producers.get(event, ()):
            routed = made.node in graph.gates or Route(made.node, event, start.node) in graph.routes
            if routed and start.accepts(made.node):
                if not _refused(workspace, start, made):
                    return False
                sent = True
    return sent


def _refused(workspace: Workspace, start: Start, made: Produced) -> bool:
    """Whether the condition of `start` is known to refuse what `made` gives.

    By the constants it sets; or by those it copies, which takes a start of its action to know.
    """
    graph = workspace.graph
    if not graph.feasibility.possible(start.rule.when, made.event, fixed=made.fixed):
        return True
    return made.node in graph.gates or any(
        _works(workspace, number, made) for number in graph.starts_of.get(made.node, ())
    )


def _works(workspace: Workspace, number: int, made: Produced) -> bool:
    """Whether the start `number` starts the action that makes `made`, for all that is known."""
    graph = workspace.graph
    start = graph.starts[number]
    if start.action is None or start.action.name != made.action or number in graph.flawed:
        return False
    possible, when = graph.feasibility.possible, start.rule.when
    return start.scheduled or any(possible(when, event) for event in graph.awaited[number])
