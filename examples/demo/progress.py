"""Live progress of a commit: one line per bot and commit.

On a terminal the lines are drawn anew in place; elsewhere each job adds one line when it ends.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple, TextIO

from words import Said, began, describe, events, jobs, moment

if TYPE_CHECKING:
    from datetime import datetime

    from commits import Pushed
    from words import Span

ORDER = (
    "BuildBot",
    "LintBot",
    "SecurityBot",
    "TestBot",
    "gate.release-staging",
    "gate.release-production",
    "DeployBot",
    "MonitorBot",
    "gate.rollback",
    "NotificationBot",
)
COLORS = {"green": 32, "red": 31, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
RUNNING = ("…", "yellow")
GOES_ON = {"MonitorBot": "goes on watching the new release"}
UP, CLEAR = "\x1b[{}A", "\x1b[J"
NAMES = 24
NEWS = 2
"""How many of the newest results a line has room for, beside bad ones."""

JOBS = 30


class Row(NamedTuple):
    """What a bot, or a gate, did for a commit so far."""

    name: str
    good: bool | None
    busy: bool
    seconds: float
    text: str


class Ended(NamedTuple):
    """A job that ended, or a gate that opened, and what came of it."""

    key: str
    name: str
    seconds: float
    said: Said


def rows(spans: list[Span], now: datetime) -> list[Row]:
    """One row for each bot that has, or had, something to do, and each gate that opened."""
    found: dict[str, list[tuple[Span, Said]]] = {}
    for job in jobs(spans):
        found.setdefault(job["bot"], []).append((job, _outcome(job, spans)))
    for event in events(spans, "deploy.requested"):
        found.setdefault(event["source"], []).append((event, _opened(event)))
    known = [name for name in ORDER if name in found]
    return [_row(name, found[name], now) for name in known]


def ended(spans: list[Span]) -> list[Ended]:
    """What ended so far, in order of time."""
    done = [
        (moment(job, "ended_at"), job["job"], f"{job['bot']} {job['action']}", job)
        for job in jobs(spans)
        if "outcome" in job
    ]
    opened = [
        (moment(event), event["id"], event["source"], event)
        for event in events(spans, "deploy.requested")
    ]
    return [
        Ended(key, name, _seconds(span, at), _said(span, spans))
        for at, key, name, span in sorted(done + opened, key=lambda one: one[:3])
    ]


def _said(span: Span, spans: list[Span]) -> Said:
    return _outcome(span, spans) if span["kind"] == "job" else _opened(span)


def _row(name: str, found: list[tuple[Span, Said]], now: datetime) -> Row:
    bad = any(said.good is False for _, said in found)
    busy = any(span["kind"] == "job" and "outcome" not in span for span, _ in found)
    told = [said for _, said in found if said.good is not None] or [said for _, said in found]
    texts = dict.fromkeys(said.text for said in told[-NEWS:] if said.text)
    urgent = dict.fromkeys(said.text for said in told if said.good is False)
    seconds = sum(_seconds(span, now) for span, _ in found)
    return Row(name, not bad, busy, seconds, "; ".join(urgent | texts))


def _seconds(span: Span, now: datetime) -> float:
    first = began(span) if span["kind"] == "job" else None
    last = moment(span, "ended_at") if "ended_at" in span else now
    return (last - first).total_seconds() if first else 0.0


def _outcome(job: Span, spans: list[Span]) -> Said:
    """What a job said: in its events, or why it has none."""
    told = [describe(event) for event in events(spans) if job["job"] in event["causes"]]
    said = [one for one in told if one]
    bad = any(one.good is False for one in said)
    text = "; ".join(one.text for one in said)
    outcome = job.get("outcome")
    if not outcome and job["bot"] == "MonitorBot":
        return Said(text or "watches the new release")
    if outcome and outcome["outcome"] not in {"success", "failure", "cancel"}:
        return Said(outcome["reason"] or outcome["outcome"], good=False)
    return Said(text, good=not bad if outcome else None)


def _opened(event: Span) -> Said:
    said = describe(event)
    why = " (a person approved)" if event["source"] == "gate.release-production" else ""
    return Said((said.text if said else "") + why, good=True)


class Pipe:
    """Plain lines, none of which is ever changed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._known: set[str] = set()

    def begin(self, pushed: Pushed, of: int) -> None:
        """A commit was pushed."""
        self.say("")
        self.say(heading(pushed, of))

    def show(self, spans: list[Span], now: datetime, below: str = "") -> None:
        """Say what ended since the last time."""
        del now, below
        for one in ended(spans):
            if one.key not in self._known:
                self._known.add(one.key)
                mark, _ = MARKS[one.said.good]
                took = f"{one.seconds:5.1f} s" if one.seconds else " " * 7
                self.say(f"  {mark} {one.name:{JOBS}} {took}  {one.said.text}".rstrip())

    def end(self) -> None:
        """Nothing more comes of this commit for now."""

    def say(self, text: str, color: str = "") -> None:
        """Say something else."""
        del color
        print(text, file=self._out, flush=True)

    def tell(self, line: str, color: str = "") -> None:
        """Say a line of an account, below its title."""
        self.say(f"  {line}".rstrip(), color)


