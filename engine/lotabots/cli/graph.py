"""`lotabots graph`: draw the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lotabots.cli.options import workspace_at, workspace_option
from lotabots.graph import export
from lotabots.graph.picture import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.graph.picture import Picture

FORMATS: Final[dict[str, Callable[[Picture], str]]] = {
    "mermaid": export.mermaid,
    "dot": export.dot,
    "svg": export.svg,
}


@click.command("graph")
@workspace_option
@click.option(
    "--format",
    "style",
    type=click.Choice(list(FORMATS)),
    default="mermaid",
    show_default=True,
    help="For pages that draw Mermaid, for graphviz, or a drawing that stands alone.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
def command(*, workspace: Path | None, style: str, output: Path | None) -> None:
    """Draw who may start whom, by which events: bots, gates, and what comes from outside."""
    drawn = FORMATS[style](picture(workspace_at(workspace).checked.fleet))
    if output is None:
        click.echo(drawn, nl=False)
    else:
        output.write_text(drawn, encoding="utf-8")
