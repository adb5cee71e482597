"""The quality report of a change: what the linters found and what the tests reached.

Numbers side by side, no verdict. What LintBot itself found is in its state, by commit.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_KEPT = 200
MAX_FILES = 20
MAX_BYTES = 16 * 2**20


class Summaries:
    """What was found in the newest commits of a repository."""

    def __init__(self, state: Path, repository: str) -> None:
        self._folder = state / "lint" / hashlib.sha256(repository.encode()).hexdigest()[:32]

    def write(self, commit: str, summary: dict[str, Any]) -> None:
        """Keep a summary; the oldest are forgotten."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".{commit}-{os.getpid()}"
        part.write_text(json.dumps(summary), encoding="utf-8")
        part.replace(self._folder / commit)
        kept = sorted(self._folder.glob("[!.]*"), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-MAX_KEPT]:
            with suppress(FileNotFoundError):  # another job forgot it first
                path.unlink()

    def read(self, commit: str) -> dict[str, Any] | None:
        """The summary of a commit, if it was linted."""
        path = self._folder / Path(commit).name
        if not path.is_file():
            return None
        summary: dict[str, Any] = json.loads(path.read_bytes())
        return summary


def report(tested: dict[str, Any], lint: dict[str, Any] | None, files: dict[str, str]) -> str:
    """The report as JSON; `tested` is what TestBot said, `files` are its reports by digest."""
    document = {
        "version": 1,
        "repository": tested["repository"],
        "change": tested["change"],
        "lint": lint,
        "tests": tested["counts"],
        "coverage": {**tested["coverage"], "least": _least_covered(tested["reports"], files)},
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _least_covered(reports: list[dict[str, Any]], files: dict[str, str]) -> list[dict[str, Any]]:
    """The files that tests reach least, from a report in the format of coverage.py (JSON)."""
    for one in reports:
        path = Path(files.get(one["digest"], "/nonexistent"))
        if one["kind"] == "coverage-report" and path.is_file() and path.stat().st_size <= MAX_BYTES:
            with suppress(ValueError, KeyError, TypeError, AttributeError):  # another format
                rows = [
                    {
                        "path": str(name)[:1000],
                        "line": float(found["summary"]["percent_covered"]) / 100,
                    }
                    for name, found in json.loads(path.read_bytes())["files"].items()
                ]
                return sorted(rows, key=lambda row: (row["line"], row["path"]))[:MAX_FILES]
    return []
