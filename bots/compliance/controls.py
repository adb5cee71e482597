"""Controls and the policy: what has to hold, and what people except from it until when.

The controls that ship are in `controls.toml`, in this folder. `policy.toml` is the operator's,
read-only for the bot. Both are read strictly: with a mistake in one nothing is checked.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from failure import NothingError

FILE = "policy.toml"
OWN = Path(__file__).with_name("controls.toml")
SEVERITIES = ("low", "medium", "high", "critical")
NAME = "LotaBots baseline"
MAX_NAME = 128
LONGEST = timedelta(days=366)
"""An exception that never ends is a control that nobody has."""

PARAMETERS: dict[str, tuple[Any, ...]] = {
    "window_days": (30,),
    "advisory_days": (14,),
    "backup_hours": (26,),
    "backup_targets": (),
}
"""What queries may ask for. Days and hours are numbers, targets are names."""


class Control(NamedTuple):
    """Something that has to hold; `subjects` and `violations` are queries (see controls.toml)."""

    id: str
    title: str
    severity: str
    frameworks: tuple[str, ...]
    subjects: str
    violations: str


class Exempt(NamedTuple):
    """A person's word that violations of a control by some resources are known, until a day."""

    control: str
    resource: str
    until: date
    reason: str

    def covers(self, control: str, resource: str, today: date) -> bool:
        """Whether it covers a violation today; its last day is a part of it."""
        fits = self.control == control and fnmatchcase(resource, self.resource)
        return fits and today <= self.until


class Policy(NamedTuple):
    """What is checked, and how. `audit_key` is empty where the log's own key must do."""

    name: str
    audit_key: str
    controls: tuple[Control, ...]
    parameters: dict[str, tuple[Any, ...]]
    exceptions: tuple[Exempt, ...]


def read(folder: Path, today: date) -> Policy:
    """The policy in `folder`, with the controls that ship and its own.

    Raises:
        NothingError: it cannot be read or has a mistake.
    """
    said = _document(folder / FILE)
    more = ("name", "audit_key", "parameters", "exceptions", "controls")
    _known(said, FILE, needed=("version",), more=more)
    if said["version"] != 1:
        raise NothingError(f"{FILE}: this ComplianceBot reads policies of version 1")
    controls = (*_controls(_document(OWN), OWN.name), *_controls(said, FILE))
    names = [one.id for one in controls]
    twice = [one for one in names if names.count(one) > 1]
    if twice:
        raise NothingError(f"{FILE}: there are two controls `{twice[0]}`")
    exceptions = tuple(map(_exempt, _tables(said, "exceptions", FILE)))
    strange = [one.control for one in exceptions if one.control not in names]
    if strange:
        raise NothingError(f"{FILE}: an exception is from `{strange[0]}`, which is no control")
    if any(one.until - today > LONGEST for one in exceptions):
        raise NothingError(f"{FILE}: an exception lasts longer than a year from now; renew it then")
    return Policy(
        _text(said.get("name", NAME), "`name`", FILE),
        _text(said["audit_key"], "`audit_key`", FILE) if "audit_key" in said else "",
        controls,
        _parameters(said.get("parameters", {})),
        exceptions,
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NothingError(f"{path.name}: {error}") from None


def _controls(said: dict[str, Any], where: str) -> tuple[Control, ...]:
    return tuple(_control(one, where) for one in _tables(said, "controls", where))


def _control(found: dict[str, Any], where: str) -> Control:
    _known(found, f"{where}: a control", needed=Control._fields, more=())
    name = _text(found["id"], "`id`", where)
    if found["severity"] not in SEVERITIES:
        raise NothingError(f"{where}: `{name}`: `severity` is one of {', '.join(SEVERITIES)}")
    frameworks = found["frameworks"]
    if not isinstance(frameworks, list) or not frameworks:
        raise NothingError(f"{where}: `{name}`: `frameworks` is a list of references")
    if not all(isinstance(found[one], str) for one in ("title", "subjects", "violations")):
        raise NothingError(f"{where}: `{name}`: title and queries are text")
    return Control(
        name,
        found["title"],
        found["severity"],
        tuple(_text(one, f"`{name}`: a reference", where) for one in frameworks),
        found["subjects"],
        found["violations"],
    )


def _exempt(found: dict[str, Any]) -> Exempt:
    _known(found, f"{FILE}: an exception", needed=Exempt._fields, more=())
    until, reason = found["until"], found["reason"]
    if not isinstance(until, date) or isinstance(until, datetime):
        raise NothingError(f"{FILE}: `until` of an exception is a day, such as 2027-01-31")
    if not isinstance(reason, str) or not reason.strip():
        raise NothingError(f"{FILE}: an exception has no reason")
    names = (_text(found[one], f"`{one}`", FILE) for one in ("control", "resource"))
    control, resource = names
    return Exempt(control, resource, until, reason)


def _parameters(found: object) -> dict[str, tuple[Any, ...]]:
    said = _known(found, f"{FILE}: `parameters`", needed=(), more=tuple(PARAMETERS))
    known = dict(PARAMETERS)
    for name, value in said.items():
        if name == "backup_targets":
            targets = value if isinstance(value, list) else [None]
            known[name] = tuple(_text(one, f"`{name}`", FILE) for one in targets)
        elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
            known[name] = (value,)
        else:
            raise NothingError(f"{FILE}: `{name}` is a whole number above 0")
    return known


def _tables(said: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    found = said.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NothingError(f"{where}: `{name}` is a list of tables")
    return found


def _text(found: object, what: str, where: str) -> str:
    fits = isinstance(found, str) and 0 < len(found) <= MAX_NAME and found.isprintable()
    if not fits or not isinstance(found, str):
        raise NothingError(f"{where}: {what} is a text of 1 to {MAX_NAME} signs")
    return found


def _known(
    found: Any,  # noqa: ANN401 - TOML
    what: str,
    *,
    needed: tuple[str, ...],
    more: tuple[str, ...],
) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise NothingError(f"{what} is no table")
    lacking = [one for one in needed if one not in found]
    strange = [one for one in found if one not in (*needed, *more)]
    if lacking or strange:
        said = f"lacks `{lacking[0]}`" if lacking else f"has an unknown key `{strange[0]}`"
        raise NothingError(f"{what} {said}")
    return found
