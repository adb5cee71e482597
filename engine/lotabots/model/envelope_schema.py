"""The form of an event on the wire: the envelope, field for field."""

from __future__ import annotations

from typing import Any, Final

from lotabots.model import names
from lotabots.model.payload_schema import FORMAT_PATTERNS

PRIORITIES: Final = ("high", "medium", "low")
"""Most urgent first."""

ANYONE: Final = "*"
"""The destination of an event for whoever has a rule for it."""

MAX_ID: Final = 256

_TEXT_ID: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ID}


def envelope_schema() -> dict[str, Any]:
    """The draft-07 schema of an event as a sender writes it."""
    return {
        "type": "object",
        "title": "an event",
        "description": "The engine stamps what a sender may not forge, `source` among it.",
        "additionalProperties": False,
        "properties": {
            "id": {**_TEXT_ID, "description": "chosen by the sender, unique per source"},
            "timestamp": {
                "type": "string",
                "description": "when it happened, RFC 3339 with a time zone",
                "pattern": FORMAT_PATTERNS["timestamp"],
            },
            "source": {
                "type": "string",
                "description": "who emits it: a bot, gate.<name>, cli.<user>, ingress.<name>",
                "minLength": 1,
                "maxLength": MAX_ID,
            },
            "destination": {
                "type": "string",
                "description": "one bot, or * for whoever has a rule for it",
                "minLength": 1,
                "maxLength": MAX_ID,
            },
            "type": {
                "type": "string",
                "description": "an event type of rules/events.yaml",
                "maxLength": names.MAX_NAME,
                "pattern": f"^({names.DOTTED.pattern})$",
            },
            "payload": {"type": "object", "description": "see schemas/payload/"},
            "priority": {
                "type": "string",
                "description": "how urgent it is",
                "enum": list(PRIORITIES),
            },
            "correlation_id": {**_TEXT_ID, "description": "ties events of one matter together"},
        },
        "required": ["id", "timestamp", "source", "destination", "type", "payload", "priority"],
    }
