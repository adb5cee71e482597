"""Options that several commands share, and how they are turned into values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from lotabots.adapters.files.workspace import WorkspaceError
from lotabots.service.workspace import NoWorkspaceError, Workspace, find_root, open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    _Command = TypeVar("_Command", bound=Callable[..., Any])

USAGE: Final = 2


class Family(click.Group):
    """A command with commands of its own; its help shows their first sentences whole."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands. Click's own list cuts each to one line, and ends it with dots."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=1000)) for name, one in self.commands.items()]
            )


def workspace_option(command: _Command) -> _Command:
    """``-C DIR``: the workspace; without it, the one around the current directory."""
    return click.option(
        "-C",
        "--workspace",
        type=click.Path(path_type=Path),
        help="The workspace: the folder that holds `rules`. [default: the one around you]",
    )(command)


def color_option(command: _Command) -> _Command:
    """``--color``: auto (a terminal, and NO_COLOR unset), always or never."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Use colours.",
    )(command)


def format_option(command: _Command) -> _Command:
    """``--format``: full (for people) or json (for programs)."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(["full", "json"]),
        default="full",
        show_default=True,
        help="How to report: for people or for programs.",
    )(command)


def workspace_at(path: Path | None, *, tests: bool = False) -> Workspace:
    """The checked workspace; ends the process with exit code 2 if there is none.

    With `tests`, its policy tests are read and checked, too.
    """
    try:
        return open_workspace(path, tests=tests)
    except WorkspaceError as error:
        fail_to_open(error)


def root_at(path: Path | None) -> Path:
    """The folder of the workspace; ends the process with exit code 2 if there is none."""
    try:
        return find_root(path)
    except WorkspaceError as error:
        fail_to_open(error)


def fail_to_open(error: WorkspaceError) -> NoReturn:
    """End with `error` and the cure, as the command that runs takes its workspace."""
    if not isinstance(error, NoWorkspaceError):
        fail(str(error))
    taken = {param.name for param in click.get_current_context().command.params}
    how = "as an argument" if "path" in taken else "with `-C`"
    fail(f"{error}; give one {how}, or make one: `lotabots init`")


def fail(message: str, code: int = USAGE) -> NoReturn:
    """Say what is wrong on standard error and end with `code`."""
    click.echo(f"error: {message}", err=True)
    sys.exit(code)
