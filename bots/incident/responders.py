"""``responders.toml``: which teams are asked about an incident, one level after the other.

Written by people, read-only for the bot. Read strictly: a policy with a mistake asks nobody, and
the job fails, rather than asking the wrong ones.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import NothingError

if TYPE_CHECKING:
    from pathlib import Path

    from store import Incident

FILE = "responders.toml"
MAX_TEAMS, MAX_LEVELS, MAX_NAME = 10, 10, 128
_CONDITIONS = ("services", "environments", "severities")

Levels = tuple[tuple[str, ...], ...]


class Route(NamedTuple):
    """`levels` are for incidents that fit a pattern of each condition; no pattern fits all."""

    conditions: tuple[tuple[str, ...], ...]
    levels: Levels


class Policy(NamedTuple):
    """All routes, and the levels of what has none."""

    routes: tuple[Route, ...]
    otherwise: Levels

    def teams(self, incident: Incident) -> tuple[str, ...]:
        """The teams of an incident's level. Beyond the last level, the last is asked again."""
        facts = (incident.service, incident.environment, incident.severity)
        fit = (one.levels for one in self.routes if _fits(one.conditions, facts))
        levels = next(fit, self.otherwise)
        return levels[min(incident.level, len(levels) - 1)]


def read(folder: Path) -> Policy:
    """The policy in `folder`.

    Raises:
        NothingError: it cannot be read or has a mistake.
    """
    try:
        document = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NothingError(f"{FILE}: {error}") from None
    _known(document, "the policy", needed=("version", "otherwise"), more=("routes",))
    if document["version"] != 1:
        raise NothingError(f"{FILE}: this IncidentBot reads policies of version 1")
    routes = document.get("routes", [])
    if not isinstance(routes, list):
        raise NothingError(f"{FILE}: `routes` is no list of tables")
    return Policy(tuple(map(_route, routes)), _levels(document["otherwise"], "`otherwise`"))


def _fits(conditions: tuple[tuple[str, ...], ...], facts: tuple[str, ...]) -> bool:
    return all(
        not patterns or any(fnmatchcase(fact, one) for one in patterns)
        for patterns, fact in zip(conditions, facts, strict=True)
    )


def _route(found: object) -> Route:
    route = _known(found, "a route", needed=("levels",), more=_CONDITIONS)
    conditions = tuple(_names(route.get(one, []), f"`{one}`") for one in _CONDITIONS)
    return Route(conditions, _levels(route["levels"], "`levels`"))


def _levels(found: object, what: str) -> Levels:
    if not isinstance(found, list) or not 0 < len(found) <= MAX_LEVELS:
        raise NothingError(f"{FILE}: {what} is a list of 1 to {MAX_LEVELS} lists of teams")
    levels = tuple(_names(one, what) for one in found)
    if not all(levels):
        raise NothingError(f"{FILE}: {what} has a level without a team")
    return levels


def _names(found: object, what: str) -> tuple[str, ...]:
    fits = isinstance(found, list) and len(found) <= MAX_TEAMS
    names = [one for one in found if _is_name(one)] if fits and isinstance(found, list) else []
    if not fits or not isinstance(found, list) or len(names) != len(found):
        raise NothingError(f"{FILE}: {what} has at most {MAX_TEAMS} names of 1 to {MAX_NAME} signs")
    return tuple(dict.fromkeys(names))


def _is_name(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= MAX_NAME and found.isprintable()


def _known(
    found: Any,  # noqa: ANN401 - TOML
    what: str,
    *,
    needed: tuple[str, ...],
    more: tuple[str, ...],
) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise NothingError(f"{FILE}: {what} is no table")
    lacking = [one for one in needed if one not in found]
    strange = [one for one in found if one not in (*needed, *more)]
    if lacking or strange:
        said = f"lacks `{lacking[0]}`" if lacking else f"has an unknown key `{strange[0]}`"
        raise NothingError(f"{FILE}: {what} {said}")
    return found
