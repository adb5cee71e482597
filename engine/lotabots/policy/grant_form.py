"""The form that grants must have wherever they are kept: what needs no host to be judged.

`lotabots validate` asks the same questions as the projection to a sandbox policy, but must not pay
for what that one imports.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lotabots.model.names import SLUG

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_DESTINATION: Final = r"(?:\[[0-9A-Fa-f:.]+\]|(?!-)[A-Za-z0-9.-]{1,253}):[0-9]{1,5}"
"""Compiled when first asked: most fleets grant no network."""
_RELAY: Final = rf"\{{relay:({SLUG.pattern})\}}"
"""A host's name inside: one case only, and not to be mistaken for an address."""
_SOCKET: Final = r"unix:(?:/(?!\.\.?(?:/|$))[^/\0]+)+"
_MAX_PORT: Final = 65_535
RELAY_PORT: Final = 80


def valid_destination(text: str) -> bool:
    """Whether `text` is ``host:port`` with a port between 1 and 65535."""
    if not re.fullmatch(_DESTINATION, text, re.ASCII):
        return False
    return 1 <= int(text.rpartition(":")[2]) <= _MAX_PORT


def valid_way(text: str) -> bool:
    """Whether `text` is where a relay can lead: ``host:port`` or ``unix:/absolute/path``."""
    return valid_destination(text) or re.fullmatch(_SOCKET, text) is not None


def relay_name(text: str) -> str:
    """The NAME if `text` is ``{relay:NAME}`` and nothing else, or an empty text."""
    found = re.fullmatch(_RELAY, text, re.ASCII)
    return found[1] if found else ""


def relay_destination(name: str) -> str:
    """Where a program in the sandbox reaches the relay `name`: ``NAME:80``."""
    return f"{name}:{RELAY_PORT}"


def path_faults(path: str) -> Iterator[str]:
    """What is wrong with a granted path, whatever its placeholders stand for."""
    found = PLACEHOLDER.search(path)
    if not found and not path.startswith("/"):
        yield f"path `{path}` is neither absolute nor begins with a placeholder"
    if found:
        rest = path[found.end() :]
        if found.start() or PLACEHOLDER.search(rest):
            yield f"a placeholder stands only at the beginning, not as in `{path}`"
        elif rest and not rest.startswith("/"):
            yield f"path `{path}` leaves the folder that `{found[0]}` stands for"
    if ".." in path.split("/"):
        yield f"path `{path}` leaves its folder"


def whole_file_system(path: str) -> bool:
    """Whether `path` is another way to write ``/``."""
    return path.startswith("/") and not path.strip("/.") and ".." not in path.split("/")


def within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it, as texts."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
