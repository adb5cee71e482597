"""All the looks in their order, but those at Python and its packages, which these looks need.

Nothing is written but to a folder aside, and no network is used unless it is asked for.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lotabots.adapters.clock import SystemClock
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.files.workspace import WorkspaceError
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level
from lotabots.diagnostics.words import counted
from lotabots.service.config import FILE, read_config
from lotabots.service.doctor import configured, host, state, workspace
from lotabots.service.doctor.item import Item, State
from lotabots.service.folder import NotRunningError, StateFolder
from lotabots.service.granted import secrets
from lotabots.service.workers import executor_of, proved
from lotabots.service.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lotabots.service.config import ServiceConfig
    from lotabots.service.workspace import Workspace


async def examine(path: Path | None, *, server: str = "") -> AsyncIterator[Item]:
    """Look at what this host offers, at the workspace at `path`, and at a `server`."""
    with _sandbox() as (sandbox, items):
        yield host.nats_server()
        for item in items:
            yield item
        try:
            found = open_workspace(path, tests=True)
        except WorkspaceError as error:
            said, _, cure = str(error).partition("; ")
            cure = cure or "name one with `-C`, or make one: `lotabots init`"
            yield Item(workspace.SECTION, "rules", State.PROBLEM, said, cure)
            return
        yield workspace.rules(found)
        config, faults = read_config(found.root)
        if faults:
            said = f"{counted(len(faults), 'error')}, the first: {faults[0].message}"
            where = faults[0].primary.span
            cure = faults[0].help or f"see {FILE}:{where.line}"
            yield Item(configured.SECTION, f"line {where.line}", State.PROBLEM, said, cure)
            return
        for item in _rest(found, config, sandbox):
            yield item
    if server:
        from lotabots.service.doctor.server import server as look_at  # noqa: PLC0415 - and its client

        async for item in look_at(server, found.checked.fleet, config):
            yield item


def _rest(found: Workspace, config: ServiceConfig, sandbox: Sandbox) -> Iterator[Item]:
    fleet, folder = found.checked.fleet, StateFolder(config.state)
    yield from workspace.toolboxes(found.root / "requirements", folder.tools)
    with TemporaryDirectory(prefix="lotabots-doctor-") as aside:
        # What an executor makes on its way it makes there, and not in the state of a service.
        trial = replace(config, state=Path(aside))
        yield workspace.bots(fleet, executor_of(found, trial, sandbox, tools=folder.tools))
    yield from configured.repositories(config)
    yield from configured.places(config)
    yield from configured.relays(config)
    yield from configured.ports(config, fleet, running=_runs(folder))
    if (item := configured.secrets(fleet, secrets())) is not None:
        yield item
    yield state.state_folder(folder)
    yield state.service(folder)
    yield state.disk(folder.root)
    yield state.clock(SystemClock().now(), _seen(found, folder))


@contextmanager
def _sandbox() -> Iterator[tuple[Sandbox, list[Item]]]:
    launcher, strict = proved(Level.STRICT)
    try:
        items = list(host.sandbox(strict, probe(Level.REDUCED)))
        yield Sandbox(launcher if strict.holds else None, Level.STRICT, strict.reason), items
    finally:
        if launcher is not None:
            launcher.close()


def _runs(folder: StateFolder) -> bool:
    try:
        folder.running()
    except NotRunningError:
        return False
    return True


def _seen(found: Workspace, folder: StateFolder) -> Iterator[Path]:
    """Files whose dates tell what time it was already."""
    yield from (found.root / name for name in found.files)
    if folder.root.is_dir():
        yield from (path for path in folder.root.iterdir() if path.is_file())
