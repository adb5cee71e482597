"""Reads the rule files of a workspace.

Only what may be a rule file is opened: ``rules/**`` and ``graphs/*``, with a YAML name. Nothing
outside the workspace is read, whatever its links say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.model.layout import is_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_FILES: Final = 20_000
MAX_FILE_BYTES: Final = 4 * 2**20
MAX_TOTAL_BYTES: Final = 256 * 2**20
DEEPEST: Final = 8
"""Folders below ``rules/``: more are a loop or a mistake."""


class WorkspaceError(Exception):
    """A workspace that cannot be read; the message names the path, the fault and the cure."""


def read_workspace(root: Path) -> Mapping[str, bytes]:
    """The rule files below `root`, by path relative to it, sorted.

    Raises:
        WorkspaceError: `root` is no folder, or a file is unreadable, too large, or lies outside.
    """
    if not root.is_dir():
        message = "no such folder" if not root.exists() else "not a folder"
        raise _refusal(root, message, "name a workspace, or make one: `lotabots init`")
    true_root = _resolved(root)
    files: dict[str, bytes] = {}
    total = 0
    found = [*_below(root / "rules", DEEPEST, true_root), *_direct(root / "graphs", true_root)]
    for path in sorted(found):
        relative = path.relative_to(root).as_posix()
        if not is_yaml(relative):
            continue
        files[relative] = _content(path, true_root)
        total += len(files[relative])
        _refuse_too_much(root, len(files), total)
    return files


def _below(folder: Path, levels: int, true_root: Path) -> Iterator[Path]:
    if levels < 0:
        raise _refusal(folder, "too many folders inside one another", "flatten them")
    for path in _entries(folder, true_root):
        if path.is_dir():
            yield from _below(path, levels - 1, true_root)
        else:
            yield path


def _direct(folder: Path, true_root: Path) -> Iterator[Path]:
    return (path for path in _entries(folder, true_root) if not path.is_dir())


def _entries(folder: Path, true_root: Path) -> list[Path]:
    _refuse_outside(folder, true_root)
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _refusal(folder, _reason(error), "make the folder readable") from error


def _content(path: Path, true_root: Path) -> bytes:
    _refuse_outside(path, true_root)
    if not path.is_file():
        cure = "remove it; rule files are ordinary files"
        raise _refusal(path, "not an ordinary file", cure)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _refusal(path, _reason(error), "make the file readable") from error
    if len(data) > MAX_FILE_BYTES:
        limit = f"larger than {MAX_FILE_BYTES // 2**20} MiB"
        raise _refusal(path, limit, "split the file, or move it out of the rules")
    return data


def _refuse_outside(path: Path, true_root: Path) -> None:
    if path.is_symlink() and not _resolved(path).is_relative_to(true_root):
        cure = "copy the file into the workspace"
        raise _refusal(path, "a link that leads out of the workspace", cure)


def _refuse_too_much(root: Path, count: int, total: int) -> None:
    if count > MAX_FILES or total > MAX_TOTAL_BYTES:
        limit = f"more than {MAX_FILES} rule files or {MAX_TOTAL_BYTES // 2**20} MiB of them"
        raise _refusal(root, limit, "split the fleet into several workspaces")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        cure = "remove the link, or let it lead to a file"
        raise _refusal(path, _reason(error), cure) from error


def _refusal(path: Path, message: str, cure: str) -> WorkspaceError:
    return WorkspaceError(f"{path}: {message}; {cure}")


def _reason(error: OSError | RuntimeError) -> str:
    """What the system says, in our words' shape, without a number or a second path."""
    text = error.strerror if isinstance(error, OSError) else None
    return (text or "a link that leads to itself").lower()
