"""Real repositories, and the bots that look at them, as the rules of this repository grant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from executor.workshop import ROOT, TOOLS, cannot, git, job
from lotabots.adapters.files.toolbox import ToolboxError, read_specs, sync
from lotabots.model.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.files.toolbox import Toolbox
    from lotabots.model.fleet import Fleet


class Project:
    """A repository in which commits are made one after the other."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.bare = folder / "tree", folder / "repository.git"
        self.tree.mkdir(parents=True)
        git(self.tree, "init", "--quiet")
        git(folder, "init", "--quiet", "--bare", str(self.bare))

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        *,
        links: Mapping[str, str] | None = None,
    ) -> str:
        """Write `files` (None: remove) and `links`; the id of the commit."""
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        for name, target in (links or {}).items():
            (self.tree / name).symlink_to(target)
        git(self.tree, "add", "--all", "--force")
        git(self.tree, "commit", "--quiet", "--allow-empty", "--message", "a change")
        git(self.tree, "push", "--quiet", "--force", str(self.bare), "HEAD:refs/heads/main")
        return git(self.tree, "rev-parse", "HEAD")


class Desk(NamedTuple):
    """A bot of this repository's fleet, with a project to look at."""

    workshop: Workshop
    fleet: Fleet
    project: Project
    bot: str
    bots: Path = ROOT / "bots"

    def run(
        self, action: str, payload: Mapping[str, Any], *, event: str = "change.pushed"
    ) -> Outcome:
        self.workshop.bots = self.bots
        executor = self.workshop.executor(self.fleet)
        cause = job({"repository": "p", **payload}, type=event, bot=self.bot, action=action)
        return self.workshop.run(executor, cause)

    def push(self, action: str, commit: str, base: str = "") -> Outcome:
        """What the bot says about a push."""
        change = {"id": commit, **({"base": base} if base else {})}
        return self.run(action, {"change": change})

    def state(self) -> Path:
        return self.workshop.folder / "state" / self.bot


def desk(workshop: Workshop, tmp_path: Path, bot: str) -> Desk:
    """A desk with a new project, known to events as ``p``."""
    project = Project(tmp_path / "project")
    workshop.repositories = {"p": project.bare}
    return Desk(workshop, the_fleet(), project, bot)


def the_fleet() -> Fleet:
    """The fleet of this repository."""
    paths = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.y*ml")]
    loaded = load({path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths})
    assert not loaded.diagnostics, loaded.diagnostics
    return loaded.fleet


def toolbox(name: str) -> Toolbox:
    """A toolbox, built once for all runs of the tests."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    (spec,) = [one for one in read_specs(ROOT / "requirements") if one.name == name]
    try:
        return sync(spec, TOOLS, packages=cache / "lotabots/packages")
    except ToolboxError as error:
        cannot(str(error))
        raise


def left_behind(workshop: Workshop) -> bytes:
    """Everything that the runs have stored: blobs (logs, reports) one after the other."""
    blobs = workshop.folder / "blobs"
    return b"\n".join(path.read_bytes() for path in blobs.rglob("*") if path.is_file())
