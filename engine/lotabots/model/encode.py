"""A fleet back to plain data, to canonical bytes, to a digest.

The digest is that of the *normalised* model: comments, the order of keys and files, and whether a
default is spelled out do not count. Every part of the fleet has a leaf of its own, so that two
engines that disagree can name the bot they disagree about.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from lotabots.frozen import defaults
from lotabots.model.bot import Bot
from lotabots.model.codec.bot import BOT_FILE
from lotabots.model.codec.capability import CAPABILITIES
from lotabots.model.codec.codec import Style
from lotabots.model.codec.edge import EDGES
from lotabots.model.codec.event import EVENTS
from lotabots.model.codec.gate import GATES
from lotabots.model.codec.invariant import INVARIANTS
from lotabots.model.codec.settings import SETTINGS_FILE
from lotabots.model.event import BUILT_IN
from lotabots.model.fleet import Settings
from lotabots.model.layout import (
    BOTS_FOLDER,
    CAPABILITIES_PATH,
    EDGES_PATH,
    EVENTS_PATH,
    FLEET_PATH,
    GATES_PATH,
    INVARIANTS_PATH,
    MANDATORY,
)

if TYPE_CHECKING:
    from lotabots.model.fleet import Fleet

FORMAT: Final = 1
"""Version of the canonical form. It changes when the meaning of a key changes."""


def encode(fleet: Fleet) -> dict[str, Any]:
    """The files that declare `fleet`, as plain data by path; defaults are left out.

    `load` of these files gives an equal fleet, if `fleet` has no broken files. Types that had a
    name are spelled out.
    """
    described = _files(fleet, Style.SPARSE)
    files = {
        path: data for path, data in described.items() if path in MANDATORY or any(data.values())
    }
    for bot in fleet.bots:
        path = bot.path or f"{BOTS_FOLDER}/{bot.name.lower()}.yaml"
        files[path] = _bot(bot, Style.SPARSE)
    return files


def canonical(fleet: Fleet) -> bytes:
    """The normalised fleet as RFC 8785 JSON: sorted keys, no spaces, no floats, all defaults."""
    return canonical_json({"format": FORMAT, **_normalised(fleet)})


def digest(fleet: Fleet) -> str:
    """``sha256:<hex>`` of the canonical JSON of `leaves` and the format version."""
    return _digest({"format": FORMAT, "leaves": leaves(fleet)})


def leaves(fleet: Fleet) -> dict[str, str]:
    """The digest of each part of the fleet: of each bot by name, and of each other file."""
    normalised = _normalised(fleet)
    bots = {f"bots/{name}": _digest(data) for name, data in normalised["bots"].items()}
    rest = {part: _digest(data) for part, data in normalised.items() if part != "bots"}
    return bots | rest


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """RFC 8785 for values without floats; strings are valid Unicode and keys are ASCII.

    RFC 8785 sorts keys by UTF-16 code units, which for ASCII is the order of code points.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def _digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return f"sha256:{sha256(canonical_json(value)).hexdigest()}"


def _normalised(fleet: Fleet) -> dict[str, Any]:
    files = _files(fleet, Style.FULL)
    # A fleet without invariants keeps the digest that it had before there were any.
    stated = {"invariants": files[INVARIANTS_PATH]} if fleet.invariants else {}
    return {
        "bots": {bot.name: _bot(bot, Style.FULL) for bot in fleet.bots},
        "capabilities": files[CAPABILITIES_PATH],
        "events": files[EVENTS_PATH],
        "fleet": files[FLEET_PATH],
        "gates": files[GATES_PATH],
        "graph": files[EDGES_PATH],
        **stated,
    }


def _bot(bot: Bot, style: Style) -> dict[str, Any]:
    return BOT_FILE.write(bot, style, defaults(Bot))


def _files(fleet: Fleet, style: Style) -> dict[str, Any]:
    return {
        FLEET_PATH: SETTINGS_FILE.write(fleet.settings, style, defaults(Settings)),
        CAPABILITIES_PATH: CAPABILITIES.table({"capabilities": fleet.capabilities.declared}, style),
        EVENTS_PATH: EVENTS.table(
            {
                "artifacts": fleet.artifacts,
                "events": {
                    name: event for name, event in fleet.events.items() if name not in BUILT_IN
                },
            },
            style,
        ),
        GATES_PATH: GATES.table({"gates": fleet.gates}, style),
        EDGES_PATH: EDGES.table({"edges": fleet.edges}, style),
        INVARIANTS_PATH: INVARIANTS.table({"invariants": fleet.invariants}, style),
    }
