"""Runs ruff's rules and believes only a run that looked at every file.

No configuration but ours, no cache, no `noqa`. Ruff says 0 (nothing found) also when it has
looked at nothing, so the files it takes are compared with the files that were written.
This file is the same in every bot that runs ruff (a test compares them).
"""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import findings
from failure import UnfitError
from findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sources import Source, Sources

RULES = Path(__file__).with_name("rules.toml")
MAX_OUTPUT = 64 * 2**20
MAX_SAID = 1000
CHECK = ("check", "--no-cache", f"--config={RULES}")
UNREAD = "unread-file"
UNPARSED = ("invalid-syntax", "E902")
TOOL = "ruff"
ENV = {"HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "RAYON_NUM_THREADS": "4"}


class Ruff:
    """The ruff of a toolbox; `work` is a folder for what it prints."""

    def __init__(self, tools: str, work: Path) -> None:
        self.program = str(Path(tools) / "bin" / "ruff")
        self.version = next(
            (found.version for found in distributions(name="ruff", path=[tools])), "unknown"
        )
        self._work = work

    def check(self, sources: Sources) -> list[Finding]:
        """What is wrong in the files, and which could not be read, in order of place."""
        found = [
            Finding(TOOL, UNREAD, path, 0, f"not looked at: {why}", why, "medium")
            for path, why in sources.unread.items()
        ]
        if sources.written:
            self._prove_complete(sources)
            lines = _Lines(sources)
            found += [_finding(item, lines) for item in self._items(sources)]
        return sorted(found, key=lambda one: (one.path, one.line, one.rule, one.message))

    def run(self, *arguments: str, cwd: Path, allowed: tuple[int, ...]) -> bytes:
        """What ruff prints; any other exit status than those `allowed` is an error."""
        printed = self._work / "printed"
        with printed.open("wb") as file:
            done = subprocess.run(
                [self.program, *arguments],
                cwd=cwd,
                env=ENV,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                check=False,
            )
        if done.returncode not in allowed:
            said = done.stderr.decode(errors="replace").strip()[-MAX_SAID:]
            raise UnfitError(f"ruff {arguments[0]} ended with {done.returncode}: {said}")
        if printed.stat().st_size > MAX_OUTPUT:
            raise UnfitError(f"ruff {arguments[0]} printed more than {MAX_OUTPUT} bytes")
        return printed.read_bytes()

    def _items(self, sources: Sources) -> list[dict[str, Any]]:
        printed = self.run(
            *CHECK,
            "--ignore-noqa",
            "--no-fix",
            "--output-format=json",
            ".",
            cwd=sources.folder,
            allowed=(0, 1),
        )
        try:
            items: list[dict[str, Any]] = json.loads(printed)
        except ValueError as error:
            raise UnfitError(f"ruff printed no JSON: {error}") from error
        return items

    def _prove_complete(self, sources: Sources) -> None:
        printed = self.run(*CHECK, "--show-files", ".", cwd=sources.folder, allowed=(0,))
        root = sources.folder.resolve()
        taken = {_below(root, line) for line in printed.decode().split("\n") if line}
        missing = sorted(sources.written.keys() - taken)
        if missing:
            raise UnfitError(f"ruff does not look at `{missing[0]}` ({len(missing)} such files)")


def unparsed(found: Iterable[Finding]) -> set[str]:
    """Paths of files whose code was not looked at."""
    return {one.path for one in found if one.rule in (*UNPARSED, UNREAD)}


class _Lines:
    """The files of a run by the names that ruff has for them; each is read once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._root = sources.folder.resolve()
        self._read: dict[str, list[str]] = {}

    def at(self, filename: str, line: int) -> tuple[Source, str]:
        """The file, and its line without the space around it."""
        source = self._sources.written.get(_below(self._root, filename))
        if source is None:
            raise UnfitError(f"ruff found something in `{filename[:200]}`, which is not ours")
        if source.written not in self._read:
            self._read[source.written] = self._sources.lines(source)
        lines = self._read[source.written]
        return source, lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _finding(item: dict[str, Any], lines: _Lines) -> Finding:
    line = int(item["location"]["row"])
    source, text = lines.at(item["filename"], line)
    rule = str(item["code"] or item.get("name") or UNPARSED[0])
    return Finding(TOOL, rule, source.path, line, findings.message(str(item["message"])), text)


def _below(root: Path, filename: str) -> str:
    path = Path(filename)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else filename
