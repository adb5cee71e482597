"""What the commands that talk to a running service share."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import fail, root_at
from lotabots.service.config import read_config, user_source
from lotabots.service.folder import NotRunningError, StateFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lotabots.service.config import ServiceConfig

NOT_FOUND: Final = 1
_TIMEOUT_S: Final = 10.0


def config_of(root: Path) -> ServiceConfig:
    """The service configuration of a workspace; ends with exit code 2 if it is faulty."""
    config, findings = read_config(root)
    if findings:
        from lotabots.diagnostics.render_concise import render  # noqa: PLC0415

        click.echo(render(findings), err=True, nl=False)
        fail(f"{root / 'lotabots.yaml'} has errors")
    return config


def config_at(workspace: Path | None) -> ServiceConfig:
    """The service configuration of the workspace that an option names."""
    return config_of(root_at(workspace))


def folder_of(workspace: Path | None) -> StateFolder:
    """The state folder of a workspace."""
    return StateFolder(config_at(workspace).state)


def ask(
    workspace: Path | None, verb: str, *, source: str | None = None, **about: str | list[str]
) -> dict[str, Any]:
    """The answer of the running service; ends with 2 if none runs, with 1 for an unknown id.

    It is asked as `source`, as you if that is None.
    """
    return asyncio.run(_ask(folder_of(workspace), f"api.{verb}", about, source=source))


def order(
    workspace: Path | None, verb: str, *, source: str | None = None, **about: str
) -> dict[str, Any]:
    """What the running service did on the order of `source`, you if that is None; ends as `ask`."""
    return asyncio.run(_ask(folder_of(workspace), f"do.{verb}", about, source=source))


async def _ask(
    folder: StateFolder, subject: str, about: Mapping[str, str | list[str]], *, source: str | None
) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415
    from nats.errors import Error as NatsError  # noqa: PLC0415

    client = await operator(folder, source)
    try:
        answer = await client.request(subject, msgspec.json.encode(about), timeout=_TIMEOUT_S)
    except NatsError as error:
        fail(f"the service does not answer: {str(error) or type(error).__name__}")
    finally:
        await client.close()
    said: dict[str, Any] = msgspec.json.decode(answer.data)
    if "unknown" in said:
        click.echo(said["unknown"], err=True)
        sys.exit(NOT_FOUND)
    if "ok" not in said:
        fail(said.get("error", "the service gave no answer"))
    found: dict[str, Any] = said["ok"]
    return found


async def operator(folder: StateFolder, source: str | None = None) -> Any:  # noqa: ANN401 - nats-py's client
    """A connection to the running service with the credentials of `source` (default: yours)."""
    from lotabots.adapters.nats.connection import connect  # noqa: PLC0415
    from lotabots.adapters.nats.keys import read_seed  # noqa: PLC0415
    from lotabots.policy.project_broker import outside_account  # noqa: PLC0415

    source = source or user_source()
    try:
        url = folder.running()["url"]
        seed = read_seed(folder.keys, outside_account(source))
    except NotRunningError as error:
        fail(str(error))
    except FileNotFoundError:
        fail(f"there are no credentials for `{source}`; list it under `outside:` in lotabots.yaml")
    return await connect(url, user=outside_account(source), seed=seed)
