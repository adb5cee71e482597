"""BuildBot: builds the wheel of a commit, the same bytes every time.

Reads one job as JSON from standard input, writes one event per line to standard output. A build
that fails is a result, not an error of this program: it ends with 0 and says `build.failed`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import backend
import neutral
import process
import sbom
import source
import tags
import wheel
from failure import BuildError

WORK = "work"
EXCERPT = 2000
REASON = 4000
EARLIEST, LATEST = 315532800, 4354819199  # what a zip file can say: 1980 to 2107


def main() -> None:
    """One job, from standard input to standard output."""
    job = json.load(sys.stdin)
    process.protect()
    started = time.monotonic()
    bot = Bot(job, started)
    bot.emit("build.started", {"build_id": job["job"]})
    try:
        payload, artifacts = bot.build()
    except BuildError as error:
        bot.fail(error)
    else:
        bot.emit("build.completed", payload, artifacts)


class Bot:
    """One build. Everything it writes lies below `out`; what is not handed over is removed."""

    def __init__(self, job: dict[str, Any], started: float) -> None:
        self.job = job
        self.started = started
        self.out = Path(job["paths"]["out"])
        self.work = self.out / WORK
        self.tools = job["paths"]["toolbox"]["build"]
        self.hide = neutral.Neutral(
            {
                str(self.work / "tree"): "<source>",
                str(self.out): "<out>",
                self.tools: "<tools>",
                str(Path(__file__).parent): "<bot>",
            }
        )

    def build(self) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Source, build, check; what `build.completed` says and the files it hands over."""
        paths, commit = self.job["paths"], self.job["event"]["payload"]["change"]["id"]
        tree = self.work / "tree"
        repository = source.Repository(paths["programs"]["git"], paths["repository"])
        moment = min(max(repository.checkout(commit, tree), EARLIEST), LATEST)
        tags.tell(repository, commit, tree)
        log = backend.build(tree, self.work, tools=self.tools, moment=moment)
        built = wheel.take(self.work / "dist", self.out)
        parts = self.out / f"{built.path.stem}.cdx.json"
        parts.write_text(sbom.render(built, moment=moment, tools=self.tools), encoding="utf-8")
        text = self.out / "build.log"
        text.write_text(self.hide(log), encoding="utf-8")
        shutil.rmtree(self.work, ignore_errors=True)
        files = [
            (built.path, "wheel", "application/zip"),
            (parts, "sbom", "application/vnd.cyclonedx+json"),
            (text, "build-log", "text/plain"),
        ]
        made = [_described(*file) for file in files]
        payload = {
            **self.result("success", checked=1),
            "build_id": self.job["job"],
            "artifact": made[0],
            "artifact_id": built.purl,
            "reports": made[1:],
        }
        return payload, [
            {"path": path.name, "kind": kind, "media_type": media} for path, kind, media in files
        ]

    def fail(self, error: BuildError) -> None:
        """Say why there is no wheel; a part of the log comes with the reason."""
        excerpt = self.hide(error.log)[-EXCERPT:].strip()
        reason = self.hide(str(error)) + (f"\n--- end of the log ---\n{excerpt}" if excerpt else "")
        payload = {
            **self.result(error.outcome, checked=0),
            "reports": [],
            "reason": reason[:REASON],
        }
        self.emit("build.failed", {"build_id": self.job["job"], **payload})

    def result(self, outcome: str, *, checked: int) -> dict[str, Any]:
        """What every result says."""
        return {
            "outcome": outcome,
            "checked": checked,
            "suppressed": 0,
            "tool": {
                "name": "build",
                "version": backend.version(self.tools),
                "digest": self.job["tools"]["build"],
            },
            "duration_s": round(time.monotonic() - self.started, 3),
        }

    def emit(
        self, event: str, payload: dict[str, Any], artifacts: list[dict[str, str]] | None = None
    ) -> None:
        """One line of output. Repository and change are filled in by the engine."""
        line = {"type": event, "payload": payload, "artifacts": artifacts or []}
        os.write(1, json.dumps(line).encode() + b"\n")


def _described(path: Path, kind: str, media_type: str) -> dict[str, Any]:
    return {
        "name": path.name,
        "kind": kind,
        "digest": wheel.digest(path),
        "size": path.stat().st_size,
        "media_type": media_type,
    }


if __name__ == "__main__":
    main()
