"""Find a workspace on disk, load it, check it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lotabots.adapters.files.workspace import WorkspaceError, read_workspace
from lotabots.checks.run import run
from lotabots.model.layout import is_test_file
from lotabots.model.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.model.trial import TrialFile
    from lotabots.policy.checked import CheckedFleet


class NoWorkspaceError(WorkspaceError):
    """No folder was named, and none around is a workspace. What to do, the caller knows."""


class Workspace(NamedTuple):
    """A workspace that was read and checked; `files` maps its paths to their bytes."""

    root: Path
    files: Mapping[str, bytes]
    checked: CheckedFleet
    trials: tuple[TrialFile, ...] = ()


def open_workspace(path: Path | None = None, *, tests: bool = False) -> Workspace:
    """Read and check the workspace at `path`, or the one around the current directory.

    With `tests`, its policy tests too. Without, a mistake in one keeps nothing from running.

    Raises:
        WorkspaceError: there is none, or it cannot be read; the message says the cure.
    """
    root = find_root(path)
    files = read_workspace(root)
    known = files if tests else {p: data for p, data in files.items() if not is_test_file(p)}
    loaded = load(known)
    return Workspace(root, files, run(loaded), loaded.trials)


def find_root(path: Path | None) -> Path:
    """The folder that holds ``rules/``.

    `path` itself, its parent if `path` is the ``rules`` folder, or without a path the nearest one
    above the current directory.

    Raises:
        NoWorkspaceError: no such folder, and no `path`.
        WorkspaceError: `path` is none.
    """
    if path is not None:
        given = path.resolve()
        for candidate in (given, given.parent):
            if (candidate / "rules").is_dir() and (candidate == given or given.name == "rules"):
                return candidate
        from shlex import quote  # noqa: PLC0415 - only on the way out

        raise WorkspaceError(
            f"{path} is not a workspace: it has no folder `rules`; "
            f"give the folder that holds `rules`, or make one: `lotabots init {quote(str(path))}`"
        )
    here = Path.cwd()
    for candidate in (here, *here.parents):
        if (candidate / "rules").is_dir():
            return candidate
    raise NoWorkspaceError(
        "no workspace here: neither this folder nor one above it has a folder `rules`"
    )
