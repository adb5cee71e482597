"""What a look at one thing found, and what all of it comes to."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = 1
"""The version of the document that `document` makes."""


class State(Enum):
    """How a thing stands."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing, and nothing to do."""

    WARNING = "warning"
    """The service runs, but less than all of it works."""

    PROBLEM = "problem"
    """The service does not start, or nothing can be relied on."""


class Item(NamedTuple):
    """One line of the table. A `cure` has every item that is a warning or a problem."""

    section: str
    name: str
    state: State
    found: str
    cure: str = ""


def document(items: Iterable[Item], *, version: str) -> dict[str, Any]:
    """All items for programs; `version` is that of LotaBots."""
    shown = [item._asdict() | {"state": item.state.value} for item in items]
    states = [item["state"] for item in shown]
    return {
        "version": FORMAT,
        "lotabots": version,
        "checks": shown,
        "summary": {
            "problems": states.count(State.PROBLEM.value),
            "warnings": states.count(State.WARNING.value),
        },
    }
