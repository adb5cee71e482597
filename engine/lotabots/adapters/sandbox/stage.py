"""For an engine that is root: lends the grants to an unprivileged user, then becomes that user.

Root's files often lie where no other user can reach them (a home, a temporary folder). In a mount
namespace of its own the supervisor binds every granted path into an empty root-owned folder, and
leaves root for good before bubblewrap starts. A granted file or folder that the user could not use
by its mode is mounted with its owner mapped to that user: the files stay root's outside.
"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import kernel
from lotabots.adapters.sandbox.mounts import Bind, Kind
from lotabots.adapters.sandbox.report import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.sandbox.bubblewrap import Bubblewrap

DEFAULT_UID: Final = 60_700
"""A user of nobody: between the ranges that distributions and systemd hand out."""

STATE: Final = "/run/lotabots"
_MAX_ID: Final = 2**32 - 1
_EVERYONE_READS: Final = stat.S_IROTH
_EVERYONE_WRITES: Final = stat.S_IROTH | stat.S_IWOTH


class Staged(NamedTuple):
    """The same binds with sources that the unprivileged user can reach, and bubblewrap's path."""

    binds: tuple[Bind, ...]
    bubblewrap: str


def stage(binds: Sequence[Bind], bubblewrap: Bubblewrap, *, uid: int) -> Staged:
    """Lend everything to `uid` in a mount namespace of our own.

    A root without the capability for that (in many containers) gets the binds back as they are:
    what `uid` cannot reach by its own rights makes bubblewrap refuse.

    Raises:
        RefusedError: a path cannot be lent; some file systems cannot map owners.
    """
    try:
        if not _private_mounts():
            return Staged(tuple(binds), bubblewrap.path)
        base = _private_folder()
        staged = tuple(
            bind._replace(source=_lend(bind, f"{base}/{at}", uid)) for at, bind in enumerate(binds)
        )
        return Staged(staged, _stage_program(bubblewrap, base))
    except OSError as error:
        raise RefusedError(f"root cannot lend the grants to uid {uid}: {error}") from error


def become(uid: int) -> None:
    """Leave root for good: no groups, no way back."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid):
        raise RefusedError(f"root could not become uid {uid}")


def _private_mounts() -> bool:
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
    except PermissionError:
        return False
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    return True


def _private_folder() -> str:
    Path(STATE).mkdir(mode=0o755, parents=True, exist_ok=True)
    found = os.lstat(STATE)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise RefusedError(f"{STATE} must be a folder that only root can change")
    kernel.mount("lotabots", STATE, kind="tmpfs", flags=kernel.MS_NODEV, data="mode=0755,size=1m")
    return STATE


def _lend(bind: Bind, target: str, uid: int) -> str:
    found = os.stat(bind.source)  # noqa: PTH116 - text path
    _mount_point(target, folder=stat.S_ISDIR(found.st_mode))
    if _usable(found, bind.kind, uid):
        tree = kernel.clone_tree(bind.source, recursive=True)
    else:
        # Not recursive: what is mounted below may be of a kind that cannot map owners.
        tree = kernel.clone_tree(bind.source, recursive=False)
        users = _exchange(found.st_uid, found.st_gid, uid)
        kernel.map_mount(tree, users)
        os.close(users)
    kernel.attach_tree(tree, target)
    os.close(tree)
    return target


def _usable(found: os.stat_result, kind: Kind, uid: int) -> bool:
    """Whether the mode lets everybody (or the owner, if that is `uid`) use the grant itself."""
    if found.st_uid == uid:
        return True
    wanted = _EVERYONE_WRITES if kind is Kind.WRITE else _EVERYONE_READS
    if stat.S_ISDIR(found.st_mode) or kind is Kind.EXEC:
        wanted |= stat.S_IXOTH
    return found.st_mode & wanted == wanted


def _mount_point(path: str, *, folder: bool) -> None:
    if folder:
        Path(path).mkdir(mode=0o755)
    else:
        Path(path).touch(mode=0o644)


def _stage_program(bubblewrap: Bubblewrap, base: str) -> str:
    """Its folders, side by side as they were: the library is found relative to the program."""
    home = Path(base, "bubblewrap")
    home.mkdir(mode=0o755)
    origin = Path(bubblewrap.folders[0]).parent
    for folder in bubblewrap.folders:
        target = str(home / Path(folder).name)
        _mount_point(target, folder=Path(folder).is_dir())
        tree = kernel.clone_tree(folder, recursive=False)
        kernel.attach_tree(tree, target)
        os.close(tree)
    return str(home / Path(bubblewrap.path).relative_to(origin))


def _exchange(owner: int, group: int, uid: int) -> int:
    """A user namespace (as a descriptor) in which `owner` and `uid` have changed places.

    A full exchange, so that every other owner stays who they are and no file is without one.
    """
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            kernel.unshare(kernel.CLONE_NEWUSER)
            os.write(tell, b"+")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        if os.read(told, 1) != b"+":
            raise RefusedError("root cannot make a user namespace")
        Path(f"/proc/{child}/uid_map").write_text(_map(owner, uid), encoding="ascii")
        Path(f"/proc/{child}/gid_map").write_text(_map(group, uid), encoding="ascii")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(told)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _map(one: int, other: int) -> str:
    low, high = sorted((one, other))
    ranges = [(0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1)]
    ranges.append((high + 1, high + 1, _MAX_ID - high - 1))
    if low == high:
        ranges = [(0, 0, _MAX_ID)]
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges if count)
