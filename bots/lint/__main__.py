"""LintBot: style, smells and layout of a commit; it proposes layout and changes nothing.

Reads one job as JSON from standard input, writes one event per line to standard output. Nothing
of the project runs here, and nothing that it says about linting is obeyed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import findings
import formatting
import linter
import quality
import sources
from baseline import Judged
from failure import UnfitError

from commits import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from findings import Finding
    from formatting import Proposal

    from commits import Entry

ACCEPTED = Path(__file__).with_name("accepted.txt")
MAX_TOP = 50
MAX_RULES = 500
MAX_TOP_BYTES = 128 * 1024


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    actions = {"lint": lint, "report-quality": report_quality}
    try:
        actions[job["action"]](job, started)
    except UnfitError as error:
        sys.exit(f"no result: {error}")


def lint(job: dict[str, Any], started: float) -> None:
    """Look at a pushed commit."""
    paths, event = job["paths"], job["event"]["payload"]
    work = Path(paths["out"]) / "work"
    look = Look(paths, event, work)
    found, fresh = look.findings()
    checked = look.checked(found)
    proposal = look.proposal(found)
    shutil.rmtree(work)
    artifacts = _written(Path(paths["out"]), look, found, fresh, proposal)
    if not fresh:
        look.judged.clean(event["change"]["id"])
    result = {
        "outcome": "failure" if fresh else "success",
        "checked": checked,
        "suppressed": look.suppressed,
        "new": len(fresh),
        "total": len(found),
        "by_rule": findings.by_rule(found)[:MAX_RULES],
    }
    state = Path(paths["places"]["state"])
    quality.Summaries(state, event["repository"]).write(event["change"]["id"], result)
    payload = {
        **result,
        "tool": {
            "name": linter.TOOL,
            "version": look.ruff.version,
            "digest": job["tools"]["lint"],
        },
        "duration_s": round(time.monotonic() - started, 3),
        "reports": [],
        "top": _top(fresh, found),
    }
    if proposal.patch:
        payload["format_patch"] = _described(Path(paths["out"]) / PATCH, "format-patch")
    emit("lint.completed", payload, artifacts)


def report_quality(job: dict[str, Any], started: float) -> None:
    """Put what was linted and what was tested of a change side by side."""
    paths, event = job["paths"], job["event"]["payload"]
    known = quality.Summaries(Path(paths["places"]["state"]), event["repository"])
    text = quality.report(event, known.read(event["change"]["id"]), paths["artifacts"])
    (Path(paths["out"]) / QUALITY).write_text(text, encoding="utf-8")
    payload = {"duration_s": round(time.monotonic() - started, 3), "reports": []}
    artifact = {"path": QUALITY, "kind": "quality-report", "media_type": "application/json"}
    emit("quality.reported", payload, [artifact])


REPORT, PATCH, QUALITY = "lint-report.json", "format.patch", "quality-report.json"


class Look:
    """One look at a commit and at the one it is compared with."""

    def __init__(self, paths: dict[str, Any], event: dict[str, Any], work: Path) -> None:
        self.ruff = linter.Ruff(paths["toolbox"]["lint"], _made(work))
        self.judged = Judged(Path(paths["places"]["state"]), event["repository"])
        self.suppressed = 0
        self._git = paths["programs"]["git"]
        self._repository = Repository(self._git, paths["repository"])
        self._work = work
        entries = self._repository.entries(event["change"]["id"])
        self.base = self.judged.baseline(self._repository, event["change"].get("base", ""))
        before = self._repository.entries(self.base) if self.base else []
        self._before = _but(before, entries)
        self._sources = sources.write(self._repository, entries, work / "head")
        known = {(entry.raw, entry.object) for entry in before}
        self.unchanged = frozenset(e.path for e in entries if (e.raw, e.object) in known)

    def findings(self) -> tuple[list[Finding], list[Finding]]:
        """All findings that nobody has accepted, and the new ones among them."""
        accepted = findings.read_accepted(ACCEPTED)
        every = self.ruff.check(self._sources)
        found = [finding for finding in every if finding.fingerprint not in accepted]
        self.suppressed = len(every) - len(found)
        before: list[Finding] = []
        if self._before:
            old = sources.write(self._repository, self._before, self._work / "base")
            before = self.ruff.check(old)
        return found, findings.new(found, before, unchanged=self.unchanged)

    def checked(self, found: Sequence[Finding]) -> int:
        """How many files were really looked at; none is no result."""
        paths = {source.path for source in self._sources.written.values()}
        checked = len(paths - linter.unparsed(found))
        if checked == 0:
            raise UnfitError("the commit has no Python file that can be read")
        return checked

    def proposal(self, found: Sequence[Finding]) -> Proposal:
        """The layout of what the change touched; of everything, if there is no baseline."""
        left_out = self.unchanged | linter.unparsed(found)
        chosen = [one for one in self._sources.written.values() if one.path not in left_out]
        return formatting.propose(
            self.ruff, self._git, self._sources, of=chosen, work=_made(self._work / "format")
        )


def emit(event: str, payload: dict[str, Any], artifacts: Sequence[dict[str, str]]) -> None:
    """One line of output. Repository and change are filled in by the engine."""
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _but(entries: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    """Those entries that `others` do not have just so."""
    known = {(entry.raw, entry.object) for entry in others}
    return [entry for entry in entries if (entry.raw, entry.object) not in known]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _written(
    out: Path,
    look: Look,
    found: Sequence[Finding],
    fresh: Sequence[Finding],
    proposal: Proposal,
) -> list[dict[str, str]]:
    """The report, and the patch if there is one, as artifacts."""
    known = {id(finding) for finding in fresh}
    document = {
        "version": 1,
        "tool": {"name": linter.TOOL, "version": look.ruff.version},
        "baseline": look.base,
        "suppressed": look.suppressed,
        "findings": [
            {
                "rule": one.rule,
                "path": one.path,
                "line": one.line,
                "message": one.message,
                "fp": one.fingerprint,
                "new": id(one) in known,
            }
            for one in found
        ],
        "format": {"files": proposal.files, "dropped": proposal.dropped},
    }
    (out / REPORT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    artifacts = [{"path": REPORT, "kind": "lint-report", "media_type": "application/json"}]
    if proposal.patch:
        (out / PATCH).write_bytes(proposal.patch)
        artifacts.append({"path": PATCH, "kind": "format-patch", "media_type": "text/x-patch"})
    return artifacts


def _top(fresh: Sequence[Finding], found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The first findings, new ones before others, as many as fit into an event."""
    known = {id(finding) for finding in fresh}
    top: list[dict[str, Any]] = []
    size = 0
    for one in (*fresh, *(finding for finding in found if id(finding) not in known)):
        row = {
            "path": one.path[: findings.MAX_PATH],
            "line": one.line,
            "rule": one.rule,
            "message": one.message,
        }
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if len(top) == MAX_TOP or size > MAX_TOP_BYTES:
            break
        top.append(row)
    return top


def _described(path: Path, kind: str) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "name": path.name,
        "kind": kind,
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
        "media_type": "text/x-patch",
    }


if __name__ == "__main__":
    main()
