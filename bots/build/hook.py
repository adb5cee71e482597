"""Runs a hook of a build backend where a file cannot be renamed into another folder.

    python -S hook.py SCRIPT ARGUMENTS...

HACK: under Landlock a rename to another folder fails as if that were another disk; always before
Linux 5.19, later unless the ruleset allows it; see landlock(7), LANDLOCK_ACCESS_FS_REFER.
Backends move their finished wheel like that. Here such a file is copied, as `mv` would do.
"""

from __future__ import annotations

import errno
import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

_rename = os.rename


def main() -> None:
    """Become the script."""
    os.rename = os.replace = rename
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


def rename(source: Any, target: Any, **folders: int | None) -> None:  # noqa: ANN401 - as os.rename
    """Rename, or copy and remove."""
    try:
        _rename(source, target, **folders)
    except OSError as error:
        if error.errno != errno.EXDEV or any(fd is not None for fd in folders.values()):
            raise
        if Path(os.fsdecode(source)).is_dir():
            raise
        shutil.copy2(source, target, follow_symlinks=False)
        Path(os.fsdecode(source)).unlink()


if __name__ == "__main__":
    main()
