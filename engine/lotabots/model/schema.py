"""JSON Schemas for editors and for other programs: draft-07, generated from the codecs.

In the subset that every draft-07 reader shares: ``definitions``, no ``unevaluatedProperties``, no
``prefixItems``. Patterns are those of ECMA 262 and of Python alike. A schema says the form only;
what the names refer to is for ``lotabots validate``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.frozen import defaults
from lotabots.model.bot import Bot
from lotabots.model.codec.bot import BOT_FILE
from lotabots.model.codec.capability import CAPABILITIES
from lotabots.model.codec.edge import EDGES
from lotabots.model.codec.event import EVENTS
from lotabots.model.codec.gate import GATES
from lotabots.model.codec.invariant import INVARIANTS
from lotabots.model.codec.settings import SETTINGS_FILE
from lotabots.model.codec.trial import TRIALS
from lotabots.model.envelope_schema import envelope_schema
from lotabots.model.fleet import Settings
from lotabots.model.payload_schema import payload_schema

if TYPE_CHECKING:
    from lotabots.model.codec.codec import Definitions
    from lotabots.model.codec.shape import Shape
    from lotabots.model.fleet import Fleet

__all__ = ["payload_schema", "schemas"]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_FILES: Final[dict[str, tuple[Shape, type | None]]] = {
    "bot": (BOT_FILE, Bot),
    "fleet": (SETTINGS_FILE, Settings),
    "capabilities": (CAPABILITIES, None),
    "events": (EVENTS, None),
    "gates": (GATES, None),
    "invariants": (INVARIANTS, None),
    "dependencies": (EDGES, None),
    "tests": (TRIALS, None),
}


def schemas(fleet: Fleet | None) -> dict[str, dict[str, Any]]:
    """All schemas by file name: of the rule files, of the envelope, and of every payload.

    The names are those below ``schemas/`` (``payload/build.completed.schema.json``). Without a
    fleet there are no payloads.
    """
    found = {f"{name}.schema.json": _file(*described) for name, described in _FILES.items()}
    found["envelope.schema.json"] = {"$schema": DRAFT, **envelope_schema()}
    for name, event in sorted(fleet.events.items()) if fleet else ():
        found[f"payload/{name}.schema.json"] = {
            "$schema": DRAFT,
            "title": f"payload of {name}",
            **({"description": event.doc} if event.doc else {}),
            **payload_schema(event.payload),
        }
    return found


def _file(shape: Shape, cls: type | None) -> dict[str, Any]:
    definitions: Definitions = {}
    described = shape.schema(definitions, defaults(cls) if cls else {})
    ordered = {name: definitions[name] for name in sorted(definitions)}
    return {"$schema": DRAFT, **described, **({"definitions": ordered} if ordered else {})}
