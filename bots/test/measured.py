"""Runs in a process of its own, after the tests: writes what they reached, as coverage.py's JSON.

    python -I -S measured.py TOOLS SITE RUN MEASURE PIPE

The names of the files below SITE are in MEASURE/names, the report goes to MEASURE/report.json.
RUN/coverage was written by the project's process, so this one may do no more than that one.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Write the report; what is silenced in the code counts as not silenced."""
    tools, site, run, measure, _ = sys.argv[1:]
    sys.path += [str(Path(__file__).parent), tools]
    import confine  # noqa: PLC0415 - only now on the path

    confine.write_only_below([run, measure])
    import coverage  # noqa: PLC0415

    found = coverage.Coverage(
        data_file=f"{run}/coverage", branch=True, config_file=False, source=[site]
    )
    found.set_option("report:ignore_errors", True)
    found.clear_exclude()
    found.clear_exclude("partial")
    found.exclude(r"^\s*if (typing\.)?TYPE_CHECKING:")
    found.load()
    names = Path(measure, "names").read_text(encoding="utf-8").splitlines()
    found.json_report([f"{site}/{name}" for name in names], outfile=f"{measure}/report.json")


if __name__ == "__main__":
    main()
