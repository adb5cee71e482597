"""The `lotabots` command: commands found by name and imported only when they are run.

Exit codes, the same for every command: 0 clean, 1 findings, 2 usage or configuration, 3 nothing
was collected, 70 our own fault.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Final, NoReturn

import click

from lotabots import __version__

COMMANDS: Final = {
    "init": "Make a workspace: a fleet of one bot that runs, or the whole fleet.",
    "validate": "Prove the fleet: every finding with its place and its cure.",
    "test": "Run the policy tests: events, and what must be decided about them.",
    "decide": "Say what would happen to an event, and why.",
    "explain": "Explain a code, a bot, an event or a gate.",
    "doctor": "Say whether the service will run here, with a cure for each problem.",
    "run": "Run the service: decide events, run jobs, keep the audit log.",
    "emit": "Send an event to the running service, as yourself.",
    "status": "Say what the running service has done, has to do, and waits for.",
    "approve": "Approve what waits for a person, or list it.",
    "enable": "Let a bot begin jobs again.",
    "disable": "Let a bot begin no more jobs, from now on.",
    "rollout": "Say which phase is the last in service.",
    "trace": "Draw what an event led to, as a waterfall.",
    "why": "Say what was decided about an event, by which rule.",
    "logs": "Show what the instances of a hosted service wrote.",
    "dlq": "List, show and redrive dead letters.",
    "nats": "Print the configuration that a nats-server needs for this fleet.",
    "audit": "Verify, prove and show the audit log.",
    "sandbox": "Run a program under a policy; say what this host can keep.",
    "tools": "Make and verify the locked toolboxes of bots.",
    "graph": "Draw the fleet: Mermaid, DOT or SVG.",
    "generate": "Write what is derived from the rules: schemas, pictures, pages.",
}
"""Name to summary; a command lives in the module of its name. `--help` imports none of them."""

INTERNAL_ERROR: Final = 70
CONFIGURATION: Final = 2
INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell has it."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lotabots.cli.{cmd_name}")
        command = getattr(module, "command", None) or getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - each module keeps this promise
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt command."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only on the way out

            close = get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            ctx.fail(f"No such command `{name}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lotabots")
def cli() -> None:
    """Policy as code for a fleet of automation bots.

    One declaration in YAML: proved in CI, decided per event, enforced by the broker and the
    kernel.
    """


def main() -> None:
    """Run the command line and end the process with the right exit code."""
    # One short run makes many small values that all live to its end: collecting them again and
    # again costs several times the work itself. Long-running commands turn it on for themselves.
    gc.disable()
    try:
        _end(_run(sys.argv[1:]))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`lotabots ... | head`): nothing is wrong, nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        # A disk that is full, a folder that may not be written: the world's fault, and no riddle.
        what = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: {what}{reason}; make room, or choose another place", err=True)
        os._exit(CONFIGURATION)  # what is left in the buffers cannot be written either
    except Exception:  # noqa: BLE001 - the last line of defence; it tells the user it is our fault
        import traceback  # noqa: PLC0415 - only on the way out

        traceback.print_exc()
        click.echo(
            f"\ninternal error in lotabots {__version__}: this is our fault, not yours.\n"
            "Please report it with the lines above and the file that caused it.",
            err=True,
        )
        sys.exit(INTERNAL_ERROR)


def _run(arguments: list[str]) -> int:
    """Run a command. Not click's own `main`, which calls a reader that went away an error."""
    try:
        with cli.make_context("lotabots", arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        raise
    return 0


def _end(code: int) -> NoReturn:
    """End the process; of a short run at once.

    Before Python ends it frees every value, one by one: of a large fleet that takes a fifth of
    the time of `validate`. There is nothing else to do at that point, and the memory goes with the
    process. A long-running command, which collects garbage, may have threads to wait for.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if not gc.isenabled():
        os._exit(code)
    sys.exit(code)
