"""Landlock: from now on this process and all that it starts write only below certain folders.

The kernel keeps to it, whatever the process does later. Ruleset and rules: landlock(7).
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, PATH_BENEATH = 1, 1
WRITE_FILE = 1 << 1
CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))  # remove and make files of all kinds
REFER = 1 << 13  # since version 2
TRUNCATE = 1 << 14  # since version 3
SIGNALS = 1 << 1  # since version 6, not a right of files but a scope


class Ruleset(ctypes.Structure):
    """What the rules are about."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class PathBeneath(ctypes.Structure):
    """One rule: what may be done below an open folder."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def write_only_below(folders: Iterable[str]) -> None:
    """Confine this process.

    Raises:
        OSError: the kernel cannot do it.
    """
    version = _call(CREATE_RULESET, None, 0, ASK_VERSION)
    rights = WRITE_FILE | CHANGE_FOLDERS
    rights |= REFER if version >= 2 else 0  # noqa: PLR2004 - the version that has it
    rights |= TRUNCATE if version >= 3 else 0  # noqa: PLR2004 - the version that has it
    scope = SIGNALS if version >= 6 else 0  # noqa: PLR2004 - the version that has it
    attributes = Ruleset(rights, 0, scope)
    size = ctypes.sizeof(attributes) if scope else 8
    ruleset = _call(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    for folder in folders:
        parent = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        rule = PathBeneath(rights, parent)
        _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(parent)
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}")
    return result
