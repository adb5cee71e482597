"""What the commands that switch something share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from lotabots.diagnostics.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    _Command = TypeVar("_Command", bound=Callable[..., Any])


def source_option(command: _Command) -> _Command:
    """``--as SOURCE``: another operator."""
    return click.option("--as", "source", help="Another source whose credentials you hold.")(
        command
    )


def reason_option(command: _Command) -> _Command:
    """``--reason TEXT``: why, for the audit log."""
    return click.option("--reason", default="", help="Why; the audit log says it.")(command)


def told(what: str, said: dict[str, Any]) -> str:
    """What was done, by whom, and why."""
    reason = f": {said['reason']}" if said["reason"] else ""
    return clean(f"{what}, by {said['by']}{reason}")
