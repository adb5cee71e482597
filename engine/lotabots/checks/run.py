"""Run all checks: from what was loaded to the `CheckedFleet`.

INVARIANT: the only place that builds a `CheckedFleet` (a test looks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import workspace_of
from lotabots.checks.registry import all_checks
from lotabots.diagnostics.codes import MISSING_FILE
from lotabots.diagnostics.diagnostic import has_errors, in_order
from lotabots.graph.build import build
from lotabots.policy.checked import CheckedFleet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.checks.base import Check
    from lotabots.model.load import Loaded


def run(loaded: Loaded, *, checks: Iterable[Check] | None = None) -> CheckedFleet:
    """Everything that is wrong with the fleet: form first found by `load`, then every check.

    Args:
        loaded: the fleet, as far as it could be read, and the findings of form.
        checks: run these instead of all (a test selects its check).
    """
    graph = build(loaded.fleet)
    workspace = workspace_of(loaded.fleet, graph, untrusted=untrusted(loaded), trials=loaded.trials)
    chosen = all_checks() if checks is None else checks
    found = list(loaded.diagnostics)
    for check in sorted(chosen, key=lambda one: (one.info.last, one.info.code)):
        if not (check.info.last and has_errors(found)):
            found += [
                one for one in check.run(workspace) if workspace.trusts(one.primary.span.path)
            ]
    return CheckedFleet(loaded.fleet, graph, in_order(found))


def untrusted(loaded: Loaded) -> frozenset[str]:
    """Files with errors of form, and files that are missing.

    What such a file says is not judged: its own findings come first, and most of what could be
    said would be their consequence.
    """
    missing = (
        found.primary.span.path for found in loaded.diagnostics if found.code == MISSING_FILE.code
    )
    return loaded.fleet.broken.union(missing)
