"""Reads the rule files of a workspace.

Only what may be a rule file is opened: YAML names below ``rules/`` and in ``graphs/``. Nothing
outside the workspace is read, whatever its links say.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.model.layout import is_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FILES: Final = 20_000
MAX_FILE_BYTES: Final = 4 * 2**20
MAX_TOTAL_BYTES: Final = 256 * 2**20
CHUNK: Final = 2**16
DEEPEST: Final = 8
"""Folders inside one another below ``rules/``: more are a loop or a mistake."""


class WorkspaceError(Exception):
    """A workspace that cannot be read; the message names the path, the fault and the cure."""


def read_workspace(root: Path) -> Mapping[str, bytes]:
    """The rule files below `root`, by path relative to it, sorted.

    Raises:
        WorkspaceError: `root` is no folder, or a file is unreadable, too large, or lies outside.
    """
    if not root.is_dir():
        message = "not a folder" if root.exists() else "no such folder"
        raise _refusal(root, message, "name a workspace, or make one: `lotabots init`")
    try:
        return _read(root)
    except OSError as error:
        at = error.filename or root
        raise _refusal(at, (error.strerror or "unreadable").lower(), "make it readable") from error


def _read(root: Path) -> dict[str, bytes]:
    # `os.scandir` tells links and folders apart without a further call per file.
    true_root = root.resolve(strict=True)
    files: dict[str, bytes] = {}
    total = 0
    for folder, levels in (("rules", DEEPEST), ("graphs", 0)):
        _refuse_outside(root / folder, true_root)
        for name, entry in _below(os.fspath(root / folder), f"{folder}/", levels, true_root):
            files[name] = _content(entry)
            total += len(files[name])
            _refuse_too_much(root, len(files), total)
    return {name: files[name] for name in sorted(files)}


def _below(
    folder: str, prefix: str, levels: int, true_root: Path
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_symlink():
            _refuse_outside(Path(entry.path), true_root)
        if not entry.is_dir():
            if is_yaml(entry.name):
                yield prefix + entry.name, entry
        elif prefix.startswith("rules/"):
            if not levels:
                raise _refusal(entry.path, "too many folders inside one another", "flatten them")
            yield from _below(entry.path, f"{prefix}{entry.name}/", levels - 1, true_root)


def _content(entry: os.DirEntry[str]) -> bytes:
    if not entry.is_file():
        raise _refusal(entry.path, "not an ordinary file", "remove it; rule files are files")
    # A file object, and a buffer of the largest size allowed, cost more than the reading.
    file = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
    parts: list[bytes] = []
    size = 0
    try:
        while part := os.read(file, CHUNK):
            parts.append(part)
            size += len(part)
            if size > MAX_FILE_BYTES:
                limit = f"larger than {MAX_FILE_BYTES // 2**20} MiB"
                raise _refusal(entry.path, limit, "split the file, or move it out of the rules")
    finally:
        os.close(file)
    return b"".join(parts)


def _refuse_outside(path: Path, true_root: Path) -> None:
    if not path.is_symlink():
        return
    try:
        inside = path.resolve(strict=True).is_relative_to(true_root)
    except (OSError, RuntimeError) as error:  # a loop is the one or the other, by Python's version
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        cure = "remove the link, or let it lead to a file"
        raise _refusal(path, "a link that leads nowhere", cure) from error
    if not inside:
        cure = "copy into the workspace what it leads to"
        raise _refusal(path, "a link that leads out of the workspace", cure)


def _refuse_too_much(root: Path, count: int, total: int) -> None:
    if count > MAX_FILES or total > MAX_TOTAL_BYTES:
        limit = f"more than {MAX_FILES} rule files or {MAX_TOTAL_BYTES // 2**20} MiB of them"
        raise _refusal(root, limit, "split the fleet into several workspaces")


def _refusal(path: Path | str, message: str, cure: str) -> WorkspaceError:
    return WorkspaceError(f"{path}: {message}; {cure}")
