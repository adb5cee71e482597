"""A place to run bots for real: a sandbox, a store of blobs, git repositories, what a bot said."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from lotabots.adapters.executor.executor import Sandbox, SandboxExecutor, Settings
from lotabots.adapters.files.blobs import BlobStore
from lotabots.adapters.files.toolbox import Toolbox, ToolboxError, read_specs, sync
from lotabots.adapters.sandbox.launch import Launcher
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level, RefusedError
from lotabots.model.load import load
from lotabots.policy.contract import (
    Cause,
    Emitted,
    Job,
    Violation,
    compile_contracts,
    finish_line,
    read_line,
)
from lotabots.runtime.ports import KeepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ports import Keep, RunReport

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/tools"
COMMIT = "c" * 40

FLEET = "fleet: {name: test, version: 1.0.0}\nphases: [{name: core, doc: x}]\n"
EVENTS = """
types:
  artifact: {fields: {name: string, kind: string, digest: {type: string, format: digest},
    size: integer, "media_type?": string}}
artifacts: {report: A report}
events:
  work.asked: {doc: x, external: true, emitters: [cli.*], open: true, payload: {}}
  work.done:
    doc: x
    emitters: [ProbeBot]
    payload: {n: integer, "outcome?": {enum: [success, failure]}, "checked?": integer,
      "seen?": string, "artifacts?": {list: artifact, max_items: 10}}
"""
BOT = """
bot: {name: ProbeBot, version: 1.0.0, phase: core}
triggers: [{type: event, pattern: work.asked}]
actions:
  - name: work
    command: work
    emits: [work.done]
    produces: [report]
    grants: {grants}
