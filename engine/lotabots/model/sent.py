"""The event of a step of a policy test: what the step says, and what its template adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.model.codec.written import merged
from lotabots.model.trial import Template

if TYPE_CHECKING:
    from collections.abc import Mapping as Table

    from lotabots.model.event import EventType
    from lotabots.model.trial import EventStep
    from lotabots.syntax.nodes import Mapping

MEDIUM = "medium"


class Sent(NamedTuple):
    """An event to be sent. `source` is empty where nobody says who of several sends it."""

    type: str
    source: str
    destination: str
    priority: str
    payload: Mapping | None


def sent(step: EventStep, templates: Table[str, Template], events: Table[str, EventType]) -> Sent:
    """What `step` sends; its own words count before those of its template."""
    template = templates.get(step.event) or Template()
    name = template.type or step.event
    source = step.source or template.source or only_emitter(events.get(name))
    return Sent(
        name,
        source,
        step.destination or template.destination,
        step.priority or template.priority or MEDIUM,
        merged(template.payload, step.payload),
    )


def only_emitter(event: EventType | None) -> str:
    """The source of all events of a type; empty if there are several, or a pattern of them."""
    emitters = event.emitters if event else ()
    return emitters[0] if len(emitters) == 1 and "*" not in emitters[0] else ""
