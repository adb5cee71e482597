"""Dependencies that came, and lock files that were not made anew."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from comment import Spot, comment, names, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from change import Changed
    from comment import Comment
    from project import Tree

LOCKS = {
    "pyproject.toml": ("uv.lock", "poetry.lock", "pdm.lock"),
    "Pipfile": ("Pipfile.lock",),
    "Cargo.toml": ("Cargo.lock",),
    "package.json": ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REQUIREMENTS = re.compile(
    r"(?:.*/)?(?:[\w.-]*requirements[\w.-]*|requirements/[\w.-]+)\.(?:txt|in)"
)
HASHED = b"--hash="
TABLES = {
    "Pipfile": ("packages", "dev-packages"),
    "Cargo.toml": ("dependencies", "dev-dependencies", "build-dependencies"),
    "package.json": (
        "dependencies",
        "devDependencies",
        "peerDependencies",
        "optionalDependencies",
    ),
}


class Declared(NamedTuple):
    """A dependency by its usual name, and what is asked of it."""

    name: str
    wanted: str


def found(changes: list[Changed], after: Tree) -> list[Comment]:
    """All about the dependencies of a change."""
    touched = {one.path for one in changes}
    comments = []
    for one in changes:
        old = declared(one.path, one.before or b"")
        new = declared(one.path, one.after or b"")
        if old is not None and new is not None and one.after is not None:
            comments += [*_added(one, old, new)]
            if old != new:
                comments += _unlocked(one, after, touched)
    return comments


def declared(path: str, data: bytes) -> frozenset[Declared] | None:
    """What a file asks for; None if it is not a file that asks, or cannot be read."""
    name = path.rpartition("/")[2]
    try:
        if REQUIREMENTS.fullmatch(path):
            return None if HASHED in data else frozenset(_listed(data.decode().splitlines()))
        if name not in LOCKS:
            return None
        text = data.decode()
        document = json.loads(text or "{}") if name.endswith(".json") else tomllib.loads(text)
        if not isinstance(document, dict):
            return None
        return frozenset(
            _project(document) if name == "pyproject.toml" else _tables(name, document)
        )
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None


def _listed(lines: list[Any]) -> Iterator[Declared]:
    for line in lines:
        wanted = str(line).partition(" #")[0].strip() if isinstance(line, str) else ""
        match = NAME.match(wanted)
        if match:
            yield Declared(_usual(match[0]), wanted)


def _project(document: dict[str, Any]) -> Iterator[Declared]:
    about = document.get("project", {})
    groups = {**about.get("optional-dependencies", {}), **document.get("dependency-groups", {})}
    yield from _listed(about.get("dependencies", []))
    yield from _listed(document.get("build-system", {}).get("requires", []))
    for listed in groups.values():
        yield from _listed(listed)
    tools = document.get("tool", {})
    for listed in tools.get("pdm", {}).get("dev-dependencies", {}).values():
        yield from _listed(listed)
    yield from _listed(tools.get("uv", {}).get("dev-dependencies", []))
    poetry = tools.get("poetry", {})
    yield from _table(poetry.get("dependencies", {}))
    for group in poetry.get("group", {}).values():
        yield from _table(group.get("dependencies", {}))


def _tables(name: str, document: dict[str, Any]) -> Iterator[Declared]:
    for table in TABLES[name]:
        yield from _table(document.get(table, {}))


def _table(table: dict[str, Any]) -> Iterator[Declared]:
    for name, wanted in table.items():
        if name != "python":
            yield Declared(_usual(name), json.dumps(wanted, sort_keys=True, default=str))


def _usual(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _added(
    changed: Changed, old: frozenset[Declared], new: frozenset[Declared]
) -> Iterator[Comment]:
    fresh = sorted({one.name for one in new} - {one.name for one in old})
    if changed.old is not None and fresh:
        yield comment(
            "dependency-added",
            "low",
            _spot(changed, fresh[0]),
            f"New dependencies: {names(fresh)}",
            "Say in the change what they are for, and who looks after them",
        )


def _spot(changed: Changed, name: str) -> Spot:
    """The first line that came and names the dependency; else the file."""
    form = re.compile(re.escape(name).replace(r"\-", "[-_.]").encode(), re.IGNORECASE)
    for number, line in enumerate((changed.after or b"").split(b"\n"), 1):
        if changed.touches(number, number) and form.search(line):
            return Spot(changed.path, number, number, line.decode(errors="replace").strip())
    return whole(changed.path, text=name)


def _unlocked(changed: Changed, after: Tree, touched: set[str]) -> Iterator[Comment]:
    folder, slash, name = changed.path.rpartition("/")
    locks = LOCKS.get(name, (f"{name.removesuffix('.in')}.txt",) if name.endswith(".in") else ())
    for lock in locks:
        path = f"{folder}{slash}{lock}"
        if path in after.entries and path not in touched:
            said = f"The dependencies changed, and `{path}` was not made anew"
            spot = whole(changed.path, text=path)
            yield comment("lock-out-of-step", "medium", spot, said, "Lock the dependencies again")
