"""The scan of a commit: insecure calls, committed secrets, links that lead out of it."""

from __future__ import annotations

import os
import posixpath
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import findings
import leaks
import linter
import severity
import sources
from baseline import Judged
from failure import UnfitError
from findings import Finding

from commits import LINK, Repository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from commits import Entry

ACCEPTED = Path(__file__).with_name("accepted.txt")
PASSWORDS = ("S105", "S106", "S107")


class Result(NamedTuple):
    """What a scan found. `fresh` are those of `found` that are new."""

    found: list[Finding]
    fresh: list[Finding]
    checked: int
    suppressed: int
    tool: tuple[str, str]
    baseline: str | None = None


class Scanner:
    """Scans commits of one repository; everything it writes is removed."""

    def __init__(self, paths: Mapping[str, Any], name: str, table: Mapping[str, str]) -> None:
        self._repository = Repository(paths["programs"]["git"], paths["repository"])
        self._work = Path(paths["out"]) / "work"
        self._work.mkdir()
        self._ruff = linter.Ruff(paths["toolbox"]["security"], self._work)
        self._table = table
        self.judged = Judged(Path(paths["places"]["state"]), name)

    def scan(self, commit: str, before: str) -> Result:
        """Look at `commit`, and at the commit that it is compared with."""
        entries = self._repository.entries(commit)
        base = self.judged.baseline(self._repository, before)
        old = self._repository.entries(base) if base else []
        known, now = {_key(one) for one in old}, {_key(one) for one in entries}
        every, checked = self._findings(entries, "head")
        if checked == 0:
            raise UnfitError("the commit has no Python file that can be read")
        accepted = findings.read_accepted(ACCEPTED)
        found = [one for one in every if one.fingerprint not in accepted]
        earlier, _ = self._findings([one for one in old if _key(one) not in now], "base")
        unchanged = frozenset(one.path for one in entries if _key(one) in known)
        fresh = findings.new(found, earlier, unchanged=unchanged)
        shutil.rmtree(self._work)
        tool = (linter.TOOL, self._ruff.version)
        return Result(found, fresh, checked, len(every) - len(found), tool, base)

    def _findings(self, entries: list[Entry], folder: str) -> tuple[list[Finding], int]:
        """All findings in some files, and how many Python files were read."""
        written = sources.write(self._repository, entries, self._work / folder)
        code = self._ruff.check(written)
        secrets = leaks.scan(self._repository, entries)
        places = {(one.path, one.line) for one in secrets}
        rated = [
            one._replace(severity=severity.of_rule(one.rule, self._table))
            if one.rule != linter.UNREAD
            else one
            for one in code
            if not (one.rule in PASSWORDS and (one.path, one.line) in places)
        ]
        links = self._links(entry for entry in entries if entry.mode == LINK)
        paths = {source.path for source in written.written.values()}
        checked = len(paths - linter.unparsed(code))
        return sorted([*rated, *secrets, *links], key=_order), checked

    def _links(self, entries: Iterable[Entry]) -> Iterator[Finding]:
        for entry, data in self._repository.contents(entries):
            target = os.fsdecode(data)
            led = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
            if led.startswith(("/", "../")) or led == "..":
                said = "a link that leads out of the source"
                yield Finding("links", "link-outside", entry.path, 0, said, target, "medium")


def _key(entry: Entry) -> tuple[str, bytes, str]:
    return entry.mode, entry.raw, entry.object


def _order(one: Finding) -> tuple[int, str, int, str]:
    return -severity.LEVELS.index(one.severity), one.path, one.line, one.rule
