"""Picks the executor: the kernel sandbox at a level that this host was proved to keep.

*Strict* unless an operator opted for *reduced*; never less because something is missing. A host
that keeps neither gets an executor that refuses every job and says why.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lotabots.adapters.executor.executor import Sandbox, SandboxExecutor, Settings
from lotabots.adapters.files.blobs import BlobStore
from lotabots.adapters.sandbox.launch import Launcher
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level, RefusedError
from lotabots.service.folder import StateFolder
from lotabots.service.granted import hosting_places, secrets
from lotabots.service.recording import state_places
from lotabots.service.relay_config import relays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.adapters.sandbox.probe import Finding
    from lotabots.service.config import ServiceConfig
    from lotabots.service.workspace import Workspace


@contextmanager
def sandbox_of(level: Level = Level.STRICT) -> Iterator[Sandbox]:
    """A sandbox for jobs and releases; its launcher ends with the context."""
    launcher, finding = proved(level)
    try:
        yield Sandbox(launcher if finding.holds else None, level, finding.reason)
    finally:
        if launcher is not None:
            launcher.close()


def executor_of(
    workspace: Workspace, config: ServiceConfig, sandbox: Sandbox, *, tools: Path | None = None
) -> SandboxExecutor:
    """The executor of a workspace; `tools` is where toolboxes are, if not in its state folder."""
    folder = StateFolder(config.state)
    folder.prepare()
    settings = Settings(
        bots=workspace.root / "bots",
        requirements=workspace.root / "requirements",
        tools=tools or folder.tools,
        jobs=folder.jobs,
        state=folder.root / "bots",
        repositories=config.repositories,
        places={**hosting_places(config), **state_places(config.state), **config.places},
        secrets=secrets(),
        relays=relays(config),
    )
    blobs = BlobStore(folder.blobs)
    return SandboxExecutor(workspace.checked.fleet, settings, sandbox=sandbox, blobs=blobs)


def proved(level: Level) -> tuple[Launcher | None, Finding]:
    """A warm launcher, and what a real attempt to break out of `level` found."""
    try:
        launcher = Launcher()
    except (RefusedError, OSError):
        return None, probe(level)
    return launcher, probe(level, launcher=launcher)
