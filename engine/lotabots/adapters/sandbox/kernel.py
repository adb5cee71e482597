"""The Linux system calls that Python does not offer, typed. Numbers are those of x86-64.

Every function raises `OSError` with the call's errno; none interprets it.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_CHILD_SUBREAPER: Final = 36
SECCOMP_MODE_FILTER: Final = 2

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000

MS_REC: Final = 0x4000
MS_PRIVATE: Final = 1 << 18
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8

MOUNT_NOSUID: Final = 0x2
MOUNT_NODEV: Final = 0x4
MOUNT_NOEXEC: Final = 0x8
MOUNT_IDMAP: Final = 0x0010_0000

AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000
OPEN_TREE_CLONE: Final = 1
OPEN_TREE_CLOEXEC: Final = 0o2000000
MOVE_MOUNT_F_EMPTY_PATH: Final = 4

_PRCTL: Final = 157
_MOUNT: Final = 165
_UNSHARE: Final = 272
_SETNS: Final = 308
_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_MOUNT_SETATTR: Final = 442
PIDFD_GETFD: Final = 438
LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


class MountAttributes(ctypes.Structure):
    """``struct mount_attr`` of mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def supported_machine() -> bool:
    """Whether the tables and the machine code of this package fit this processor."""
    return platform.machine() == "x86_64" and ctypes.sizeof(ctypes.c_void_p) == 8  # noqa: PLR2004 - bytes


def call(number: int, *arguments: int | bytes | ctypes.Structure | None) -> int:
    """Make one system call; numbers are passed as 64-bit values, structures by reference."""
    result = int(_LIBC.syscall(ctypes.c_long(number), *map(_native, arguments)))
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result


def _native(argument: int | bytes | ctypes.Structure | None) -> object:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    if isinstance(argument, ctypes.Structure):
        return ctypes.byref(argument)
    return ctypes.c_char_p(argument)


def prctl(option: int, value: int | ctypes.Structure, extra: int | ctypes.Structure = 0) -> int:
    """Change one property of this process; unused arguments are zero, as newer options demand."""
    return call(_PRCTL, option, value, extra, 0, 0)


def unshare(flags: int) -> None:
    """Leave namespaces; Python offers this only since 3.12."""
    call(_UNSHARE, flags)


def setns(fd: int, kind: int) -> None:
    """Join the namespace behind `fd`."""
    call(_SETNS, fd, kind)


def mount(source: str, target: str, *, kind: str = "none", flags: int, data: str = "") -> None:
    """Mount a file system, or change how mounts propagate."""
    call(_MOUNT, source.encode(), target.encode(), kind.encode(), flags, data.encode())


def clone_tree(path: str, *, recursive: bool) -> int:
    """A detached copy of the mount at `path`, as a file descriptor."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return call(_OPEN_TREE, AT_FDCWD, os.fsencode(path), flags)


def attach_tree(fd: int, target: str) -> None:
    """Mount the detached copy behind `fd` on `target`."""
    call(_MOVE_MOUNT, fd, b"", AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH)


def set_mount(path: str, *, add: int = 0, remove: int = 0, recursive: bool = True) -> None:
    """Change attributes of the mount at `path` (and of those below it)."""
    attributes = MountAttributes(add, remove, 0, 0)
    flags = AT_SYMLINK_NOFOLLOW | (AT_RECURSIVE if recursive else 0)
    size = ctypes.sizeof(attributes)
    call(_MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), flags, attributes, size)


def map_mount(fd: int, userns: int) -> None:
    """Make the detached mount behind `fd` show its owners as the user namespace maps them."""
    attributes = MountAttributes(MOUNT_IDMAP, 0, 0, userns)
    call(_MOUNT_SETATTR, fd, b"", AT_EMPTY_PATH, attributes, ctypes.sizeof(attributes))
