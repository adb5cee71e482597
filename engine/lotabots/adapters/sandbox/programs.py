"""Which program a run starts, and what the kernel must load for it.

A dynamic program names its loader; the kernel executes both. Loaders of granted programs may
therefore be executed too, and must lie under a grant.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox.mounts import Link, follow, nearest, within
from lotabots.adapters.sandbox.report import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lotabots.adapters.sandbox.mounts import Plan
    from lotabots.policy.project_kernel import KernelPolicy

_COMMON_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1")
_PT_INTERP: Final = 3
_HEADER: Final = 64
_ENTRY: Final = 56
_MAX_ENTRIES: Final = 64
_MAX_NAME: Final = 4096


class Programs(NamedTuple):
    """`executable` real paths (programs, folders of programs, loaders); `links` to the loaders."""

    path: str
    executable: tuple[str, ...]
    links: tuple[Link, ...]


def choose(command: str, policy: KernelPolicy, plan: Plan) -> Programs:
    """The granted program that `command` names: a path, or the name of a granted file.

    Raises:
        RefusedError: no exec grant covers it, or its loader is not visible inside.
    """
    path = command if "/" in command else _named(command, policy.exec)
    if not path.startswith("/"):
        raise RefusedError(f"program `{command}` is neither an absolute path nor a plain name")
    real, links = follow(path)
    if not any(within(real, granted) for granted in plan.programs):
        raise RefusedError(f"program `{command}` is not granted: add it to `exec`")
    if not os.access(real, os.X_OK) or not os.path.isfile(real):  # noqa: PTH113 - text path
        raise RefusedError(f"program `{command}` is not executable")
    needed, optional = _loaders(real, plan)
    loaders: list[str] = []
    for loader in (*needed, *optional):
        target, on_the_way = follow(loader)
        if nearest(target, plan.binds) is None:
            raise RefusedError(f"`{loader}`, the loader of `{real}`, lies under no `runtime` grant")
        loaders.append(target)
        links += on_the_way
    free = tuple(link for link in dict.fromkeys(links) if nearest(link.path, plan.binds) is None)
    return Programs(path, tuple(sorted({*plan.programs, *loaders})), free)


def _named(name: str, granted: Sequence[str]) -> str:
    for path in granted:
        if PurePosixPath(path).name == name:
            return path
        if os.access(f"{path}/{name}", os.X_OK):
            return f"{path}/{name}"
    raise RefusedError(f"program `{name}` is not granted: add it to `exec`")


def _loaders(real: str, plan: Plan) -> tuple[set[str], set[str]]:
    """Loaders that must be there (of the program), and those that others may need."""
    needed = set(_interpreter(real))
    visible = {path for path in _COMMON_LOADERS if _visible(path, plan)}
    for granted in plan.programs:
        visible.update(path for path in _interpreter(granted) if _visible(path, plan))
    return needed, visible - needed


def _visible(path: str, plan: Plan) -> bool:
    return Path(path).exists() and nearest(follow(path)[0], plan.binds) is not None


def _interpreter(path: str) -> Iterator[str]:
    """The loader that an ELF file names; nothing for scripts, folders and static programs."""
    if not os.path.isfile(path):  # noqa: PTH113 - text path
        return
    with open(path, "rb") as file:  # noqa: PTH123 - text path
        header = file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(b"\x7fELF\x02\x01"):
            return
        table, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)
        file.seek(table)
        entries = file.read(_ENTRY * min(count[0], _MAX_ENTRIES))
        for at in range(0, len(entries) - _ENTRY + 1, _ENTRY):
            if struct.unpack_from("<I", entries, at)[0] == _PT_INTERP:
                offset, size = struct.unpack_from("<Q16xQ", entries, at + 8)
                file.seek(offset)
                yield os.fsdecode(file.read(min(size, _MAX_NAME)).rstrip(b"\0"))
