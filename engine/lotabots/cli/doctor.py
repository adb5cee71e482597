"""`lotabots doctor`: everything to know before `run`, with a cure for each problem."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import click

from lotabots import __version__
from lotabots.cli.options import color_option, format_option, workspace_option
from lotabots.cli.screen import terminal_width, wants_color
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted
from lotabots.service.doctor.item import Item, State, document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FINDINGS: Final = 1
MARKS: Final = {
    State.GOOD: ("✓", "green"),
    State.NOTE: ("·", "bright_black"),
    State.WARNING: ("!", "yellow"),
    State.PROBLEM: ("✗", "red"),
}
_NAME: Final = 16
"""Columns for the names of the things."""

_LEFT: Final = 4 + _NAME + 2
_SHORTEST: Final = 30


@click.command("doctor")
@workspace_option
@click.option(
    "--nats",
    "server",
    metavar="URL",
    help="Also connect to this server, and prove that it keeps every bot to what it declares.",
)
@format_option
@color_option
def command(workspace: Path | None, *, server: str | None, style: str, color: str) -> None:
    """Say whether `lotabots run` will work here, and what to do where it will not.

    Looks at the host, the workspace, lotabots.yaml and the state folder. Writes nothing, and uses
    no network but for --nats. Of secrets only names are shown.

    Exit codes: 0 no problem (there may be warnings), 1 at least one problem.
    """
    items = asyncio.run(_examined(workspace, server or ""))
    if style == "json":
        click.echo(json.dumps(document(items, version=__version__), indent=2))
    else:
        colored = wants_color(color)
        width = terminal_width() if sys.stdout.isatty() else 0
        click.echo(in_words(items, width=width, color=colored), color=colored)
    sys.exit(FINDINGS if any(item.state is State.PROBLEM for item in items) else 0)


async def _examined(workspace: Path | None, server: str) -> list[Item]:
    from lotabots.service.doctor import host  # noqa: PLC0415 - `--help` needs none

    first = [host.python(), host.packages()]
    if first[-1].state is State.PROBLEM:
        return first  # the other looks need these packages themselves
    from lotabots.service.doctor.checkup import examine  # noqa: PLC0415 - see above

    return [*first, *[item async for item in examine(workspace, server=server)]]


def in_words(items: Sequence[Item], *, width: int = 0, color: bool = False) -> str:
    """The table, and what it comes to; texts are wrapped to `width` columns, 0 for never."""
    lines: list[str] = []
    for section, found in groupby(items, key=lambda item: item.section):
        lines += [click.style(section, bold=True) if color else section]
        for item in found:
            lines += _told(item, width, color=color)
        lines += [""]
    return "\n".join([*lines, *_summary(items, color=color)])


def _told(item: Item, width: int, *, color: bool) -> Iterator[str]:
    mark, tint = MARKS[item.state]
    mark = click.style(mark, fg=tint, bold=item.state is not State.NOTE) if color else mark
    first, *more = [line for one in item.found.split("\n") for line in _wrapped(one, width)]
    yield f"  {mark} {clean(item.name):{_NAME}}  {first}"
    yield from (f"{' ' * _LEFT}{line}" for line in more)
    for number, line in enumerate(_wrapped(item.cure, width - 2 if width else 0)):
        shown = f"{'  ' if number else '→ '}{line}"
        yield " " * _LEFT + (click.style(shown, fg="cyan") if color else shown)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that fit beside the names; what follows an indented one is indented further."""
    line = clean(text)
    if not width or not line:
        return [line] if line else []
    inner = " " * 2 * (len(line) - len(line.lstrip()))
    room = max(width - _LEFT, _SHORTEST)
    return wrap(line, room, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False)


def _summary(items: Sequence[Item], *, color: bool) -> Iterator[str]:
    problems = sum(1 for item in items if item.state is State.PROBLEM)
    warnings = sum(1 for item in items if item.state is State.WARNING)
    warned = counted(warnings, "warning")
    if problems:
        said, tint = f"{counted(problems, 'problem')}, {warned}: see the arrows", "red"
    elif warnings:
        said = f"no problem, {warned}: `lotabots run` starts, and does less than it could"
        tint = "yellow"
    else:
        said, tint = "all is well: `lotabots run`", "green"
    yield click.style(said, fg=tint, bold=True) if color else said
