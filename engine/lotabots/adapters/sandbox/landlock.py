"""Landlock: a set of rules that a process puts on itself and all its children, for good.

A ruleset is a file descriptor; its rules name inodes, not paths. One made outside therefore also
holds inside a mount namespace.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

from lotabots.adapters.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REFER: Final = 1 << 13
"""Moving and linking files between folders; every ruleset denies it unless a rule allows it."""

ALL_FILES: Final = (1 << 16) - 1
"""Every right of ABI 5 (up to ioctl of devices)."""

FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
"""The rights that a rule on a plain file may carry (truncate and ioctl among them)."""

_NET_ALL: Final = 0b11
_SCOPE_ALL: Final = 0b11
_CREATE_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The kernel's Landlock ABI; 0 where there is none or it is off."""
    try:
        return kernel.call(kernel.LANDLOCK_CREATE_RULESET, None, 0, _CREATE_VERSION)
    except OSError:
        return 0


def execute_only(paths: Iterable[str]) -> int:
    """A ruleset under which only `paths` (files, or folders with all below) can be executed.

    Nothing can be moved between folders either, until `allow_moving` says where.
    """
    return _ruleset(_Ruleset(EXECUTE | REFER, 0, 0), 8, dict.fromkeys(paths, EXECUTE))


def allow_moving(ruleset: int, folders: Iterable[str]) -> None:
    """Let files be moved and linked between the folders below each of `folders`."""
    for folder in folders:
        _add(ruleset, folder, REFER)


def everything(rights: Mapping[str, int]) -> int:
    """A ruleset that allows `rights` per path, no TCP, and no signals to other domains (ABI 6)."""
    attributes = _Ruleset(ALL_FILES, _NET_ALL, _SCOPE_ALL)
    return _ruleset(attributes, ctypes.sizeof(attributes), rights)


def restrict(ruleset: int) -> None:
    """Put the calling thread under `ruleset`; it needs no_new_privs."""
    kernel.call(kernel.LANDLOCK_RESTRICT_SELF, ruleset, 0)


def _ruleset(attributes: _Ruleset, size: int, rights: Mapping[str, int]) -> int:
    ruleset = kernel.call(kernel.LANDLOCK_CREATE_RULESET, attributes, size, 0)
    try:
        for path, allowed in rights.items():
            _add(ruleset, path, allowed)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def _add(ruleset: int, path: str, allowed: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(allowed, fd)
        kernel.call(kernel.LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)
