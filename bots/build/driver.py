"""Runs in a process of its own: asks the project's backend for a wheel, without isolation.

    python -I -S driver.py TOOLS SOURCE DESTINATION MISSING

Build requirements that the tools do not satisfy are written to MISSING, as a JSON list; the exit
status is 77 then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MISSING_STATUS = 77


def main() -> None:
    """Build, or say what is missing."""
    tools, source, destination, missing = sys.argv[1:]
    sys.path.insert(0, tools)
    from build import ProjectBuilder  # noqa: PLC0415 - only now on the path

    builder = ProjectBuilder(source, python_executable=sys.executable, runner=hook)
    unmet = builder.check_dependencies("wheel")
    if unmet:
        names = sorted(chain[-1] for chain in unmet)
        Path(missing).write_text(json.dumps(names), encoding="utf-8")
        sys.exit(MISSING_STATUS)
    builder.build("wheel", destination)


def hook(
    command: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
) -> None:
    """Run a hook of the backend: no site packages, only the toolbox (through PYTHONPATH)."""
    environment = {**os.environ, **(extra_environ or {})}
    wrapper = str(Path(__file__).with_name("hook.py"))
    subprocess.check_call([command[0], "-S", wrapper, *command[1:]], cwd=cwd, env=environment)


if __name__ == "__main__":
    main()
