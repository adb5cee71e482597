"""A new workspace: what `lotabots init` writes, the smallest one that runs or the whole fleet.

Its own files are the templates beside this module, each with `SUFFIX` behind its name so that no
tool takes it for a file of this project.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.files.workspace import WorkspaceError, read_workspace
from lotabots.service.carried import fleet_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIX: Final = ".in"
IGNORED: Final = ".gitignore"
STATE: Final = ".lotabots"
PROGRAMS: Final = "bots"
OPTIONAL: Final = frozenset({IGNORED, "README.md"})
"""What a repository may have already and keeps as it is."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
_WITH_FLEET: Final = Path(__file__).parent / "with_fleet"


class Plan(NamedTuple):
    """What would be written below `root`, by path; what stays, and what is in the way."""

    root: Path
    files: Mapping[str, bytes]
    kept: tuple[str, ...]
    in_the_way: tuple[str, ...]


def plan(root: Path, *, with_fleet: bool = False) -> Plan:
    """What a new workspace in `root`, which need not exist, takes.

    Raises:
        WorkspaceError: `root` is no folder, or what it holds cannot be read; or there is no fleet.
    """
    templates = beginning_with_fleet() if with_fleet else beginning()
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root}: not a folder; name another one")
    kept = tuple(name for name in sorted(OPTIONAL) if os.path.lexists(root / name))
    files = {name: data for name, data in templates.items() if name not in kept}
    obstacles = tuple(sorted(set(_in_the_way(root, files)))) if root.exists() else ()
    return Plan(root, files, kept, obstacles)


def beginning() -> dict[str, bytes]:
    """The files of the smallest workspace by path, sorted."""
    return _filled(_TEMPLATES)


def beginning_with_fleet() -> dict[str, bytes]:
    """The files of a workspace with the fleet that LotaBots comes with, by path, sorted.

    Raises:
        WorkspaceError: this installation has none.
    """
    own = {IGNORED: beginning()[IGNORED]} | _filled(_WITH_FLEET)
    return dict(sorted((own | fleet_files()).items()))


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


def _filled(templates: Path) -> dict[str, bytes]:
    found = {path.relative_to(templates): path for path in templates.rglob(f"*{SUFFIX}")}
    named = {name.as_posix().removesuffix(SUFFIX): path for name, path in found.items()}
    return {name: named[name].read_bytes() for name in sorted(named)}


def _in_the_way(root: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """What would be overwritten, and what would be taken for a part of the workspace."""
    for name in files:
        folders = [folder for folder in map(str, Path(name).parents) if folder != "."]
        blocked = [f for f in folders if os.path.lexists(root / f) and not (root / f).is_dir()]
        yield from blocked
        if not blocked and os.path.lexists(root / name):
            yield name
    split = [Path(name).parts for name in files]
    for bot in {parts[1] for parts in split if parts[0] == PROGRAMS}:
        if (root / PROGRAMS / bot).is_dir():
            yield from (f"{PROGRAMS}/{bot}/{it.name}" for it in (root / PROGRAMS / bot).iterdir())
    yield from read_workspace(root)
