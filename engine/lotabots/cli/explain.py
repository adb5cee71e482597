"""`lotabots explain`: a code, bot, event, gate, capability or invariant, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

import click

from lotabots.checks import registry
from lotabots.cli.near import did_you_mean, near
from lotabots.cli.options import (
    color_option,
    fail,
    workspace_at,
    workspace_option,
)
from lotabots.cli.screen import wants_color
from lotabots.service.describe import describe, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CODE: Final = re.compile(r"l[br][0-9]+", re.ASCII | re.IGNORECASE)


@click.command("explain")
@click.argument("topic")
@workspace_option
@color_option
def command(topic: str, *, workspace: Path | None, color: str) -> None:
    """Explain TOPIC: a code (LB101, never-true), bot, event, gate, capability or invariant.

    Codes need no workspace. Of a bot you see what it owns, what it must never do, what starts it
    and where its results go; of an event who may send it, who acts on it, and its payload.

    Exit codes: 0 explained, 2 nothing is called so.
    """
    colored = wants_color(color)
    page = registry.lookup(topic)
    if page is not None:
        click.echo(_highlighted(page.markdown, color=colored), nl=False, color=colored)
        return
    if _CODE.fullmatch(topic):
        _unknown(topic, ())
    fleet = workspace_at(workspace).checked.fleet
    text = describe(fleet, topic)
    if text is None:
        _unknown(topic, names_of(fleet))
    click.echo(_highlighted(text, color=colored), nl=False, color=colored)


def _unknown(topic: str, declared: Iterable[str]) -> NoReturn:
    """End with what is near: of codes, which all look alike, those of the same family first."""
    pages = registry.all_pages()
    codes = [page.code for page in pages]
    family = [code for code in codes if code[:3] == topic[:3].upper()]
    names = [*declared, *codes, *(page.name for page in pages)]
    found = near(topic, family, cutoff=0.6) or near(topic, names, cutoff=0.75)
    if not found:
        cure = "codes stand in findings and verdicts, all other names in the files of `rules`"
        fail(f"nothing is called `{topic}`; {cure}")
    fail(f"nothing is called `{topic}`; {did_you_mean(found)}")


def _highlighted(markdown: str, *, color: bool) -> str:
    """Markdown as it is, with headings in bold on a terminal."""
    if not color:
        return markdown
    lines = (click.style(s, bold=True) if s.startswith("#") else s for s in markdown.split("\n"))
    return "\n".join(lines)
