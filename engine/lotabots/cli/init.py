"""`lotabots init`: make a workspace."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from lotabots.adapters.files.workspace import WorkspaceError
from lotabots.cli.options import fail
from lotabots.diagnostics.terminal import clean
from lotabots.service.beginning import IGNORED, STATE, ignores_state, plan, write

if TYPE_CHECKING:
    from lotabots.service.beginning import Plan

NEXT: Final = (
    "lotabots validate",
    "lotabots test",
    "lotabots run",
    """lotabots emit hello.asked '{"name": "Ann"}' --id first    # in a second terminal""",
)
"""What the README of the new workspace says too."""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def command(folder: Path, *, dry_run: bool) -> None:
    """Make a workspace in FOLDER (default: this one): a fleet of one bot that runs.

    Nothing is ever overwritten. FOLDER may be new, empty, or a repository with other files.

    Exit codes: 0 made, 2 something is in the way.
    """
    try:
        planned = plan(folder)
    except WorkspaceError as error:
        fail(clean(str(error)))
    if planned.in_the_way:
        fail(_refusal(planned.in_the_way))
    if not dry_run:
        write(planned)
    for name in planned.files:
        click.echo(clean(f"{'would write' if dry_run else 'wrote'} {folder / name}"))
    for name in planned.kept:
        click.echo(clean(_kept(planned, name)))
    if not dry_run:
        going = [] if folder == Path() else [f"cd {quote(str(folder))}"]
        click.echo("\n".join(["", "next:", *(f"  {clean(line)}" for line in (*going, *NEXT))]))


def _refusal(in_the_way: tuple[str, ...]) -> str:
    one = len(in_the_way) == 1
    what, them = ("this is", "it") if one else ("these are", "them")
    said = f"nothing was written, {what} in the way: {', '.join(in_the_way)}"
    return clean(f"{said}; move {them} away, or name another folder")


def _kept(planned: Plan, name: str) -> str:
    said = f"left {planned.root / name} as it is"
    if name == IGNORED and not ignores_state(planned.root):
        said += f"; add the line `{STATE}/` to it"
    return said
