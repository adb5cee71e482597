"""``rules/fleet.yaml``: the settings of the whole fleet."""

from __future__ import annotations

from typing import Final

from lotabots.model.codec.collection import listing, table
from lotabots.model.codec.names import SLUG, VERSION, WORD
from lotabots.model.codec.quantity import duration
from lotabots.model.codec.record import group, record, shorthand
from lotabots.model.codec.scalar import choice, integer, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.fleet import CorrelatorKind, Phase, Settings

_FLEET: Final = Shape(
    "a fleet's identity",
    "Name, version and limits of the fleet.",
    [
        Key("name", "name", WORD, "the fleet's name", required=True),
        Key("version", "version", VERSION, "the version of the declaration"),
        Key("max_hops", "max_hops", integer(1, 1000), "events in a row that may cause one another"),
        Key("max_age", "max_age", duration(1), "how old an event may be when it is decided"),
        Key(
            "correlator",
            "correlator",
            choice({kind.value: kind for kind in CorrelatorKind}),
            "what evaluates the gates",
        ),
        Key("rollout", "rollout", SLUG, "the last phase in service; the last of all if left out"),
    ],
)
_PHASE: Final = Shape(
    "a phase",
    "A step of the deployment.",
    [
        Key("name", "name", SLUG, "the name of the phase", required=True),
        Key("doc", "doc", prose(), "what it brings in"),
    ],
)

SETTINGS_FILE: Final = Shape(
    "a fleet file",
    "rules/fleet.yaml: what holds for the whole fleet.",
    [
        Key("fleet", "", group(_FLEET, Settings, partial=True), "name and limits", required=True),
        Key(
            "categories",
            "categories",
            table(SLUG, prose()),
            "the categories of bots: name and a sentence",
        ),
        Key(
            "phases",
            "phases",
            listing(
                shorthand(record(Phase, _PHASE), SLUG, "name", Phase),
                unique=lambda phase: phase.name,
            ),
            "the deployment phases, in order",
        ),
    ],
)
