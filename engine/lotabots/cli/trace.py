"""`lotabots trace`: what an event led to, as a waterfall."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import (
    color_option,
    format_option,
    workspace_option,
)
from lotabots.cli.screen import terminal_width, wants_color
from lotabots.cli.service import ask

if TYPE_CHECKING:
    from pathlib import Path

_TIMES: Final = 10
_BARS: Final = 10
"""Columns that bars have at least."""


@click.command("trace")
@click.argument("ident", metavar="ID")
@workspace_option
@format_option
@color_option
def command(ident: str, *, workspace: Path | None, style: str, color: str) -> None:
    """Draw everything that the event ID (or the event of the job ID) led to, over time.

    ID may also be a commit, or its first 7 digits: then all that its pushes led to is drawn.
    """
    said = ask(workspace, "trace", id=ident)
    if style == "json":
        click.echo(json.dumps(said, indent=2))
        return
    colored = wants_color(color)
    drawn = waterfall(said["spans"], width=terminal_width(), color=colored)
    click.echo(drawn, color=colored)
    if said["left_out"]:
        click.echo(f"({said['left_out']} more are left out)")


def waterfall(spans: list[dict[str, Any]], *, width: int, color: bool) -> str:
    """One line per event and job; a bar from when it began to when it ended.

    Names get the room that the longest needs. Only if they left less than `_BARS` of the `width`
    columns for the bars, they are cut.
    """
    rows = [_row(span) for span in spans]
    longest = max(len(name) for name, *_ in rows)
    names = max(min(longest, width - _TIMES - _BARS - 2), _BARS)
    first = min(begin for _, begin, _, _ in rows)
    last = max(end for _, _, end, _ in rows)
    room = max(width - names - _TIMES - 2, _BARS)
    scale = (last - first).total_seconds() or 1.0
    lines = []
    for name, begin, end, style in rows:
        left = int((begin - first).total_seconds() / scale * (room - 1))
        length = max(1, int((end - begin).total_seconds() / scale * room))
        bar = " " * left + ("█" * length if end > begin else "◆")
        took = (end - begin).total_seconds()
        shown = name if len(name) <= names else f"{name[: names - 1]}…"
        text = f"{shown:{names}} {bar:{room}.{room}} {took * 1000:7.0f} ms"
        lines.append(click.style(text, fg=style) if color and style else text)
    return "\n".join(lines)


def _row(span: dict[str, Any]) -> tuple[str, datetime, datetime, str]:
    if span["kind"] == "event":
        at = datetime.fromisoformat(span["at"])
        decided = datetime.fromisoformat(span.get("decided_at", span["at"]))
        return f"{span['type']} from {span['source']}", at, max(at, decided), "cyan"
    times = [datetime.fromisoformat(attempt["at"]) for attempt in span["attempts"]]
    ended = str(span.get("ended_at", ""))
    outcome = span.get("outcome", {}).get("outcome", "running")
    begin = min(times, default=datetime.fromisoformat(span["at"]))
    end = datetime.fromisoformat(ended) if ended else max(times, default=begin)
    style = {"success": "green", "running": "yellow"}.get(outcome, "red")
    return f"  {span['bot']}.{span['action']}: {outcome}", begin, end, style
