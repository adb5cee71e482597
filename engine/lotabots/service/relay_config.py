"""The key `relays` of ``lotabots.yaml``: where the destinations lead that grants only name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.model.codec.codec import Codec, expected
from lotabots.model.codec.collection import table
from lotabots.model.codec.names import SLUG
from lotabots.model.codec.scalar import prose
from lotabots.model.codec.shape import Key
from lotabots.policy.doors import doors
from lotabots.policy.grant_form import valid_destination
from lotabots.service.folder import StateFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lotabots.model.codec.codec import Findings, Places
    from lotabots.service.config import ServiceConfig
    from lotabots.syntax.nodes import Node

_UNIX: Final = "unix:"
_TEXT: Final = prose("where a relay leads")


def _read(node: Node, findings: Findings, places: Places, route: str) -> str | None:
    text = _TEXT.read(node, findings, places, route)
    if text is None or valid_destination(text) or text.removeprefix(_UNIX) not in {text, ""}:
        return text
    cure = "write `host:port`, or `unix:` and the path of a socket"
    expected(node, findings, "where a relay leads", cure)
    return None


KEY: Final = Key(
    "relays",
    "relays",
    table(SLUG, Codec(_read, _TEXT.write, _TEXT.schema)),
    "where `{relay:NAME}` leads, by name: `host:port` or `unix:PATH`",
)


def configured(values: Mapping[str, Any], root: Path) -> dict[str, str]:
    """The relays of a configuration, their paths from the workspace at `root`."""
    return {name: _absolute(way, root) for name, way in values.get("relays", {}).items()}


def relays(config: ServiceConfig) -> dict[str, str]:
    """Where each relay leads: to where the configuration says, or to the host's door of that name.

    A host without services and targets has no doors.
    """
    folder = StateFolder(config.state).doors.absolute()
    environments = {one.environment for one in config.services}
    served = doors(environments) if config.services or config.targets else ()
    return {**{door.name: f"{_UNIX}{folder}/{door.name}.sock" for door in served}, **config.relays}


def _absolute(way: str, root: Path) -> str:
    path = way.removeprefix(_UNIX)
    return way if path == way else f"{_UNIX}{(root / path).resolve()}"