constraints: {timeout: %(timeout)s}
"""
GRANTS = {"exec": ["{python}"], "write": ["{out}"]}


class Outcome(NamedTuple):
    """What became of a run: its report, its lines, what the contract makes of them, its log."""

    report: RunReport
    lines: list[bytes]
    judged: list[Emitted | Violation]
    log: str

    @property
    def codes(self) -> list[str]:
        """The codes of the lines that the contract does not allow."""
        return [one.code for one in self.judged if isinstance(one, Violation)]

    def payload(self, event: str) -> dict[str, Any]:
        """The payload of the one line of type `event`."""
        (found,) = [one for one in self.judged if isinstance(one, Emitted) and one.type == event]
        value: dict[str, Any] = msgspec.json.decode(found.payload)
        return value


class Workshop:
    """Runs jobs of a fleet below `folder`; `look` is called with each line as it comes."""

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self.folder = folder
        self.launcher = launcher
        self.blobs = BlobStore(folder / "blobs")
        self.repositories: dict[str, Path] = {}
        self.places: dict[str, Path] = {}
        self.secrets: dict[str, str] = {}
        self.relays: dict[str, str] = {}
        self.bots = folder / "bots"
        self.requirements = ROOT / "requirements"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    def probe(
        self, script: str, *, grants: Mapping[str, Any] | None = None, timeout: int = 60
    ) -> SandboxExecutor:
        """An executor whose one bot, ProbeBot, is the Python `script`."""
        home = self.bots / "probe"
        home.mkdir(parents=True, exist_ok=True)
        (home / "main.py").write_text(script, encoding="utf-8")
        (home / "manifest.yaml").write_text(
            "manifest: 1\nbot: ProbeBot\nentry_points:\n"
            '  work: {run: ["{python}", -I, -S, "{bot}/main.py"]}\n',
            encoding="utf-8",
        )
        return self.executor(probe_fleet(grants=grants, timeout=timeout))

    def executor(self, fleet: Fleet, *, launcher: Launcher | None = None) -> SandboxExecutor:
        settings = Settings(
            self.bots,
            self.requirements,
            TOOLS,
            self.jobs,
            self.folder / "state",
            self.repositories,
            self.places,
            self.secrets,
            self.relays,
        )
        self.fleet = fleet
        sandbox = Sandbox(launcher or self.launcher)
        return SandboxExecutor(fleet, settings, sandbox=sandbox, blobs=self.blobs)

    def run(
        self,
        executor: SandboxExecutor,
        job: Job,
        *,
        look: Callable[[bytes], None] = lambda _line: None,
    ) -> Outcome:
        return asyncio.run(self.run_async(executor, job, look=look))

    async def run_async(
        self,
        executor: SandboxExecutor,
        job: Job,
        *,
        look: Callable[[bytes], None] = lambda _line: None,
    ) -> Outcome:
        lines: list[bytes] = []
        judged: list[Emitted | Violation] = []
        contract = compile_contracts(self.fleet).get(job.bot, job.action)
        assert contract is not None

        async def on_line(raw: bytes, keep: Keep) -> None:
            lines.append(raw)
            look(raw)
            number = len(lines)
            line = read_line(contract, raw, number=number)
            if isinstance(line, Violation):
                judged.append(line)
                return
            try:
                stored = tuple([await keep(artifact) for artifact in line.artifacts])
            except KeepError as error:
                judged.append(Violation("LR404", number, str(error)))
                return
            judged.append(finish_line(contract, line, job, stored=stored, number=number))

        report = await executor.run(job, on_line=on_line)
        log = self.blobs.path(report.log).read_text(errors="replace") if report.log else ""
        return Outcome(report, lines, judged, log)


def probe_fleet(*, grants: Mapping[str, Any] | None = None, timeout: int = 60) -> Fleet:
    """A fleet of the one bot ProbeBot."""
    text = BOT.replace("{grants}", json.dumps({**GRANTS, **(grants or {})})) % {"timeout": timeout}
    loaded = load(
        {
            "rules/fleet.yaml": FLEET.encode(),
            "rules/capabilities.yaml": b"capabilities: {work: x}\n",
            "rules/events.yaml": EVENTS.encode(),
            "rules/bots/probebot.yaml": text.encode(),
        }
    )
    assert not loaded.diagnostics, loaded.diagnostics
    return loaded.fleet


def job(payload: Mapping[str, Any] | None = None, **fields: Any) -> Job:  # noqa: ANN401 - of Job
    """A job for ProbeBot."""
    cause = Cause(
        "event-1",
        fields.pop("type", "work.asked"),
        "cli.ann",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        msgspec.Raw(json.dumps(payload or {}).encode()),
        "correlation-1",
    )
    usual = {"job": "job1", "bot": "ProbeBot", "action": "work", "decision": "d", "policy": "p"}
    return Job(event=cause, **{**usual, **fields})


def commit(
    folder: Path, files: Mapping[str, str | bytes], *, links: Mapping[str, str] | None = None
) -> tuple[Path, str]:
    """A bare repository with one commit of `files` (and symbolic links), and the commit's id."""
    tree, bare = folder / "tree", folder / "repository.git"
    tree.mkdir(parents=True)
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name, target in (links or {}).items():
        (tree / name).symlink_to(target)
    git(tree, "init", "--quiet")
    git(tree, "add", "--all", "--force")
    git(tree, "commit", "--quiet", "--message", "all")
    git(tree, "clone", "--quiet", "--bare", ".", str(bare))
    return bare, git(tree, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """The output of a git command that nobody's configuration changes."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_COMMITTER_DATE": "2025-06-01T12:00:00Z",
        "GIT_AUTHOR_DATE": "2025-06-01T12:00:00Z",
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=env,
        input=given,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def command_lines(holding: str) -> list[str]:
    """The command lines of all processes of this host that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if holding in text:
            found.append(text)
    return found


def cannot(reason: str) -> None:
    """Skip at home, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"this must work in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    try:
        found = Launcher()
    except RefusedError as error:
        cannot(f"no sandbox here: {error}")
        raise
    with found:
        finding = probe(Level.STRICT, launcher=found)
        if not finding.holds:
            cannot(f"no sandbox here: {finding.reason}")
        yield found


@pytest.fixture
def workshop(tmp_path: Path, launcher: Launcher) -> Workshop:
    return Workshop(tmp_path, launcher)


@pytest.fixture(scope="session")
def build_toolbox() -> Toolbox:
    """The toolbox `build`, built once for all runs of the tests."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    (spec,) = [one for one in read_specs(ROOT / "requirements") if one.name == "build"]
    try:
        return sync(spec, TOOLS, packages=cache / "lotabots/packages")
    except ToolboxError as error:
        cannot(str(error))
        raise
