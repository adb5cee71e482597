"""The smallest workspace that runs: what `lotabots init` writes.

Its files are the templates beside this module, each with `SUFFIX` behind its name so that no tool
takes it for a file of this project.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.files.workspace import WorkspaceError, read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIX: Final = ".in"
IGNORED: Final = ".gitignore"
STATE: Final = ".lotabots"
PROGRAM: Final = "bots/hello"
OPTIONAL: Final = frozenset({IGNORED, "README.md"})
"""What a repository may have already and keeps as it is."""

_TEMPLATES: Final = Path(__file__).parent / "templates"


class Plan(NamedTuple):
    """What would be written below `root`, by path; what stays, and what is in the way."""

    root: Path
    files: Mapping[str, bytes]
    kept: tuple[str, ...]
    in_the_way: tuple[str, ...]


def plan(root: Path) -> Plan:
    """What a new workspace in `root`, which need not exist, takes.

    Raises:
        WorkspaceError: `root` is no folder, or what it holds cannot be read.
    """
    templates = beginning()
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root}: not a folder; name another one")
    kept = tuple(name for name in sorted(OPTIONAL) if os.path.lexists(root / name))
    files = {name: data for name, data in templates.items() if name not in kept}
    obstacles = tuple(sorted(set(_in_the_way(root, files)))) if root.exists() else ()
    return Plan(root, files, kept, obstacles)


def beginning() -> dict[str, bytes]:
    """The files of a new workspace by path, sorted."""
    found = {path.relative_to(_TEMPLATES): path for path in _TEMPLATES.rglob(f"*{SUFFIX}")}
    named = {name.as_posix().removesuffix(SUFFIX): path for name, path in found.items()}
    return {name: named[name].read_bytes() for name in sorted(named)}


def write(planned: Plan) -> None:
    """Write what is planned, or nothing: never over a file, not even one that came just now.

    Raises:
        OSError: a file is there or cannot be written; those written before are removed again.
    """
    written: list[Path] = []
    try:
        for name, data in planned.files.items():
            path = planned.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(data)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def ignores_state(root: Path) -> bool:
    """Whether the ``.gitignore`` of `root` has a line for what a service keeps."""
    try:
        lines = (root / IGNORED).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().strip("/") == STATE for line in lines)


def _in_the_way(root: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """What would be overwritten, and what would be taken for a part of the workspace."""
    for name in files:
        folders = [folder for folder in map(str, Path(name).parents) if folder != "."]
        blocked = [f for f in folders if os.path.lexists(root / f) and not (root / f).is_dir()]
        yield from blocked
        if not blocked and os.path.lexists(root / name):
            yield name
    if (root / PROGRAM).is_dir():
        yield from (f"{PROGRAM}/{entry.name}" for entry in (root / PROGRAM).iterdir())
    yield from read_workspace(root)
