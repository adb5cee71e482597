"""TestBot: runs the tests of a commit against the wheel that was built from it.

Reads one job as JSON from standard input, writes one event per line to standard output. Tests that
fail are a result, not an error of this program: it ends with 0 and says `test.failed`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dependencies
import junit
import ledger
import neutral
import process
import reached
import sources
import verdict
from failure import UnfitError

from commits import Repository

if TYPE_CHECKING:
    from process import Ended
    from reached import Coverage
    from verdict import Verdict

HERE = Path(__file__).parent
SUITE = "all"
"""One result for all suites: a gate that it opens is opened by every one of them."""

WORST = ("failed", "error")
MAX_FAILURES = 50
MAX_MESSAGE, MAX_ID = 1000, 300
RESERVE_S = 20.0
MEASURE_S = 60.0


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    process.protect()
    bot = Bot(job, started)
    bot.emit("test.started", {"suite": SUITE})
    try:
        bot.test()
    except UnfitError as error:
        bot.unfit(str(error))


class Bot:
    """One run of the tests.

    Below `out` the project writes only into `run`, and only while its tests run. The wheel is
    unpacked into `site`, the tests of the commit into `project`.
    """

    def __init__(self, job: dict[str, Any], started: float) -> None:
        self.job = job
        self.started = started
        self.tools = Path(job["paths"]["toolbox"]["test"])
        self.out = Path(job["paths"]["out"])
        self.site, self.project = self.out / "site", self.out / "project"
        self.run, self.measure = self.out / "run", self.out / "measure"
        for folder in (self.site, self.project, self.run / "home", self.run / "tmp", self.measure):
            folder.mkdir(parents=True)
        places = {self.site: "<wheel>", self.project: "<commit>", self.out: "<out>"}
        places |= {self.tools: "<tools>", HERE: "<bot>"}
        self.hide = neutral.Neutral({str(path): name for path, name in places.items()})

    def test(self) -> None:
        """Unpack, run, judge, and say it."""
        sys.path.append(str(self.tools))
        payload, paths = self.job["event"]["payload"], self.job["paths"]
        repository = Repository(paths["programs"]["git"], paths["repository"])
        taken = sources.take(repository, payload["change"]["id"], self.project)
        artifact = payload["artifact"]
        supply = dependencies.Supply(self.tools, Path(paths["places"]["wheelhouse"]), self.site)
        unpacked = supply.unpack(Path(paths["artifacts"][artifact["digest"]]), artifact["name"])
        lacking = supply.add(taken.asks)
        for folder in taken.folders:
            (self.run / folder).symlink_to(self.project / folder)
        suites = tomllib.loads((HERE / "suites.toml").read_text(encoding="utf-8"))
        record = ledger.Ledger({name: suite["seconds"] for name, suite in suites.items()})
        end = self.started + self.job["timeout_s"] - min(RESERVE_S, self.job["timeout_s"] / 4)
        ended = process.run(
            self._command("driver.py", self.project, self.run),
            cwd=str(self.run),
            env=self._environment(),
            record=record.take,
            deadline=lambda: min(end, record.deadline()),
        )
        found = verdict.judge(record, ended, taken.expected).lacking(lacking)
        coverage = reached.NONE
        if record.finished is not None:
            try:
                coverage = self._coverage(reached.measurable(unpacked.files))
            except UnfitError as error:
                found = found.doubted(str(error))
        self.tell(found, ended, coverage)

    def _coverage(self, names: list[str]) -> Coverage:
        if not names:
            return reached.NONE
        (self.measure / "names").write_text("\n".join(names), encoding="utf-8")
        end = time.monotonic() + MEASURE_S
        ended = process.run(
            self._command("measured.py", self.run, self.measure),
            cwd=str(self.site),
            env=self._environment(),
            record=lambda _line: None,
            deadline=lambda: end,
        )
        if ended.status != 0:
            raise UnfitError(f"the coverage cannot be read: {ended.said[-MAX_MESSAGE:]}")
        return reached.read(self.measure / "report.json")

    def _command(self, program: str, *folders: Path) -> list[str]:
        places = map(str, (self.tools, self.site, *folders))
        return [sys.executable, "-I", "-S", str(HERE / program), *places]

    def _environment(self) -> dict[str, str]:
        """What the project's processes see; other Pythons that they start find the same code."""
        return {
            "HOME": str(self.run / "home"),
            "TMPDIR": str(self.run / "tmp"),
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": f"{self.site}:{self.tools}",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
        }

    def tell(self, found: Verdict, ended: Ended, coverage: Coverage) -> None:
        """The result, with its reports."""
        report = self.out / "junit.xml"
        junit.write(report, found.results, ended.said, hide=self.hide)
        artifacts = [{"path": report.name, "kind": "test-report", "media_type": "application/xml"}]
        if coverage.report:
            (self.out / "coverage.json").write_bytes(coverage.report)
            kind = {"kind": "coverage-report", "media_type": "application/json"}
            artifacts.append({"path": "coverage.json", **kind})
        skipped, total = found.count(ledger.SKIPPED), len(found.results)
        payload = self._result(found.outcome, checked=total - skipped, suppressed=skipped)
        payload["counts"] = {
            "total": total,
            "passed": found.count(ledger.PASSED),
            "failed": found.count(ledger.FAILED),
            "errors": found.count(ledger.ERROR),
            "skipped": skipped,
        }
        if found.outcome == "success":
            self.emit("test.completed", {**payload, "coverage": coverage.numbers}, artifacts)
            return
        reasons = list(found.reasons)
        if ended.said and (found.outcome == "error"):
            reasons.append(("tests", f"the end of what was printed: {ended.said[-MAX_MESSAGE:]}"))
        self.emit("test.failed", {**payload, "failures": self._shown(reasons)}, artifacts)

    def unfit(self, reason: str) -> None:
        """Nothing was found out."""
        counts = dict.fromkeys(("total", "passed", "failed", "errors", "skipped"), 0)
        payload = {
            **self._result("error", checked=0, suppressed=0),
            "reports": [],
            "counts": counts,
            "failures": self._shown([("tests", reason)]),
        }
        self.emit("test.failed", payload)

    def _shown(self, reasons: list[tuple[str, str]]) -> list[dict[str, str]]:
        """As much as a line of output holds."""
        if len(reasons) > MAX_FAILURES:
            more = ("tests", f"{len(reasons) - MAX_FAILURES + 1} more")
            reasons = [*reasons[: MAX_FAILURES - 1], more]
        return [
            {"id": self.hide(name)[:MAX_ID], "message": self.hide(message)[:MAX_MESSAGE]}
            for name, message in reasons
        ]

    def _result(self, outcome: str, *, checked: int, suppressed: int) -> dict[str, Any]:
        """What every result says."""
        return {
            "suite": SUITE,
            "outcome": outcome,
            "checked": checked,
            "suppressed": suppressed,
            "tool": {
                "name": "pytest",
                "version": dependencies.version(self.tools, "pytest"),
                "digest": self.job["tools"]["test"],
            },
            "duration_s": round(time.monotonic() - self.started, 3),
        }

    def emit(
        self, event: str, payload: dict[str, Any], artifacts: list[dict[str, str]] | None = None
    ) -> None:
        """One line of output. What was tested is filled in by the engine."""
        line = {"type": event, "payload": payload, "artifacts": artifacts or []}
        os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
