"""The plugin that writes down what becomes of each test, while it happens.

It runs in the process of the tests, so what it says is only a claim; TestBot compares it with the
commit and with the exit status. One JSON object a line:

    {"is": "test", "id", "suite"}         collected
    {"is": "begin", "id"}, {"is": "end", "id", "phases": [...]}
    {"is": "broken" | "skipped", "id", "message"}    a file or class that has no tests therefore
    {"is": "deselected", "id"}
    {"is": "finish", "status"}            the last one
"""

from __future__ import annotations

import json
import os
import tomllib
import unittest
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

SHORT, LONG = 1500, 8000
SKIPS = (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)


class Recorder:
    """Writes to `pipe`. A process that a test forked off and forgot writes nothing."""

    def __init__(self, pipe: int, suites: Path) -> None:
        self._pipe = pipe
        self._pid = os.getpid()
        self._suites = tomllib.loads(suites.read_text(encoding="utf-8"))
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._raised: dict[tuple[str, str], str] = {}
        self._write, self._getpid, self._dumps = os.write, os.getpid, json.dumps

    def finish(self, status: int) -> None:
        """Nothing comes after this."""
        self._tell("finish", status=status)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Put the tests in the order of their suites, whatever plugins do to them."""
        result = yield
        names = list(self._suites)
        items.sort(key=lambda item: names.index(self._suite(item)))
        return result

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Some plugin took tests out."""
        for item in items:
            self._tell("deselected", id=item.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file could not be read, or does not want to be."""
        if report.outcome != "passed":
            what = "broken" if report.failed else "skipped"
            self._tell(what, id=str(report.nodeid), **_messages(report))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say which tests there are; then be the first of all plugins to see what they do."""
        for item in session.items:
            self._tell("test", id=item.nodeid, suite=self._suite(item))
        plugins = session.config.pluginmanager
        plugins.unregister(self)
        plugins.register(self)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._phases[nodeid] = []
        self._tell("begin", id=nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Look at what happened before other plugins make something else of it."""
        if call.excinfo is not None and not isinstance(call.excinfo.value, SKIPS):
            self._raised[item.nodeid, call.when] = call.excinfo.type.__name__
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test (or a part of one) is over."""
        phases = self._phases.setdefault(report.nodeid, [])
        phase = {
            "when": report.when,
            "outcome": report.outcome,
            "raised": self._raised.pop((report.nodeid, report.when), ""),
            "seconds": report.duration,
        }
        if report.outcome != "passed":
            phase.update(_messages(report))
        same = [one for one in phases if _kind(one) == _kind(phase)]
        if same:  # another part of the same: a test may have very many
            same[0]["seconds"] += phase["seconds"]
        else:
            phases.append(phase)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test is over."""
        self._tell("end", id=nodeid, phases=self._phases.pop(nodeid, []))

    def _suite(self, item: pytest.Item) -> str:
        names = list(self._suites)
        for name in names:
            if item.get_closest_marker(name):
                return name
        for name in names:
            if item.nodeid.partition("/")[2].startswith(f"{self._suites[name]['folder']}/"):
                return name
        return names[0]

    def _tell(self, what: str, **facts: object) -> None:
        if self._getpid() == self._pid:
            data = self._dumps({"is": what, **facts}).encode() + b"\n"
            while data:
                data = data[self._write(self._pipe, data) :]


def _kind(phase: dict[str, Any]) -> tuple[object, ...]:
    return phase["when"], phase["outcome"], bool(phase["raised"])


def _messages(report: pytest.CollectReport | pytest.TestReport) -> dict[str, str]:
    """What went wrong: in short, and with the place in the code."""
    said = report.longrepr
    if isinstance(said, tuple):  # of something skipped: file, line, reason
        return {"message": str(said[2])[:SHORT]}
    crash = getattr(said, "reprcrash", None)
    text = report.longreprtext
    short = crash.message if crash else text.strip().rpartition("\n")[2].removeprefix("E   ")
    return {"message": short[:SHORT], "detail": text[:LONG]}
