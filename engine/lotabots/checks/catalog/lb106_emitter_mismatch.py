"""Who emits an event and who may emit it are not the same.

## Why
The catalogue says who may emit an event (``emitters:``); from it come the broker's permissions.
A bot that emits a type without being listed is rejected at run time. A bot that is listed and
never emits the type holds a permission that nobody needs, or has lost the emission that others
wait for. A source outside the fleet (``cli.*``, ``ingress.*``, or a pattern such as ``**`` that they
match) sends only what is declared ``external: true``.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string, branch: string}
  build.completed:
    emitters: [TestBot]
    payload: {repository: string, branch: string}
  test.completed:
    terminal: true
    emitters: [TestBot, cli.*]
    payload: {repository: string}
```
```text
rules/bots/buildbot.yaml:5:77: error[LB106] `BuildBot` emits `build.completed`, but is not listed among its emitters
rules/events.yaml:7:16: error[LB106] `TestBot` is listed as emitter of `build.completed`, but never emits it
rules/events.yaml:11:25: error[LB106] `cli.*` lets outside sources send `test.completed`, which is not external
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string, branch: string}
  build.completed:
    emitters: [BuildBot]
    payload: {repository: string, branch: string}
  test.completed:
    terminal: true
    emitters: [TestBot]
    payload: {repository: string}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import EVENTS, CheckInfo, Workspace
from lotabots.checks.doubt import knows_source
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.graph.nodes import Route, patterns_meet
from lotabots.model.names import BOT, OUTSIDE_FAMILIES, is_gate_source, matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.nodes import Produced
    from lotabots.model.event import EventType


class EmitterMismatch:
    """See the module."""

    info = CheckInfo("LB106", "emitter-mismatch", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unlisted emission and idle emitter, and per doubt of who is outside."""
        if not workspace.trusts(EVENTS):
            return
        for event in workspace.fleet.events.values():
            makers = {made.node: made for made in workspace.graph.producers.get(event.name, ())}
            yield from self._unlisted(workspace, event, makers)
            yield from self._idle(workspace, event, makers)
            if not event.external:
                yield from self._intruding(event)
            elif not any(_outside(emitter) for emitter in event.emitters):
                yield self.info.at(
                    Label(event.at("external")),
                    f"`{event.name}` is external, but no source outside the fleet may send it",
                    subject=event.name,
                    help="add a source such as `ingress.git` or `cli.*` to its `emitters`",
                )

    def _unlisted(
        self, workspace: Workspace, event: EventType, makers: dict[str, Produced]
    ) -> Iterator[Diagnostic]:
        if not all(knows_source(workspace.graph, emitter) for emitter in event.emitters):
            return
        named = frozenset(event.emitters)
        patterns = [emitter for emitter in event.emitters if "*" in emitter]
        for node, made in sorted(makers.items()):
            if node not in named and not any(matches(pattern, node) for pattern in patterns):
                yield self.info.at(
                    Label(made.place),
                    f"`{node}` emits `{event.name}`, but is not listed among its emitters",
                    subject=f"{node} {event.name}",
                    related=(Label(event.at("emitters"), "the emitters are listed here"),),
                    help=f"add `{node}` to the `emitters` of `{event.name}`, or do not emit it",
                )

    def _idle(
        self, workspace: Workspace, event: EventType, makers: dict[str, Produced]
    ) -> Iterator[Diagnostic]:
        graph = workspace.graph
        for number, emitter in enumerate(event.emitters):
            if emitter in makers or not graph.knows(emitter):
                continue
            if emitter in workspace.doubts.emitting:
                continue
            yield self.info.at(
                Label(event.at("emitters", number)),
                f"`{emitter}` is listed as emitter of `{event.name}`, but never emits it",
                subject=f"{emitter} {event.name}",
                related=tuple(_expecting(workspace, emitter, event.name)),
                help=f"add it to the `emits` of an action of `{emitter}`, or remove it here",
            )

    def _intruding(self, event: EventType) -> Iterator[Diagnostic]:
        for number, emitter in enumerate(event.emitters):
            if any(patterns_meet(emitter, f"{family}.**") for family in OUTSIDE_FAMILIES):
                yield self.info.at(
                    Label(event.at("emitters", number)),
                    f"`{emitter}` lets outside sources send `{event.name}`, which is not external",
                    subject=f"{emitter} {event.name}",
                    help="declare the event `external: true`, or remove this emitter",
                )


CHECK = EmitterMismatch()


def _outside(emitter: str) -> bool:
    return not BOT.fullmatch(emitter) and not is_gate_source(emitter)


def _expecting(workspace: Workspace, emitter: str, event: str) -> Iterator[Label]:
    """Who relies on the missing emission."""
    graph = workspace.graph
    bot = graph.bots.get(emitter)
    for output in bot.outputs if bot is not None else ():
        if output.event == event:
            yield Label(output.at("event"), "sent from here")
    for number in graph.consumers.get(event, ())[:3]:
        start = graph.starts[number]
        if start.accepts(emitter) and Route(emitter, event, start.node) in graph.routes:
            yield Label(start.rule.at("pattern"), "awaited here")
