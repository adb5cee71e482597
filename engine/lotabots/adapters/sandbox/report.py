"""What became of a run: one `Report`, and its lines of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_STATUS: Final = 137
REFUSED_STATUS: Final = 125
SIGNAL_BASE: Final = 128


class Level(StrEnum):
    """How strong the walls are; see docs/sandbox.md."""

    STRICT = "strict"
    REDUCED = "reduced"


class RefusedError(Exception):
    """The sandbox does not start: the policy or the host makes it impossible to keep the grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The end of a run.

    `status` is the program's own exit status, 128+N after signal N, 137 when `limit` names the
    limit that ended it, 125 when `refused` says why it did not start. `entries` are the lines of
    the report in order: start, connect, limit, stopped, refused, exit.
    """

    status: int
    level: str
    limit: str = ""
    refused: str = ""
    entries: tuple[Mapping[str, Any], ...] = ()
    stdout: bytes = b""
    stderr: bytes = b""

    def lines(self) -> str:
        """The entries as JSON lines."""
        return "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in self.entries)


def from_entries(level: str, entries: tuple[Mapping[str, Any], ...]) -> Report:
    """The report that a supervisor's `entries` amount to; without an exit line it was lost."""
    last: Mapping[str, Any] = entries[-1] if entries else {}
    if last.get("kind") != "exit":
        lost = {"kind": "refused", "reason": "the supervisor of the run was lost"}
        entries = (*entries, lost)
        last = {"status": REFUSED_STATUS}
    by_kind = {entry["kind"]: entry for entry in entries}
    return Report(
        status=last["status"],
        level=level,
        limit=by_kind.get("limit", {}).get("limit", ""),
        refused=by_kind.get("refused", {}).get("reason", ""),
        entries=entries,
    )
