"""`lotabots tools`: the locked toolboxes of the bots."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lotabots.adapters.files.toolbox import (
    ToolboxError,
    changes,
    content_digest,
    open_toolbox,
    read_specs,
    sync,
)
from lotabots.cli.options import Family, fail, root_at, workspace_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.files.toolbox import Spec

FINDINGS: Final = 1
NOTHING_COLLECTED: Final = 3

_names = click.argument("names", nargs=-1, metavar="[TOOLBOX]...")
_tools = click.option(
    "--tools",
    type=click.Path(path_type=Path),
    help="Where toolboxes are kept.  [default: .lotabots/tools in the workspace]",
)


@click.group("tools", cls=Family)
def command() -> None:
    """Build and check the locked tools that bots run with."""


@command.command("sync")
@_names
@_tools
@click.option(
    "--packages",
    type=click.Path(path_type=Path),
    help="Where downloaded packages are kept.  [default: lotabots/packages in the user's cache]",
)
@workspace_option
def build(
    names: Sequence[str], tools: Path | None, packages: Path | None, workspace: Path | None
) -> None:
    """Build what is not built yet (default: every toolbox that requirements/ describes).

    Exit codes: 0 all are there, 2 one cannot be built, 3 there is none.
    """
    specs, tools = _chosen(names, tools, workspace)
    for spec in specs:
        try:
            built = sync(spec, tools, packages=packages or _user_cache())
        except ToolboxError as error:
            fail(str(error))
        click.echo(f"{spec.name}  {built.digest}  content {content_digest(built)}")


@command.command("verify")
@_names
@_tools
@workspace_option
def verify(names: Sequence[str], tools: Path | None, workspace: Path | None) -> None:
    """Compare every file of the toolboxes with what was built.

    Exit codes: 0 nothing changed, 1 something did, 2 one is not built, 3 there is none.
    """
    specs, tools = _chosen(names, tools, workspace)
    damaged = False
    for spec in specs:
        try:
            built = open_toolbox(spec, tools)
            found = changes(built)
        except ToolboxError as error:
            fail(str(error))
        for line in found:
            click.echo(f"{spec.name}  {line}")
        if not found:
            click.echo(f"{spec.name}  unchanged  content {content_digest(built)}")
        damaged = damaged or bool(found)
    if damaged:
        click.echo(f"cure: remove the changed folder below {tools}, then `lotabots tools sync`")
        sys.exit(FINDINGS)


def _chosen(
    names: Sequence[str], tools: Path | None, workspace: Path | None
) -> tuple[Sequence[Spec], Path]:
    root = root_at(workspace)
    specs = {spec.name: spec for spec in read_specs(root / "requirements")}
    if not specs:
        fail(f"{root / 'requirements'} has no toolbox-NAME.txt", NOTHING_COLLECTED)
    for name in names:
        if name not in specs:
            fail(f"no toolbox `{name}`; there are {', '.join(f'`{known}`' for known in specs)}")
    wanted = [specs[name] for name in dict.fromkeys(names)] or list(specs.values())
    return wanted, tools or root / ".lotabots/tools"


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lotabots/packages"
