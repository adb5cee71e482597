"""What `--help` says: of every command, whole, on narrow terminals too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from lotabots.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

NARROW = 60


def below(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    """The command, and if it is a group, all in it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from below(inner, f"{words} {name}")


COMMANDS = dict(below(cli, "lotabots"))


@pytest.mark.parametrize("words", COMMANDS)
def test_help_fits_a_narrow_terminal_and_leaves_nothing_out(words: str) -> None:
    command = COMMANDS[words]
    context = click.Context(command, info_name=words, terminal_width=NARROW)
    usage, *lines = command.get_help(context).splitlines()
    assert [line for line in [usage, *lines] if len(line) > NARROW] == []
    assert [line for line in lines if line.endswith("...")] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_is_for(words: str) -> None:
    options = [one for one in COMMANDS[words].params if isinstance(one, click.Option)]
    assert [option.opts for option in options if not option.help] == []
