"""The fleet that LotaBots comes with: what `lotabots init --with-fleet` writes.

A wheel has it as data beside the code (``[tool.hatch.build.targets.wheel]`` in pyproject.toml
selects the same files); of an installation in place it is the repository itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Final

from lotabots.adapters.files.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDERS: Final = ("bots", "graphs", "requirements", "rules", "schemas")
LOCK: Final = "requirements/runtime.txt"
"""Comes along for `lotabots doctor`, and is no part of a workspace."""

TOOLBOX: Final = "toolbox-"
"""What else is in ``requirements`` locks packages of this project."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_NOT_CARRIED: Final = ("__pycache__", "ruff.toml")
"""Made here, or only good here: how a bot is linted extends the file of this repository."""

_LINK: Final = re.compile(r"\[([^]\n]*)\]\((?![a-z]+:)([^)#\s]*)(?:#[^)\s]*)?\)")


def fleet_files() -> dict[str, bytes]:
    """The files of the fleet by their paths in a workspace, sorted.

    Pages lose the links to what is not among these files, and keep their words.

    Raises:
        WorkspaceError: this installation came without a fleet.
    """
    root = _root()
    found = {path.relative_to(root).as_posix(): path for path in _below(root)}
    files = {name: found[name].read_bytes() for name in sorted(found)}
    return {name: _whole(name, data, files) for name, data in files.items()}


def runtime_lock() -> str:
    """What locks the packages that LotaBots runs with; empty if it did not come along."""
    try:
        return (_root() / LOCK).read_text(encoding="utf-8")
    except (OSError, WorkspaceError):
        return ""


def _root() -> Path:
    in_wheel, in_repository = _PACKAGE / "fleet", _PACKAGE.parents[1]
    for root in (in_wheel, in_repository):
        if all((root / folder).is_dir() for folder in FOLDERS):
            return root
    raise WorkspaceError("this installation of LotaBots has no fleet; install its wheel again")


def _below(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part in _NOT_CARRIED for part in parts)
            foreign = folder == "requirements" and not path.name.startswith(TOOLBOX)
            if path.is_file() and not hidden and not foreign:
                yield path


def _whole(name: str, data: bytes, files: Mapping[str, bytes]) -> bytes:
    if not name.endswith(".md"):
        return data
    folder = dirname(name)

    def linked(match: re.Match[str]) -> str:
        words, target = match.groups()
        there = not target or normpath(join(folder, target)) in files
        return match[0] if there else words

    return _LINK.sub(linked, data.decode()).encode()
