"""Which file of a workspace declares what. Paths are relative to it, with forward slashes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lotabots.model.codec.bot import BOT_FILE
from lotabots.model.codec.capability import CAPABILITIES
from lotabots.model.codec.edge import EDGES
from lotabots.model.codec.event import EVENTS
from lotabots.model.codec.gate import GATES
from lotabots.model.codec.invariant import INVARIANTS
from lotabots.model.codec.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.model.codec.shape import Shape

FLEET_PATH: Final = "rules/fleet.yaml"
CAPABILITIES_PATH: Final = "rules/capabilities.yaml"
EVENTS_PATH: Final = "rules/events.yaml"
GATES_PATH: Final = "rules/gates.yaml"
INVARIANTS_PATH: Final = "rules/invariants.yaml"
EDGES_PATH: Final = "graphs/dependencies.yaml"
BOTS_FOLDER: Final = "rules/bots"
TESTS_FOLDER: Final = "rules/tests"

SHAPES: Final[Mapping[str, Shape]] = {
    FLEET_PATH: SETTINGS_FILE,
    CAPABILITIES_PATH: CAPABILITIES,
    EVENTS_PATH: EVENTS,
    GATES_PATH: GATES,
    INVARIANTS_PATH: INVARIANTS,
    EDGES_PATH: EDGES,
}
"""The files that a workspace has once, and what they hold."""

MANDATORY: Final = {
    FLEET_PATH: "name, limits, categories and phases of the fleet",
    EVENTS_PATH: "every event type, without which no event is accepted",
    CAPABILITIES_PATH: "every capability, without which no action is in scope",
}
"""The files that a fleet cannot work without, and what they declare."""

_BOT_PATH: Final = re.compile(rf"{BOTS_FOLDER}/[^/]+\.yaml")
_TEST_PATH: Final = re.compile(rf"{TESTS_FOLDER}/[^/]+\.yaml")


def shape_of(path: str) -> Shape | None:
    """What the file at `path` holds; None if a workspace has no such file."""
    return BOT_FILE if is_bot_file(path) else SHAPES.get(path)


def is_bot_file(path: str) -> bool:
    """Whether the file at `path` declares a bot."""
    return _BOT_PATH.fullmatch(path) is not None


def is_test_file(path: str) -> bool:
    """Whether the file at `path` holds policy tests, which are no part of the fleet."""
    return _TEST_PATH.fullmatch(path) is not None


def is_yaml(path: str) -> bool:
    """Whether the file at `path` claims to be YAML; other files are none of ours."""
    return path[-5:].lower().endswith((".yaml", ".yml"))
