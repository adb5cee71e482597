"""The scaling policy: how fast to grow, how slow to give back, for how long."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = {
    "tolerance": (0.0, 0.5),
    "window_s": (60, 86_400),
    "lease_s": (300, 86_400),
    "grow_factor": (1.0, 10.0),
    "grow_least": (1, 100),
    "forecast_hours": (1, 168),
    "keep_days": (8, 400),
}
"""Each number of the file, from where to where."""


class Policy(NamedTuple):
    """The numbers of ``policy.toml``, where they are explained."""

    tolerance: float
    window_s: int
    lease_s: int
    grow_factor: float
    grow_least: int
    forecast_hours: int
    keep_days: int


def read(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        UnfitError: something is missing, unknown, or out of its limits.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnfitError(f"`{path.name}` cannot be read: {error}") from None
    if found.pop("version", None) != 1:
        raise UnfitError(f"`{path.name}` must say `version = 1`")
    if odd := sorted(found.keys() ^ LIMITS.keys()):
        raise UnfitError(f"`{path.name}`: missing or unknown: {', '.join(odd)}")
    for name, (least, most) in LIMITS.items():
        value = found[name]
        kinds = (int,) if isinstance(least, int) else (int, float)
        if type(value) not in kinds or not least <= value <= most:
            raise UnfitError(f"`{path.name}`: `{name}` must be from {least} to {most}")
    return Policy(**found)
