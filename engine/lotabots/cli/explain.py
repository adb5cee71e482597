"""`lotabots explain`: a code, a bot, an event, a gate or a capability, in words."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import click

from lotabots.checks import registry
from lotabots.cli.options import color_option, wants_color, workspace_at, workspace_option
from lotabots.service.describe import describe, names_of

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.model.fleet import Fleet

NOT_FOUND: Final = 1


@click.command("explain")
@click.argument("topic")
@workspace_option
@color_option
def command(topic: str, *, workspace: Path | None, color: str) -> None:
    """Explain TOPIC: a code (LB101, never-true), a bot, an event, a gate or a capability.

    Codes need no workspace. Of a bot you see what it owns, what it must never do, what starts it
    and where its results go; of an event who may send it, who acts on it, and its payload.
    """
    colored = wants_color(color)
    page = registry.lookup(topic)
    if page is not None:
        click.echo(_highlighted(page.markdown, color=colored), nl=False, color=colored)
        return
    fleet = workspace_at(workspace).checked.fleet
    text = describe(fleet, topic)
    if text is None:
        click.echo(f"nothing is called `{topic}`{_suggestion(topic, fleet)}", err=True)
        sys.exit(NOT_FOUND)
    click.echo(_highlighted(text, color=colored), nl=False, color=colored)


def _suggestion(topic: str, fleet: Fleet) -> str:
    known = [*names_of(fleet), *(p.code for p in registry.all_pages())]
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(topic.lower(), by_lower, n=1)
    return f"; did you mean `{by_lower[close[0]]}`?" if close else ""


def _highlighted(markdown: str, *, color: bool) -> str:
    """Markdown as it is, with headings in bold on a terminal."""
    if not color:
        return markdown
    lines = (click.style(s, bold=True) if s.startswith("#") else s for s in markdown.split("\n"))
    return "\n".join(lines)
