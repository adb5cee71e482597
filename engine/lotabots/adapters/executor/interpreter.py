"""What of the host a program needs besides its own files: the C library, and Python's parts.

These folders hold code of the system, nobody's data: they are granted as `runtime` to whatever
may run at all.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_EVERYWHERE: Final = ("/lib64", "/usr/lib64", "/lib32", "/usr/lib32")
_FLAT: Final = ("/lib", "/usr/lib")


class Interpreter(NamedTuple):
    """The Python that bots are run with: the real program, and the folders of its library."""

    program: str
    runtime: tuple[str, ...]


@cache
def own_interpreter() -> Interpreter:
    """The Python that runs us, without its (virtual) environment."""
    program = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    base = {"installed_base": sys.base_prefix, "base": sys.base_prefix}
    places = [sysconfig.get_path("stdlib", vars=base), *_shared_library()]
    return Interpreter(program, tuple(sorted({os.path.realpath(place) for place in places})))


@cache
def system_libraries() -> tuple[str, ...]:
    """Where the dynamic loader finds the libraries of the system."""
    machine = sysconfig.get_config_var("MULTIARCH")
    several = [f"{folder}/{machine}" for folder in _FLAT] if machine else []
    found = [place for place in (*several, *_EVERYWHERE) if Path(place).is_dir()]
    if not any(list(Path(place).glob("libc.so*")) for place in found):
        found += [place for place in _FLAT if Path(place).is_dir()]
    return tuple(dict.fromkeys(found))


def _shared_library() -> list[str]:
    """Where Python is a shared library: that one file."""
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return []
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    path = Path(sys.base_prefix, "lib") if folder is None else Path(folder)
    return [str(path / name)] if name and (path / name).exists() else []
