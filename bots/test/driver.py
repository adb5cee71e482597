"""Runs in a process of its own: pytest, with the tests of the project in it.

    python -I -S driver.py TOOLS SITE PROJECT RUN PIPE

What becomes of each test goes to the pipe, the lines that were reached to RUN/coverage. Before
anything of the project is read, the kernel is told that this process writes only below RUN.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LARGEST_FILE = 64 * 2**20


def main() -> None:
    """Run the tests; the exit status is pytest's."""
    tools, site, project, run, pipe = sys.argv[1:]
    sys.path += [str(HERE), tools]
    import confine  # noqa: PLC0415 - only now on the path
    import recorder  # noqa: PLC0415

    # A project may have modules of these names. Its own come before those of the toolbox, but
    # after the standard library; a wheel that holds parts of the toolbox is not unpacked at all.
    del sys.modules["confine"], sys.modules["recorder"]
    sys.path[-2:] = [site, tools, project, *beside_tests(project)]
    os.set_inheritable(int(pipe), False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    # Not below /tmp: our own folders may lie there, and TMPDIR is below RUN.
    confine.write_only_below([run, "/dev"])
    record = recorder.Recorder(int(pipe), HERE / "suites.toml")
    status = tests(record, site=site, project=project, run=run)
    record.finish(status)
    os._exit(status)  # whatever threads and exit handlers of the project there are


def tests(record: Any, *, site: str, project: str, run: str) -> int:  # noqa: ANN401 - a plugin
    """Run everything below `project`, and measure the code below `site`; pytest's exit status."""
    import coverage  # noqa: PLC0415 - only now on the path
    import pytest  # noqa: PLC0415

    measured = coverage.Coverage(
        data_file=f"{run}/coverage", branch=True, config_file=False, source=[site]
    )
    measured.start()
    arguments = [
        *folders_of(project),
        *("-c", str(HERE / "pytest.ini"), f"--rootdir={project}", f"--basetemp={run}/basetemp"),
        *("--import-mode=importlib", "-p", "no:cacheprovider"),
        *("--continue-on-collection-errors", "--strict-config", "--color=no", "--tb=short", "-q"),
    ]
    status = int(pytest.main(arguments, plugins=[record]))
    measured.stop()
    measured.save()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def folders_of(project: str) -> list[str]:
    """The folders that hold tests: all that there are."""
    return sorted(str(path) for path in Path(project).iterdir() if path.is_dir())


def beside_tests(project: str) -> list[str]:
    """Where pytest by default finds what tests import from beside them: above their packages.

    Here these places come last, so that nothing there hides what is tested.
    """
    found = dict.fromkeys(folders_of(project))
    for folder in sorted(path for top in folders_of(project) for path in Path(top).rglob("**/")):
        while (folder / "__init__.py").exists():
            folder = folder.parent  # noqa: PLW2901 - upwards from there
        found[str(folder)] = None
    found.pop(project, None)
    return list(found)


if __name__ == "__main__":
    main()
