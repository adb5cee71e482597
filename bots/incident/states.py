"""The states of an incident, and what leads from one to the next. Nothing else does.

Only a person resolves. That a service is well again, or runs an older release, ends the harm, not
the incident: it is mitigated. If the harm comes back, so does the state before.
"""

from __future__ import annotations

OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED = "open", "acknowledged", "mitigated", "resolved"
UNRESOLVED = (OPEN, ACKNOWLEDGED, MITIGATED)

ACKNOWLEDGE, MITIGATE, RELAPSE, RESOLVE = "acknowledge", "mitigate", "relapse", "resolve"

NEXT = {
    (OPEN, ACKNOWLEDGE): ACKNOWLEDGED,
    (OPEN, MITIGATE): MITIGATED,
    (OPEN, RESOLVE): RESOLVED,
    (ACKNOWLEDGED, MITIGATE): MITIGATED,
    (ACKNOWLEDGED, RESOLVE): RESOLVED,
    (MITIGATED, RELAPSE): OPEN,
    (MITIGATED, RESOLVE): RESOLVED,
}
"""What is not here changes nothing."""


def after(status: str, what: str, *, acknowledged: bool) -> str:
    """The state after `what`. What comes back is acknowledged if somebody had taken charge."""
    found = NEXT.get((status, what), status)
    back = (status, found) == (MITIGATED, OPEN)
    return ACKNOWLEDGED if back and acknowledged else found
