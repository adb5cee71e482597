"""Changes, and what ReviewBot's program says about them without a sandbox around it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from bots.checking import Project
from executor.workshop import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Files = dict[str, "str | bytes | None"]


class Said(NamedTuple):
    """What the program printed and wrote."""

    payload: dict[str, Any]
    document: dict[str, Any]
    page: str
    raw: bytes

    @property
    def rules(self) -> list[tuple[str, str, int]]:
        """Rule, path and line of each comment, in the order of the report."""
        return [(one["rule"], one["path"], one["line"]) for one in self.document["comments"]]

    def of(self, rule: str) -> list[str]:
        """The messages of a rule."""
        return [one["message"] for one in self.document["comments"] if one["rule"] == rule]


def ask(project: Project, commit: str, base: str = "", *, out: Path) -> subprocess.CompletedProcess:
    """Run the program for one job."""
    out.mkdir(exist_ok=True)
    change = {"id": commit, **({"base": base} if base else {})}
    job = {
        "event": {"payload": {"repository": "p", "change": change}},
        "paths": {
            "out": str(out),
            "repository": str(project.bare),
            "programs": {"git": shutil.which("git")},
            "toolbox": {"review": "/nonexistent"},
        },
        "tools": {"review": f"sha256:{'0' * 64}"},
    }
    command = [sys.executable, "-I", "-S", "-B", str(ROOT / "bots/review")]
    return subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=False)


def review(project: Project, commit: str, base: str = "", *, out: Path) -> Said:
    """What the program says about a change."""
    done = ask(project, commit, base, out=out)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    line = json.loads(done.stdout)
    assert line["type"] == "review.completed"
    raw = (out / "review.json").read_bytes()
    page = (out / "review.md").read_text(encoding="utf-8")
    return Said(line["payload"], json.loads(raw), page, raw)


def changed(
    folder: Path, before: Files, after: Files, *, links: Mapping[str, str] | None = None
) -> Said:
    """What is said about the change from `before` to `after` (None: the file is removed)."""
    project = Project(folder / "project")
    base = project.commit(before)
    return review(project, project.commit(after, links=links), base, out=folder / "out")
