"""Where the `lotabots` command begins.

`lotabots validate`, with a path or without, runs on every change of a fleet; reading command lines
is a fifth of its time on a small one. So it is answered here, before that is imported. Options,
other commands and whatever goes wrong are the business of `lotabots.cli.main`, which begins anew.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from lotabots.cli.proof import Proof

_STDERR: Final = 2
"""The last descriptor of the standard streams."""


def main() -> None:
    """Run the command line and end the process with the right exit code."""
    gc.disable()  # as `lotabots.cli.main` does, which says why
    _open_streams()
    try:
        _validate(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as a shell has it
    except Exception:  # noqa: BLE001, S110 - it comes again below, and is told there
        pass
    from lotabots.cli import main as whole  # noqa: PLC0415 - see above

    whole.main()


def _open_streams() -> None:
    """Let standard streams that were closed lead nowhere, and no file of ours take their place."""
    while (found := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(found)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for the whole run


def _validate(arguments: list[str]) -> None:
    """End the process with the report, if `arguments` ask for one and for nothing special."""
    match arguments:
        case ["validate"]:
            path = ""
        case ["validate", path] if path and not path.startswith("-"):
            pass
        case _:
            return
    report, warning, code = _proof(path)
    sys.stdout.write(report)
    sys.stdout.flush()
    # What was said is not said again by the whole command line, whatever happens from here on.
    try:
        sys.stderr.write(warning)
        sys.stderr.flush()
    except OSError:
        pass
    # At once, without freeing every value one by one: see `lotabots.cli.main`.
    os._exit(code)


def _proof(path: str) -> Proof:
    from pathlib import Path  # noqa: PLC0415 - other commands may do without all of these

    from lotabots.cli.proof import proof  # noqa: PLC0415
    from lotabots.cli.screen import wants_color  # noqa: PLC0415
    from lotabots.service.workspace import open_workspace  # noqa: PLC0415

    opened = open_workspace(Path(path) if path else None, tests=True)
    return proof(opened, opened.checked.diagnostics, color=wants_color("auto"))
