"""The fleet that `checks.run` has looked at: the only thing that can be compiled to a policy.

INVARIANT: only `lotabots.checks.run` builds a `CheckedFleet` (a test reads every module's syntax
tree to make sure). Findings do not stop compilation: a policy with findings fails closed, rule by
rule, and ``lotabots run`` refuses it; ``lotabots decide`` shows what it would refuse and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics.diagnostic import has_errors
from lotabots.frozen import Frozen

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.model.fleet import Fleet


class CheckedFleet(Frozen):
    """A fleet, its graph, and everything that was found, sorted by place."""

    fleet: Fleet
    graph: FleetGraph
    diagnostics: tuple[Diagnostic, ...]

    @property
    def sound(self) -> bool:
        """Whether there is no finding of severity error."""
        return not has_errors(self.diagnostics)
