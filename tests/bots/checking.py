"""Real repositories, and the bots that look at them, as the rules of this repository grant."""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deciding import NOW, raw_event, stamp_of
from executor.workshop import ROOT, TOOLS, cannot, git, job
from lotabots.adapters.files.toolbox import ToolboxError, read_specs, sync
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.contract import Emitted
from lotabots.policy.decide import decide_bytes
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.files.toolbox import Toolbox
    from lotabots.model.fleet import Fleet
    from lotabots.policy.decision import Verdict
    from lotabots.policy.rules import Policy


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

    def head(self) -> str:
        """The commit that the repository says is the newest."""
        return git(self.bare, "rev-parse", "refs/heads/main")


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


@cache
def the_fleet() -> Fleet:
    """The fleet of this repository, read once: nothing in it can be changed."""
    loaded = load(_files())
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


class Rogue(NamedTuple):
    """What became of a program that was put in a bot's place, under the bot's own grants."""

    outcome: Outcome
    tried: dict[str, str]
    untouched: bool

    @property
    def emitted(self) -> list[str]:
        """What reached the fleet: the lines that the contract allowed."""
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]


ATTEMPTS = """
import json, os, socket, subprocess, sys
job = json.load(sys.stdin)
paths = job["paths"]
out, programs = paths["out"], paths["programs"]
repository = paths.get("repository", "/nonexistent")
bot = os.path.dirname(os.path.abspath(sys.argv[0]) + "/x")
tools = next(iter(paths["toolbox"].values()))
tried = {}
def attempt(name):
    def run(action):
        try:
            tried[name] = f"done: {action()}"
        except OSError as error:
            tried[name] = os.strerror(error.errno) if error.errno else str(error)
        except Exception as error:
            tried[name] = f"{type(error).__name__}: {error}"
    return run
def git(*arguments):
    done = subprocess.run([programs["git"], f"--git-dir={repository}", *arguments],
                          capture_output=True, text=True, input="x")
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return done.stdout
def emit(event, payload, artifacts=()):
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    os.write(1, json.dumps(line).encode() + b"\\n")
"""
REPORT_ATTEMPTS = "\nprint(json.dumps(tried), file=sys.stderr)\n"


def rogue(
    desk: Desk, action: str, script: str, *, event: str = "change.pushed", **payload: object
) -> Rogue:
    """Put `script` in the bot's place and run it for `action`."""
    bots = desk.workshop.folder / "rogue"
    manifests = {path.parent: path.read_text() for path in (ROOT / "bots").glob("*/manifest.yaml")}
    (home,) = [path for path, text in manifests.items() if f"bot: {desk.bot}\n" in text]
    folder = bots / home.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yaml").write_text(manifests[home])
    (folder / "rules.toml").write_text("select = []\n")
    (folder / "__main__.py").write_text(ATTEMPTS + script + REPORT_ATTEMPTS)
    watched = (desk.project.bare, folder, *_boxes(desk.bot))
    before = [_digest(path) for path in watched]
    ran = desk._replace(bots=bots).run(action, payload, event=event)
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    tried = json.loads(lines[-1]) if lines else {}
    return Rogue(ran, tried, before == [_digest(path) for path in watched])


def findings_with(bot: str, change: Callable[[str], str]) -> set[str]:
    """The codes of what `validate` says if the rules of `bot` were changed so."""
    return {one.code for one in run(load(_changed(bot, change))).diagnostics}


def claiming(text: str, granted: str, *, instead: str) -> str:
    """Rules by which the action for `granted` is for `instead`, which the scope claims, too."""
    text = text.replace(f"capability: {granted}", f"capability: {instead}")
    return re.sub(rf"(?m)^  - {re.escape(granted)}(?=\s)", rf"  - {instead}\n\g<0>", text)


def policy_with(name: str, change: Callable[[str], str]) -> Policy:
    """What the rules of this repository decide if the file `name` were changed so."""
    return _policy_of(name, change(_files()[name].decode()))


@cache
def _policy_of(name: str, text: str) -> Policy:
    return compile_policy(run(load({**_files(), name: text.encode()})))


@cache
def _files() -> Mapping[str, bytes]:
    """The files of the fleet of this repository by name."""
    paths = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.y*ml")]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


def _changed(bot: str, change: Callable[[str], str]) -> dict[str, bytes]:
    name = f"rules/bots/{bot.lower()}.yaml"
    text = _files()[name].decode()
    assert change(text) != text
    return {**_files(), name: change(text).encode()}


def _boxes(bot: str) -> list[Path]:
    return list(TOOLS.glob(f"{bot.lower().removesuffix('bot')}-*"))


def _digest(folder: Path) -> str:
    """A digest of names, modes and contents of everything below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.update(f"{path}\0{path.lstat().st_mode}\0{len(data)}\0".encode() + data)
    return found.hexdigest()


def verdict_with(bot: str, change: Callable[[str], str]) -> Verdict:
    """What the engine would decide about a push for `bot`, if its rules were changed so."""
    policy = compile_policy(run(load(_changed(bot, change))))
    pushed = raw_event(
        "change.pushed", "ingress.git", payload={"repository": "p", "change": {"id": "c" * 40}}
    )
    step = decide_bytes(policy, State(rollout="advanced"), pushed, stamp_of("ingress.git"), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target == bot]
    return found
