"""``rules/capabilities.yaml``: the capability tree; and claims on capabilities."""

from __future__ import annotations

from typing import Final

from lotabots.model.capability import Capability, Claim
from lotabots.model.codec.collection import listing
from lotabots.model.codec.named import named_table
from lotabots.model.codec.names import CAPABILITY, RESOURCE
from lotabots.model.codec.record import record, shorthand
from lotabots.model.codec.scalar import prose
from lotabots.model.codec.shape import Key, Shape

MAX_CAPABILITIES: Final = 4096

_CAPABILITY: Final = Shape(
    "a capability",
    "A dotted verb; a parent covers its children.",
    [
        Key("doc", "doc", prose(), "what the capability lets a bot do"),
        Key(
            "implies",
            "implies",
            listing(CAPABILITY, unique=str),
            "capabilities that its exercise unavoidably exercises too",
        ),
    ],
)
_CLAIM: Final = Shape(
    "a scope entry",
    "A capability that the bot owns, on a resource.",
    [
        Key("capability", "capability", CAPABILITY, "the capability owned", required=True),
        Key("on", "on", RESOURCE, "the resource it is exercised on; `*` = any run of characters"),
    ],
)

CLAIM: Final = shorthand(record(Claim, _CLAIM), CAPABILITY, "capability", Claim)

CAPABILITIES: Final = Shape(
    "a capabilities file",
    "rules/capabilities.yaml: every capability of the fleet.",
    [
        Key(
            "capabilities",
            "capabilities",
            named_table(Capability, _CAPABILITY, CAPABILITY, short=prose(), most=MAX_CAPABILITIES),
            "capabilities by name; the value is a sentence, or `doc` and `implies`",
            required=True,
        )
    ],
)