class Terminal(Pipe):
    """Lines that are drawn anew in place."""

    def __init__(self, out: TextIO, *, colors: bool) -> None:
        super().__init__(out)
        self._colors = colors
        self._height = 0
        self._last: list[Row] = []
        self._below = ""

    def begin(self, pushed: Pushed, of: int) -> None:
        """A commit was pushed."""
        self.say("")
        self.say(self._cut(heading(pushed, of)), "bold")

    def show(self, spans: list[Span], now: datetime, below: str = "") -> None:
        """Draw all lines of the commit, with one more below them."""
        self._last, self._below = rows(spans, now), below
        self._draw([self._drawn(row) for row in self._last])

    def end(self) -> None:
        """Leave the lines as they are; what goes on does so without being watched."""
        if self._height and any(row.busy and row.good for row in self._last):
            self._draw([self._drawn(row, goes_on=row.busy) for row in self._last])
        self._height = 0

    def say(self, text: str, color: str = "") -> None:
        """Say something else."""
        self.end()
        print(self._paint(text, color), file=self._out, flush=True)

    def tell(self, line: str, color: str = "") -> None:
        """Say a line of an account, on as many lines as the terminal needs for it."""
        hanging = " " * (len(line) - len(line.lstrip()) + 4)
        for one in textwrap.wrap(
            f"  {line}",
            max(shutil.get_terminal_size().columns, 20),
            subsequent_indent=hanging,
            break_on_hyphens=False,
        ) or [""]:
            self.say(one, color)

    def _draw(self, drawn: list[str]) -> None:
        lines, below = drawn, self._below
        if below:
            lines.append(self._paint(self._cut(f"  {below}"), "dim"))
        back = UP.format(self._height) + "\r" + CLEAR if self._height else ""
        self._out.write(back + "".join(f"{line}\n" for line in lines))
        self._out.flush()
        self._height = len(lines)

    def _drawn(self, row: Row, *, goes_on: bool = False) -> str:
        mark, color = RUNNING if row.busy and row.good else MARKS[row.good]
        if goes_on and row.good:
            mark, color = MARKS[None]
            row = row._replace(text=GOES_ON.get(row.name, f"{row.text} (goes on)".lstrip()))
        took = f"{row.seconds:5.1f} s" if row.seconds else " " * 7
        text = self._cut(f"{row.name:{NAMES}} {took}  {row.text}", used=4)
        tone = "red" if row.good is False else ""
        return f"  {self._paint(mark, color)} {self._paint(text.rstrip(), tone)}"

    def _cut(self, text: str, used: int = 0) -> str:
        room = max(shutil.get_terminal_size().columns - used - 1, 20)
        return text if len(text) <= room else f"{text[: room - 1]}…"

    def _paint(self, text: str, color: str) -> str:
        return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if self._colors and color else text


def heading(pushed: Pushed, of: int) -> str:
    """What a commit is, in one line."""
    return f"{pushed.number} of {of}  {pushed.short}  {pushed.subject}  ({pushed.change.what})"


def screen(out: TextIO = sys.stdout) -> Pipe:
    """The form of progress that fits where it goes to."""
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return Terminal(out, colors="NO_COLOR" not in os.environ)
    return Pipe(out)
