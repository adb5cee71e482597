"""DocumentationBot: generates what documents can be made from code and commits, and checks links.

Reads one job as JSON from standard input, writes one event to standard output. Nothing of the
project is imported or run; what is written comes out as files and as a patch that people may take.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import blocks
import changelog
import findings
import links
import page
import reference
from failure import UnfitError
from page import UnreadError

from commits import FILES, Repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blocks import Proposal
    from changelog import Changes
    from links import Links
    from page import Page
    from reference import Module

    from commits import Entry

PARSER = "markdown-it-py"
ACCEPTED = Path(__file__).with_name("accepted.txt")
MAX_BROKEN = 200
MAX_BROKEN_BYTES = 128 * 1024
MAX_LISTED = 10_000  # in the report, which says how many there are
MAX_TEXT = 1000


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    sys.path.insert(0, job["paths"]["toolbox"]["docs"])
    try:
        generate(job, started)
    except UnfitError as error:
        sys.exit(f"no result: {error}")


def generate(job: dict[str, Any], started: float) -> None:
    """Look at a pushed commit and hand over what can be made from it."""
    paths, commit = job["paths"], job["event"]["payload"]["change"]["id"]
    out = Path(paths["out"])
    look = Look(paths, commit)
    if look.checked == 0:
        raise UnfitError("the commit has no Markdown and no Python that can be read")
    found = links.check(look.pages, links.places(look.entries))
    accepted = findings.read_accepted(ACCEPTED)
    broken = [one for one in found.broken if one.fingerprint not in accepted]
    changes = changelog.read(paths["programs"]["git"], paths["repository"], commit)
    known = blocks.Known(look.by_name(), changes)
    work = out / "work"
    work.mkdir()
    proposal = blocks.propose(
        look.pages, known, reader=look.reader, git=paths["programs"]["git"], work=work
    )
    shutil.rmtree(work)
    written = _written(out, look, found, broken, changes, proposal)
    described = [_described(out, one) for one in written]
    payload = {
        "outcome": "failure" if broken else "success",
        "checked": look.checked,
        "suppressed": len(found.broken) - len(broken),
        "tool": {"name": PARSER, "version": _version(paths), "digest": job["tools"]["docs"]},
        "duration_s": round(time.monotonic() - started, 3),
        "reports": [],
        "outputs": [one for one in described if one["kind"] == "documentation"],
        "links": {"checked": found.checked, "broken": _first(broken)},
    }
    patches = [one for one in described if one["kind"] == "docs-patch"]
    if patches:
        payload["patch"] = patches[0]
    emit("docs.completed", payload, written)


class Look:
    """The documents and the public code of a commit."""

    def __init__(self, paths: dict[str, Any], commit: str) -> None:
        repository = Repository(paths["programs"]["git"], paths["repository"])
        self.entries = repository.entries(commit)
        self.reader = page.Reader()
        self.pages: dict[str, Page] = {}
        self.unread: dict[str, str] = {}
        self.modules: list[Module] = []
        self._names = frozenset(one.path for one in self.entries if one.mode in FILES)
        for entry, data in repository.contents(self._wanted()):
            if entry.path.endswith(".md"):
                self._page(entry, data)
            else:
                self._module(entry, data)
        self.modules.sort(key=lambda one: (one.name, one.path))

    @property
    def checked(self) -> int:
        """How many files were really looked at."""
        return len(self.pages) + len(self.modules)

    def by_name(self) -> dict[str, Module]:
        """The modules whose name no other has."""
        times = Counter(one.name for one in self.modules)
        return {one.name: one for one in self.modules if times[one.name] == 1}

    def _wanted(self) -> list[Entry]:
        """Documents and public modules that are not too large, and not too many."""
        chosen, left = [], reference.MAX_READ
        for one in self.entries:
            is_page = one.raw.endswith(b".md")
            if one.mode not in FILES or not (is_page or self._is_public(one.path)):
                continue
            largest = page.MAX_BYTES if is_page else reference.MAX_FILE
            if not one.is_plain:
                self.unread[one.path] = "its name cannot be written"
            elif one.size > largest:
                self.unread[one.path] = f"it is larger than {largest} bytes"
            elif one.size > left:
                self.unread[one.path] = f"there are more than {reference.MAX_READ} bytes to read"
            else:
                left -= one.size
                chosen.append(one)
        return chosen

    def _is_public(self, path: str) -> bool:
        return reference.is_public(path, reference.module_name(path, self._names))

    def _page(self, entry: Entry, data: bytes) -> None:
        try:
            self.pages[entry.path] = self.reader.read(data)
        except UnreadError as error:
            self.unread[entry.path] = str(error)

    def _module(self, entry: Entry, data: bytes) -> None:
        name = reference.module_name(entry.path, self._names)
        found = reference.read(entry.path, data, name)
        if isinstance(found, str):
            self.unread[entry.path] = found
        else:
            self.modules.append(found)


def emit(event: str, payload: dict[str, Any], artifacts: Sequence[dict[str, str]]) -> None:
    """One line of output. Repository and change are filled in by the engine."""
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _written(
    out: Path,
    look: Look,
    found: Links,
    broken: Sequence[findings.Finding],
    changes: Changes,
    proposal: Proposal,
) -> list[dict[str, str]]:
    """Write all files; what each is."""
    listed = broken[:MAX_LISTED]
    report = {
        "version": 1,
        "links": {
            "checked": found.checked,
            "external": found.external,
            "unfollowed": found.unfollowed,
            "broken": len(broken),
            "suppressed": len(found.broken) - len(broken),
        },
        "broken": [{**row, "reason": one.message, "fp": one.fingerprint}
                   for row, one in zip(_rows(listed), listed, strict=True)],
        "blocks": {
            "seen": proposal.blocks,
            "files": proposal.files,
            "dropped": dict(sorted(proposal.dropped.items())),
        },
        "commits": {
            "since": changes.since,
            "entries": len(changes.entries),
            "silent": changes.silent,
            "other": changes.others,
        },
        "unread": dict(sorted(look.unread.items())),
    }  # fmt: skip
    code = {path: why for path, why in look.unread.items() if path.endswith(".py")}
    lines = changes.lines()
    entries = "\n".join(["## Unreleased", "", *lines]) + "\n" if lines else ""
    pages = reference.page(look.modules) if look.modules else ""
    files = [
        ("links.json", "link-report", "application/json", _json(report)),
        (
            "api.json",
            "documentation",
            "application/json",
            _json(reference.document(look.modules, code)),
        ),
        ("api.md", "documentation", "text/markdown", pages.encode()),
        ("changelog.md", "documentation", "text/markdown", entries.encode()),
        ("docs.patch", "docs-patch", "text/x-patch", proposal.patch),
    ]
    kept = [one for one in files if one[3]]
    for name, _, _, data in kept:
        (out / name).write_bytes(data)
    return [{"path": name, "kind": kind, "media_type": media} for name, kind, media, _ in kept]


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _rows(broken: Sequence[findings.Finding]) -> list[dict[str, Any]]:
    return [
        {
            "path": one.path[: findings.MAX_PATH],
            "line": one.line,
            "target": findings.KNOWN.sub("<masked>", one.text)[:MAX_TEXT],
        }
        for one in broken
    ]


def _first(broken: Sequence[findings.Finding]) -> list[dict[str, Any]]:
    """The first broken links, as many as fit into an event."""
    rows: list[dict[str, Any]] = []
    size = 0
    for row in _rows(broken[:MAX_BROKEN]):
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if size > MAX_BROKEN_BYTES:
            break
        rows.append(row)
    return rows


def _described(out: Path, artifact: dict[str, str]) -> dict[str, Any]:
    data = (out / artifact["path"]).read_bytes()
    return {
        "name": artifact["path"],
        "kind": artifact["kind"],
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
        "media_type": artifact["media_type"],
    }


def _version(paths: dict[str, Any]) -> str:
    tools = [paths["toolbox"]["docs"]]
    return next((one.version for one in distributions(name=PARSER, path=tools)), "unknown")


if __name__ == "__main__":
    main()
