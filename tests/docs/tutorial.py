"""Does what a tutorial says, in order, in one workspace, and compares what is printed.

On the page stand

* files: ``<!-- file: PATH -->`` above a code block writes the block to PATH;
* steps: in a ``console`` block each line after ``$ `` is run by a shell in the current folder,
  and the lines below it are what it prints, on both outputs, as a terminal shows them;
* a service: ``$ lotabots run`` goes on when it is ready, as in a terminal of its own, until a line
  ``^C`` ends it with what stands below. If it does not start, it is a step like any other.

What differs from run to run is made equal on both sides, by `VOLATILE` and by nothing else. The
service works while the reader reads: the steps of `LATER` are repeated until they print what the
page says, for at most `PATIENCE_S`.

``python tests/docs/tutorial.py docs/tutorial.md`` writes into the page what was printed wherever
that is not what the page says.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

VOLATILE: Final = (
    (r"nats://127\.0\.0\.1:\d+", "nats://SERVER"),
    (r"(?<![\w.])/\S*/words/", "/FOLDER/words/"),
    (r"\bcli\.[a-z0-9_-]+", "cli.YOU"),
    (r"\b[0-9a-f]{32}\b", "JOB"),
    (r"\b\d+ entries, root [0-9a-f]{64}", "N entries, root ROOT"),
    (r"\b\d+\.\d\d s\b", "N s"),
    (r" *[█◆]+ +\d+ ms", " BAR N ms"),
    # A traceback has other marks in other versions of Python.
    (r"log \(the last 5 of \d+ lines; all: \S+\)", "log (LINES)"),
    (r"\n +\|   .*", ""),
)
"""What is volatile and what it is made: ports, folders, your name, ids, hashes, times, traces."""

LATER: Final = re.compile(r"lotabots (trace|why|audit verify)\b")
PATIENCE_S: Final = 60.0
SERVICE: Final = "lotabots run"
READY: Final = "ready; Ctrl-C ends it"
_FILE: Final = re.compile(r"<!-- file: (\S+) -->")


class Step(NamedTuple):
    """A file to write (`path`) or a command; `lines` are its text or what it prints.

    `first` is the number of the first of the lines on the page, from 0.
    """

    path: str
    command: str
    first: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def steps_of(page: str) -> Iterator[Step]:
    """The steps of a page in order."""
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        path = _FILE.fullmatch(lines[at])
        begin = at + (2 if path else 1)
        if path or lines[at] == "```console":
            end = lines.index("```", begin)
            if path:
                yield Step(path[1], "", begin, tuple(lines[begin:end]))
            else:
                yield from _commands(lines, begin, end)
            at = end
        at += 1


def _commands(lines: list[str], begin: int, end: int) -> Iterator[Step]:
    starts = [n for n in range(begin, end) if lines[n].startswith("$ ") or lines[n] == "^C"]
    for start, following in zip(starts, [*starts[1:], end], strict=True):
        command = lines[start].removeprefix("$ ")
        yield Step("", command, start + 1, tuple(lines[start + 1 : following]))


def alike(text: str) -> str:
    """The text with everything volatile made equal."""
    for pattern, word in VOLATILE:
        text = re.sub(pattern, word, text)
    return text.rstrip()


class Reader:
    """Somebody who does what the page says, below `folder`. A context manager: ends the service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._service: subprocess.Popen[str] | None = None
        beside = str(Path(sys.executable).parent)
        path = f"{beside}{os.pathsep}{os.environ['PATH']}"
        plain = {name: value for name, value in os.environ.items() if "COLOR" not in name}
        self._env = plain | {"PATH": path, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._service is not None:
            self._service.kill()
            self._service.communicate()

    def do(self, step: Step) -> str:
        """Do a step; what it printed."""
        if step.path:
            place = self._folder / step.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{step.text}\n", encoding="utf-8")
            return step.text
        if step.command == "^C":
            return self._end()
        if step.command == SERVICE:
            return self._start()
        if step.command.startswith("cd "):
            self._folder /= step.command.removeprefix("cd ")
            return ""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            said = self._run(step.command)
            done = alike(said) == alike(step.text) or not LATER.match(step.command)
            if done or time.monotonic() > deadline:
                return said
            time.sleep(0.1)

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def _start(self) -> str:
        self._service = subprocess.Popen(
            SERVICE.split(),
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._service.stdout is not None
        said = ""
        for line in self._service.stdout:
            said += line
            if line.rstrip() == READY:
                break
        return said

    def _end(self) -> str:
        assert self._service is not None
        self._service.send_signal(signal.SIGINT)
        said, _ = self._service.communicate(timeout=PATIENCE_S)
        self._service = None
        return said


def written_anew(page: str, folder: Path) -> str:
    """The page with what its steps print today, where that is not what it says."""
    lines = page.splitlines()
    found: list[tuple[Step, str]] = []
    with Reader(folder) as reader:
        for step in steps_of(page):
            said = reader.do(step)
            if alike(said) != alike(step.text):
                found.append((step, said))
    for step, said in reversed(found):
        lines[step.first : step.first + len(step.lines)] = said.rstrip().splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        place.write_text(written_anew(place.read_text("utf-8"), Path(name)), encoding="utf-8")
