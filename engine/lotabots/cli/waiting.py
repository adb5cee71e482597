"""What waits at a gate, in words, and what to type to approve it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from shlex import join
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def gate_line(row: dict[str, Any]) -> str:
    """The gate of a row, and what it is for."""
    name: str = row["gate"].removeprefix("gate.")
    return f"{name}: {row['doc']}" if row["doc"] else name


def key_lines(row: dict[str, Any]) -> Iterator[str]:
    """A key that waits: its values, what came, what is missing, and what to type, if anything."""
    yield ", ".join(f"{path.removeprefix('payload.')} {said(v)}" for path, v in row["key"].items())
    came, missing = ", ".join(one["part"] for one in row["has"]), ", ".join(row["missing"])
    yield f"  has {came} since {moment(row['since'])}"
    yield f"  waits for {missing} until {moment(row['until'])}"
    if row["approval"] is not None:
        yield f"  to approve: {approve_command(row)}"


def approve_command(row: dict[str, Any]) -> str:
    """What to type to approve a row; no value of an event is taken for an option."""
    end = ["--"] if any(word.startswith("-") for word in row["name"]) else []
    return join(["lotabots", "approve", *end, *row["name"]])


def moment(text: str) -> str:
    """A time of the service, in seconds.

    >>> moment("2026-03-01T12:00:00.25+00:00")
    '2026-03-01 12:00:00Z'
    """
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def said(value: object) -> str:
    """A value of a key as people write it."""
    return value if isinstance(value, str) else json.dumps(value)
