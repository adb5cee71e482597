"""LogBot with logs to read: its parts as modules, and a folder of logs around the program."""

from __future__ import annotations

import importlib
import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from bots.checking import the_fleet
from executor.workshop import ROOT
from lotabots.policy.contract import Cause, Emitted, Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor

BOT = ROOT / "bots/log"
NOW = datetime(2026, 1, 2, 3, 10, tzinfo=UTC)
EVENTS = {"index": "schedule.tick", "find-insights": "schedule.tick", "search": "log.searched"}


@cache
def program() -> Any:  # noqa: ANN401 - a bot shares no types with anybody
    """The modules of the program, by name; nobody else meets them."""
    names = [path.stem for path in BOT.glob("*.py") if path.stem != "__main__"]
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(BOT))
    try:
        return SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(str(BOT))
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)


def stamp(minutes: float = 0) -> str:
    """A time so many minutes after `NOW`, as the host writes it."""
    return (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Archive:
    """LogBot under its own rules, with a folder of logs."""

    workshop: Workshop
    jobs: int = 0
    ran: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, workshop: Workshop) -> Archive:
        """An archive with no logs yet."""
        workshop.bots = ROOT / "bots"
        workshop.places = {"logs": workshop.folder / "logs"}
        workshop.places["logs"].mkdir()
        return cls(workshop)

    @property
    def logs(self) -> Path:
        return self.workshop.places["logs"]

    @property
    def index(self) -> Path:
        return self.workshop.folder / "state/LogBot/index.db"

    @cached_property
    def executor(self) -> SandboxExecutor:
        return self.workshop.executor(the_fleet())

    def write(self, name: str, *lines: str) -> Path:
        """Add lines to a log."""
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def job(self, action: str, payload: Mapping[str, Any], minutes: float) -> Job:
        self.jobs += 1
        event = Cause(
            f"event-{self.jobs}",
            EVENTS[action],
            "cli.ann" if action == "search" else "engine.schedule",
            NOW + timedelta(minutes=minutes),
            msgspec.Raw(json.dumps(payload).encode()),
            "correlation-1",
        )
        name = f"job{self.jobs}"
        return Job(event=event, job=name, bot="LogBot", action=action, decision="d", policy="p")

    def run(
        self, action: str, payload: Mapping[str, Any] | None = None, *, minutes: float = 0
    ) -> Outcome:
        return self.workshop.run(self.executor, self.job(action, payload or {}, minutes))

    def said(self, action: str, *, status: int = 0, minutes: float = 0) -> list[dict[str, Any]]:
        """The payloads of what is said; all keep the contract."""
        return self._kept(self.run(action, minutes=minutes), status)

    def _kept(self, ran: Outcome, status: int) -> list[dict[str, Any]]:
        assert (ran.codes, ran.report.status) == ([], status), (ran.judged, ran.report, ran.log)
        self.ran.append(ran)
        return [msgspec.json.decode(one.payload) for one in ran.judged if isinstance(one, Emitted)]

    def search(self, query: str, *, limit: int = 100, minutes: float = 0) -> dict[str, Any]:
        """The result of a search."""
        payload = {"search": "s1", "query": query, "limit": limit}
        (found,) = self._kept(self.run("search", payload, minutes=minutes), 0)
        result: dict[str, Any] = json.loads(self.file(found, "search-result.json"))
        assert found["search"] == "s1"
        assert (found["checked"], found["total"]) == (result["checked"], result["total"])
        return result

    def texts(self, query: str) -> list[str]:
        """The texts of what a search finds, oldest first."""
        return [one["text"] for one in reversed(self.search(query)["hits"])]

    def file(self, payload: dict[str, Any], name: str) -> str:
        """The text of a file that was handed over."""
        (digest,) = [one["digest"] for one in payload["reports"] if one["name"] == name]
        return self.workshop.blobs.path(digest).read_text(encoding="utf-8")

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.index)) as opened:
            return list(opened.execute(query))

    def tamper(self, *statements: str) -> None:
        """Change the index behind LogBot's back."""
        with closing(sqlite3.connect(self.index)) as opened, opened:
            for one in statements:
                opened.execute(one)
