"""ReviewBot: reads what a change did and comments on it; it approves nothing and refuses nothing.

Reads one job as JSON from standard input, writes one event to standard output. Nothing of the
project runs here, and nothing that it says about reviews is obeyed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import api
import callers
import change
import findings
import lines
import packages
import patterns
import project
import remarks
import report
import source
import tested
import whole
from api import Pair
from failure import UnfitError
from history import History
from report import Review
from source import UnreadError

from commits import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from change import Changed
    from comment import Comment
    from source import Module

    from commits import Entry

TOOL, VERSION = "review", "1.0.0"
ACCEPTED = Path(__file__).with_name("accepted.txt")
DOCUMENT, PAGE = "review.json", "review.md"


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    try:
        review(job, started)
    except UnfitError as error:
        sys.exit(f"no result: {error}")


def review(job: dict[str, Any], started: float) -> None:
    """Read a change and say what there is to say."""
    paths, event = job["paths"], job["event"]["payload"]
    found = Look(paths, event["change"]["id"], event["change"].get("base", "")).review()
    if found.checked == 0:
        raise UnfitError("nothing in the change can be looked at")
    out = Path(paths["out"])
    (out / DOCUMENT).write_text(report.document(found, VERSION), encoding="utf-8")
    (out / PAGE).write_text(report.page(found), encoding="utf-8")
    payload = {
        "outcome": "success",  # it was read: what is said about it is advice, and no verdict
        "checked": found.checked,
        "suppressed": found.suppressed,
        "tool": {"name": TOOL, "version": VERSION, "digest": job["tools"]["review"]},
        "duration_s": round(time.monotonic() - started, 3),
        "reports": [],
        "files": len(found.changes),
        "added": found.added,
        "removed": found.removed,
        "comments": report.payload(found),
    }
    artifacts = [
        {"path": DOCUMENT, "kind": "review-report", "media_type": "application/json"},
        {"path": PAGE, "kind": "review-report", "media_type": "text/markdown"},
    ]
    emit("review.completed", payload, artifacts)


class Look:
    """One look at a change."""

    def __init__(self, paths: dict[str, Any], commit: str, said: str) -> None:
        git = paths["programs"]["git"]
        self._repository = Repository(git, paths["repository"])
        self._commit = commit
        entries = self._repository.entries(commit)
        self._compared = History(git, paths["repository"]).compared(commit, said)
        base = self._compared.base
        before = self._entries(base) if base else []
        self._before, self._after = project.tree(before), project.tree(entries)
        command = [git, f"--git-dir={paths['repository']}"]
        self._changes = change.read(self._repository, command, before, entries)
        self._unread: dict[str, str] = {}
        self._complete = False

    def review(self) -> Review:
        """All comments that nobody has dismissed."""
        every = sorted(set(self._comments()), key=lambda one: one.order)
        accepted = findings.read_accepted(ACCEPTED)
        kept = [one for one in every if one.finding.fingerprint not in accepted]
        suppressed = len(every) - len(kept)
        return Review(self._commit, self._compared, self._changes, kept, suppressed, self._complete)

    def _entries(self, base: str) -> Sequence[Entry]:
        try:
            return self._repository.entries(base)
        except UnfitError as error:
            if str(error) == "the commit has no files":
                return []
            raise

    def _comments(self) -> Iterator[Comment]:
        pairs: list[Pair] = []
        for changed in self._changes:
            yield from lines.found(changed)
            pair, comments = self._python(changed)
            yield from comments
            pairs += [pair] if pair else []
        breaks = api.compare(pairs, self._before, self._after)
        yield from breaks.comments
        users, self._complete = callers.found(breaks, self._repository, self._after)
        yield from users
        yield from tested.found(pairs, self._changes, self._after)
        for pair in pairs:
            yield from whole.complexity(pair)
        yield from whole.size(self._changes)
        yield from whole.unread(self._changes, self._unread)
        yield from whole.changelog(self._changes, breaks, self._after)
        yield from whole.documents(breaks, self._repository, self._after)
        yield from packages.found(self._changes, self._after)

    def _python(self, changed: Changed) -> tuple[Pair | None, list[Comment]]:
        """Both sides of a Python file, and the patterns that came with the change."""
        if not source.is_python(changed.path) or changed.unread:
            return None, []
        try:
            old = source.read(changed.before) if changed.before is not None else None
        except UnreadError:
            return None, []  # what was there before is not this change's
        try:
            new = source.read(changed.after) if changed.after is not None else None
        except UnreadError as error:
            self._unread[changed.path] = str(error)
            return None, []
        before = _patterns(old, changed.path) if old else []
        after = _patterns(new, changed.path) if new else []
        fresh = findings.new(
            (one.finding for one in after),
            (one.finding for one in before),
            unchanged=frozenset(),
        )
        known = {id(one) for one in fresh}
        comments = [
            one
            for one in after
            if id(one.finding) in known and changed.touches(one.finding.line, one.end)
        ]
        pair = Pair(changed, old.summary() if old else None, new.summary() if new else None)
        return pair, comments


def emit(event: str, payload: dict[str, Any], artifacts: Sequence[dict[str, str]]) -> None:
    """One line of output. Repository, change and `advisory` are filled in by the engine."""
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _patterns(module: Module, path: str) -> list[Comment]:
    return [*patterns.found(module, path), *remarks.found(module, path)]


if __name__ == "__main__":
    main()
