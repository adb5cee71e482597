"""How much of the code the tests reached, from coverage.py's report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_BYTES = 16 * 2**20


class Coverage(NamedTuple):
    """`numbers` are shares between 0 and 1; `report` is the report as JSON, if there is one."""

    numbers: dict[str, float]
    report: bytes


NONE = Coverage({"line": 0.0}, b"")


def measurable(files: Iterable[str]) -> list[str]:
    """The files of a wheel whose lines can be counted."""
    return sorted(
        name
        for name in files
        if name.endswith(".py")
        and not name.partition("/")[0].endswith((".data", ".dist-info"))
        and "\n" not in name
    )


def read(path: Path) -> Coverage:
    """What the report at `path` says.

    Raises:
        UnfitError: it is no such report.
    """
    if path.stat().st_size > MAX_BYTES:
        raise UnfitError("the coverage report is too large")
    report = path.read_bytes()
    try:
        totals: dict[str, Any] = json.loads(report)["totals"]
        numbers = {"line": _share(totals["covered_lines"], totals["num_statements"])}
        if totals["num_branches"]:
            numbers["branch"] = _share(totals["covered_branches"], totals["num_branches"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnfitError(f"the coverage report cannot be read: {error}") from error
    return Coverage(numbers, report)


def _share(part: int, whole: int) -> float:
    return round(min(1.0, max(0.0, int(part) / int(whole))), 4) if whole else 0.0
