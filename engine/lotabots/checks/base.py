"""What a check is: a code, what it looks at, what it yields. No check knows another.

A check gets the whole fleet and its graph, does no I/O, and keeps nothing between runs. It
reports what is certain: a miss is a feature request, a false alarm is a bug.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lotabots.checks.authority import Closures, breaches
from lotabots.checks.doubt import doubts
from lotabots.checks.proofs import Proofs
from lotabots.checks.reachability import reachability
from lotabots.diagnostics.codes import Code
from lotabots.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.authority import Breach
    from lotabots.checks.doubt import Doubts
    from lotabots.checks.reachability import Reachability
    from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity
    from lotabots.graph.build import FleetGraph
    from lotabots.model.fleet import Fleet
    from lotabots.model.trial import TrialFile


class CheckInfo(NamedTuple):
    """A check's code, its short name (reads well after "ignore"), severity, first version."""

    code: str
    name: str
    severity: Severity
    since: str
    last: bool = False
    """Whether its findings only count when there is no error: gaps elsewhere would explain them."""

    def at(
        self,
        primary: Label,
        message: str,
        *,
        subject: str,
        related: tuple[Label, ...] = (),
        help: str = "",  # noqa: A002 - the field's name in every output format
        notes: tuple[str, ...] = (),
        example: str = "",
    ) -> Diagnostic:
        """A finding of this check."""
        code = Code(self.code, self.name, self.severity)
        return code.at(
            primary,
            message,
            subject=subject,
            related=related,
            help=help,
            notes=notes,
            example=example,
        )


class Workspace(Frozen):
    """What checks look at, and the analyses that several of them share (made when first asked).

    `untrusted` holds the files that are missing or have errors of form. What they should have
    said is unknown, so a check does not report that it was not said; `doubts` says the same of
    the graph.
    """

    fleet: Fleet
    graph: FleetGraph
    untrusted: frozenset[str]
    doubts: Doubts
    trials: tuple[TrialFile, ...] = ()

    @cached_property
    def reach(self) -> Reachability:
        """What can start."""
        return reachability(self)

    @cached_property
    def breaches(self) -> tuple[Breach, ...]:
        """What bots can set in motion inside their own boundaries."""
        return tuple(breaches(self))

    @cached_property
    def closures(self) -> Closures:
        """What capabilities exercise besides themselves."""
        return Closures(self.fleet.capabilities)

    @cached_property
    def proofs(self) -> Proofs:
        """What was proved of the invariants about paths."""
        return Proofs(self)

    @cached_property
    def capabilities(self) -> frozenset[str]:
        """Every declared capability and every parent of one."""
        return self.fleet.capabilities.known

    def trusts(self, path: str) -> bool:
        """Whether everything that `path` should say was understood."""
        return path not in self.untrusted

    @property
    def trusts_bots(self) -> bool:
        """Whether every file of a bot was understood."""
        return not any(path.startswith(BOTS) for path in self.untrusted)


def workspace_of(
    fleet: Fleet,
    graph: FleetGraph,
    *,
    untrusted: frozenset[str],
    trials: tuple[TrialFile, ...] = (),
) -> Workspace:
    """The workspace of `fleet`, some of whose files could not be understood."""
    vague = {bot.name for bot in fleet.bots if bot.path in untrusted}
    if GATES in untrusted:
        vague.update(graph.gates)
    return Workspace(fleet, graph, untrusted, doubts(fleet, graph, frozenset(vague)), trials)


FLEET = "rules/fleet.yaml"
CAPABILITIES = "rules/capabilities.yaml"
EVENTS = "rules/events.yaml"
GATES = "rules/gates.yaml"
DEPENDENCIES = "graphs/dependencies.yaml"
BOTS = "rules/bots/"


class Check(Protocol):
    """One check. Each module of `catalog` has one, called ``CHECK``."""

    @property
    def info(self) -> CheckInfo:
        """Code, name, severity, first version."""
        ...

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """Every finding of this check."""
        ...
