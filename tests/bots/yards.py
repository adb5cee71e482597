"""BuildBot with repositories to build, in the real sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bots.checking import the_fleet
from executor.workshop import ROOT, Workshop, commit, job

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Outcome
    from lotabots.adapters.executor.executor import SandboxExecutor
    from lotabots.adapters.files.toolbox import Toolbox

OWN = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
BACKEND = """
import os, socket, sys
def build_wheel(directory, config_settings=None, metadata_directory=None):
    %s
"""


class Yard:
    """BuildBot and the repositories it is asked to build."""

    def __init__(self, workshop: Workshop, executor: SandboxExecutor) -> None:
        self.workshop = workshop
        self.executor = executor
        self.count = 0

    def build(
        self, files: dict[str, str | bytes], *, links: dict[str, str] | None = None
    ) -> Outcome:
        self.count += 1
        bare, commit_id = commit(self.workshop.folder / f"r{self.count}", files, links=links)
        return self.build_commit(bare, commit_id)

    def build_commit(self, bare: Path, commit_id: str) -> Outcome:
        self.workshop.repositories["demo"] = bare
        change = {"id": commit_id, "ref": "refs/heads/main"}
        asked = job(
            {"repository": "demo", "change": change},
            bot="BuildBot",
            action="build",
            type="change.pushed",
        )
        return self.workshop.run(self.executor, asked)

    def backend(self, body: str) -> Outcome:
        """Build a project whose own backend does this."""
        lines = body.strip().replace("\n", "\n    ")
        return self.build({"pyproject.toml": OWN, "own.py": BACKEND % lines, "a/b": "c"})


@pytest.fixture
def yard(workshop: Workshop, build_toolbox: Toolbox) -> Yard:
    del build_toolbox
    workshop.bots = ROOT / "bots"
    executor = workshop.executor(the_fleet())
    assert executor.refusal("BuildBot", "build") == ""
    return Yard(workshop, executor)
