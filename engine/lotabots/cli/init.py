"""`lotabots init`: make a workspace."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from lotabots.adapters.files.workspace import WorkspaceError
from lotabots.cli.options import fail
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted
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

NEXT_WITH_FLEET: Final = (
    "lotabots validate",
    "lotabots test",
    "lotabots tools sync    # downloads the tools of the bots",
    "lotabots doctor",
    "lotabots run",
)
MANY: Final = 40
"""More files are told by their folders."""

SHOWN: Final = 10
"""Of more things in the way the first are named."""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--with-fleet",
    is_flag=True,
    help="The fleet that LotaBots comes with, rules and programs, instead of one bot.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def command(folder: Path, *, with_fleet: bool, dry_run: bool) -> None:
    """Make a workspace in FOLDER (default: this one): a fleet of one bot that runs.

    Nothing is ever overwritten. FOLDER may be new, empty, or a repository with other files.

    Exit codes: 0 made, 2 something is in the way.
    """
    try:
        planned = plan(folder, with_fleet=with_fleet)
    except WorkspaceError as error:
        fail(clean(str(error)))
    if planned.in_the_way:
        fail(_refusal(planned.in_the_way))
    if not dry_run:
        write(planned)
    for name in _told(tuple(planned.files)):
        click.echo(clean(f"{'would write' if dry_run else 'wrote'} {folder / name}"))
    for name in planned.kept:
        click.echo(clean(_kept(planned, name)))
    if not dry_run:
        going = [] if folder == Path() else [f"cd {quote(str(folder))}"]
        lines = (*going, *(NEXT_WITH_FLEET if with_fleet else NEXT))
        click.echo("\n".join(["", "next:", *(f"  {clean(line)}" for line in lines)]))


def _told(names: tuple[str, ...]) -> list[str]:
    """The files one by one; of many, how many in which folder."""
    if len(names) <= MANY:
        return list(names)
    folders = Counter(name.partition("/")[0] if "/" in name else "" for name in names)
    single = [name for name in names if "/" not in name]
    inside = [f"{one}/ ({counted(count, 'file')})" for one, count in folders.items() if one]
    return [*single, *inside]


def _refusal(in_the_way: tuple[str, ...]) -> str:
    one = len(in_the_way) == 1
    what, them = ("this is", "it") if one else ("these are", "them")
    more = len(in_the_way) - SHOWN
    named = ", ".join(in_the_way[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    said = f"nothing was written, {what} in the way: {named}"
    return clean(f"{said}; move {them} away, or name another folder")


def _kept(planned: Plan, name: str) -> str:
    said = f"left {planned.root / name} as it is"
    if name == IGNORED and not ignores_state(planned.root):
        said += f"; add the line `{STATE}/` to it"
    return said
