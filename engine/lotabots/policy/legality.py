"""What the rules say of one trigger and one source, whatever the event holds: known beforehand.

The order is fixed, because the first "no" is the one that is reported: the action exists, the
source routes the event here, the graph has the edge, the bot owns the capability, no boundary
forbids it. A bot, a gate or a source whose file has errors of form is never believed; nor is a bot
of whose boundaries one names a capability that nobody declares, for it forbids something else than
was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.diagnostics import codes
from lotabots.diagnostics.span import start_of
from lotabots.graph.nodes import Route
from lotabots.policy.decision import Reject, RuleRef
from lotabots.policy.power import forbidden, owned

if TYPE_CHECKING:
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Start
    from lotabots.model.bot import Action, Bot, Boundary, Trigger
    from lotabots.model.fleet import Fleet

GATES_FILE: Final = "rules/gates.yaml"
EVENTS_FILE: Final = "rules/events.yaml"
EDGES_FILE: Final = "graphs/dependencies.yaml"
SHARED_FILES: Final = (
    "rules/fleet.yaml",
    "rules/capabilities.yaml",
    EVENTS_FILE,
    EDGES_FILE,
)
"""Files that every decision depends on."""


class Law(NamedTuple):
    """The part of a fleet that legality depends on."""

    fleet: Fleet
    graph: FleetGraph

    def unsound(self, target: str) -> Reject | None:
        """LR012, if what the rules say about a bot or gate is not to be trusted."""
        bot = self.graph.bots.get(target)
        path = bot.path if bot else GATES_FILE if target in self.graph.gates else ""
        if path in self.fleet.broken:
            return unsound(target, path)
        return self._misspelt(bot) if bot else None

    def _misspelt(self, bot: Bot) -> Reject | None:
        """LR012, if a boundary names a capability that is not declared (LB103)."""
        for boundary in bot.boundaries:
            for name in (boundary.deny, *boundary.except_):
                if not self.fleet.capabilities.knows(name):
                    return _undeclared(bot, name, _boundary(bot, boundary))
        return None

    def connection(self, source: str, event: str, target: str) -> Reject | None:
        """LR102 or LR103, if `source` may not start `target` by `event`. Outside sources may."""
        if not self.graph.knows(source):
            return None
        route = Route(source, event, target)
        bot = self.graph.bots.get(source)
        if bot is not None and route not in self.graph.routes:
            ref = RuleRef("outputs", source, bot.at("outputs"))
            return Reject(
                target,
                codes.NO_ROUTE.code,
                f"`{source}` does not send `{event}` to `{target}`",
                ref,
            )
        return None if self.graph.allows(route) else self._no_edge(route)

    def start(self, source: str, event: str, start: Start) -> Reject | None:
        """The first rule that forbids the trigger `start` to answer `event` of `source`."""
        bot = self.graph.bots[start.node]
        action = start.action
        if action is None:
            return _unknown_action(bot, start.rule)  # type: ignore[arg-type]  # bots start by triggers
        return self.connection(source, event, bot.name) or self.power(
            bot, action, approved=source in self.graph.approving
        )

    def power(self, bot: Bot, action: Action, *, approved: bool) -> Reject | None:
        """LR104, LR012, LR105 or LR106, if `bot` may not exercise what `action` exercises."""
        if not owned(bot, action):
            return _outside_scope(bot, action)
        exercised = self.fleet.capabilities.closure(action.capability)
        for name in exercised:
            if not self.fleet.capabilities.knows(name):
                return _undeclared(bot, name, self._use(bot, action, name))
        missing = None
        for boundary in bot.boundaries:
            broken = next(forbidden(boundary, exercised, on=action.on), "")
            if not broken:
                continue
            if not boundary.unless_approved:
                return _inside(bot, boundary, capability=broken)
            if not approved:
                missing = missing or _unapproved(bot, boundary, capability=broken)
        return missing

    def _use(self, bot: Bot, action: Action, name: str) -> RuleRef:
        """Where an undeclared capability that `action` exercises is named."""
        if name == action.capability:
            return RuleRef("action", bot.name, action.at("capability"), name)
        capability = next(c for c in self.fleet.capabilities.declared.values() if name in c.implies)
        place = capability.at("implies", capability.implies.index(name))
        return RuleRef("capability", capability.name, place, f"implies: {name}")

    def _no_edge(self, route: Route) -> Reject:
        edge = self.graph.declared.get((route.source, route.target))
        ref = RuleRef(
            "edge",
            EDGES_FILE,
            edge.span if edge else start_of(EDGES_FILE),
            f"{route.source} -> {route.target}",
        )
        by = f" by `{route.event}`" if edge else ""
        return Reject(
            route.target,
            codes.NO_EDGE.code,
            f"the dependency graph has no edge from `{route.source}` to `{route.target}`{by}",
            ref,
        )


def unsound(target: str, path: str) -> Reject:
    """LR012: the file at `path`, on which the decision depends, has errors of form."""
    return Reject(
        target,
        codes.UNSOUND_RULES.code,
        f"`{path}` has errors",
        RuleRef("file", path, start_of(path)),
    )


def _undeclared(bot: Bot, name: str, ref: RuleRef) -> Reject:
    reason = f"unknown capability `{name}` (LB103)"
    return Reject(bot.name, codes.UNSOUND_RULES.code, reason, ref)


def _unknown_action(bot: Bot, trigger: Trigger) -> Reject:
    if trigger.action:
        reason = f"`{bot.name}` has no action `{trigger.action}`"
    else:
        reason = f"the trigger names no action, and `{bot.name}` has {len(bot.actions)}"
    ref = RuleRef("trigger", bot.name, trigger.at("action"), trigger.action)
    return Reject(bot.name, codes.UNKNOWN_ACTION.code, reason, ref)


def _outside_scope(bot: Bot, action: Action) -> Reject:
    on = f" on `{action.on}`" if action.on != "*" else ""
    reason = (
        f"`{bot.name}` does not own `{action.capability}`{on}"
        if action.capability
        else f"the action `{action.name}` names no capability"
    )
    ref = RuleRef("scope", bot.name, bot.at("scope"), action.capability)
    return Reject(bot.name, codes.OUTSIDE_SCOPE.code, reason, ref)


def _inside(bot: Bot, boundary: Boundary, *, capability: str) -> Reject:
    return Reject(
        bot.name,
        codes.INSIDE_BOUNDARY.code,
        boundary.reason or f"`{bot.name}` must never do `{capability}`",
        _boundary(bot, boundary),
        boundary.delegate,
    )


def _unapproved(bot: Bot, boundary: Boundary, *, capability: str) -> Reject:
    return Reject(
        bot.name,
        codes.APPROVAL_MISSING.code,
        boundary.reason or f"`{bot.name}` needs a person's approval for `{capability}`",
        _boundary(bot, boundary),
        boundary.delegate,
    )


def _boundary(bot: Bot, boundary: Boundary) -> RuleRef:
    on = f" on {boundary.on}" if boundary.on != "*" else ""
    return RuleRef("boundary", bot.name, boundary.span, f"deny: {boundary.deny}{on}")
