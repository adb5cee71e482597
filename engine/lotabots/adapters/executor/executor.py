"""The executor: every job in a sandbox and a folder of its own, and nothing left of either."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from lotabots.adapters.executor.exchange import converse, to_the_end
from lotabots.adapters.executor.manifest import EntryPoint, Manifests, read_manifests
from lotabots.adapters.executor.output import Lines, Log, Secrets
from lotabots.adapters.executor.preparing import (
    REPOSITORY,
    Material,
    Station,
    UnfitError,
    check,
    mentioned,
    named_blobs,
    prepare,
    toolboxes_of,
)
from lotabots.adapters.executor.scratch import Scratch, sweep
from lotabots.adapters.files.blobs import BlobError
from lotabots.adapters.files.toolbox import ToolboxError, changes, open_toolbox, read_specs
from lotabots.adapters.sandbox.report import REFUSED_STATUS, Level, RefusedError
from lotabots.policy.contract import MAX_LINE, StoredArtifact
from lotabots.runtime.ports import KeepError, RunReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.adapters.executor.manifest import Manifest
    from lotabots.adapters.executor.preparing import Prepared
    from lotabots.adapters.files.blobs import BlobStore
    from lotabots.adapters.files.toolbox import Toolbox
    from lotabots.adapters.sandbox.launch import Launcher
    from lotabots.adapters.sandbox.report import Report
    from lotabots.model.bot import Action, Bot, Grants
    from lotabots.model.fleet import Fleet
    from lotabots.policy.contract import Artifact, Job
    from lotabots.runtime.ports import OnLine

_MAX_REASON: Final = 1000


class Settings(NamedTuple):
    """Where things are on this host.

    `bots` and `requirements` are folders of the workspace; `tools`, `jobs` and `state` are
    LotaBots' own. `repositories` maps the names in events to bare repositories, `places` further
    placeholders of grants to folders, `secrets` their names to values, `relays` their names to
    where they lead: ``host:port`` or ``unix:/absolute/path``.
    """

    bots: Path
    requirements: Path
    tools: Path
    jobs: Path
    state: Path
    repositories: Mapping[str, Path]
    places: Mapping[str, Path]
    secrets: Mapping[str, str]
    relays: Mapping[str, str]


class Sandbox(NamedTuple):
    """The launcher with the proven level; without a launcher, `problem` says why."""

    launcher: Launcher | None
    level: Level = Level.STRICT
    problem: str = ""


class SandboxExecutor:
    """Runs the jobs of `fleet`. Folders of runs that were cut off are removed at the start."""

    def __init__(
        self, fleet: Fleet, settings: Settings, *, sandbox: Sandbox, blobs: BlobStore
    ) -> None:
        self._bots = {bot.name: bot for bot in fleet.bots}
        self._settings = settings
        self._sandbox = sandbox
        self._blobs = blobs
        self._manifests: Manifests = read_manifests(settings.bots)
        self._toolboxes: dict[str, Toolbox] = {}
        self._stations: dict[tuple[str, str], Station] = {}
        sweep(settings.jobs)

    def refusal(self, bot: str, action: str, /) -> str:
        """Why this action cannot be run here; empty if it can."""
        try:
            self._station(bot, action)
        except (UnfitError, ToolboxError) as error:
            return str(error)
        return ""

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        """Run one attempt of `job`; every line of its output is given to `on_line` as it comes.

        Whatever happens, also when cancelled, no process and no folder of the run is left. An
        exception of `on_line` ends the run and is raised.
        """
        try:
            station = self._station(job.bot, job.action)
        except (UnfitError, ToolboxError) as error:
            return _refused(str(error))
        scratch = Scratch(self._settings.jobs, f"{job.job}-{job.attempt}")
        try:
            material = await to_the_end(asyncio.to_thread(self._material, station, job, scratch))
            prepared = prepare(station, job, material)
            return await self._run(station, prepared, scratch, on_line)
        except UnfitError as error:
            return _refused(str(error))
        finally:
            await to_the_end(asyncio.to_thread(scratch.remove))

    async def _run(
        self, station: Station, prepared: Prepared, scratch: Scratch, on_line: OnLine
    ) -> RunReport:
        secrets = Secrets({name: station.secrets[name] for name in station.action.grants.secrets})
        log = Log()
        keep = _Keeper(self._blobs, scratch.out_fd, limit=station.action.grants.disk)
        launcher, level = self._sandbox.launcher, self._sandbox.level
        if launcher is None:
            return _refused(self._sandbox.problem)
        began = asyncio.get_running_loop().time()
        try:
            run = launcher.start(prepared.policy, prepared.argv, level=level)
        except (RefusedError, ValueError) as error:
            return _refused(str(error))
        report = await converse(
            run,
            prepared.document,
            lines=Lines(MAX_LINE),
            on_line=lambda line: on_line(secrets.mask(line), keep),
            on_log=log.take,
        )
        text = log.text(secrets)
        kept = await asyncio.to_thread(self._blobs.put_bytes, text) if text else None
        box = station.toolboxes.get(station.entry.toolbox)
        return RunReport(
            status=report.status,
            limit=report.limit,
            refused=report.refused,
            log=kept.digest if kept else "",
            tool=box.digest if box else "",
            level=level.value,
            duration_s=_duration(report, asyncio.get_running_loop().time() - began),
            entries=report.entries,
        )

    def _material(self, station: Station, job: Job, scratch: Scratch) -> Material:
        payload = msgspec.json.decode(job.event.payload)
        blobs = named_blobs(payload, self._blobs)
        wanted = mentioned(station.action.grants)
        if not wanted & {"artifact", "artifacts"}:
            blobs = {}
        repository = self._repository(payload) if wanted & set(REPOSITORY) else None
        return Material(scratch.out.resolve(), repository, blobs)

    def _repository(self, payload: object) -> Path:
        name = payload.get("repository") if isinstance(payload, dict) else None
        if not isinstance(name, str) or name not in self._settings.repositories:
            said = f"`{name[:128]}`" if isinstance(name, str) else "none"
            raise UnfitError(
                f"the event's repository ({said}) is not configured; add it to `repositories`"
            )
        return self._settings.repositories[name].resolve()

    def _station(self, bot_name: str, action_name: str) -> Station:
        known = self._stations.get((bot_name, action_name))
        if known is None:
            known = self._new_station(bot_name, action_name)
            check(known)
            self._stations[bot_name, action_name] = known
        return known

    def _new_station(self, bot_name: str, action_name: str) -> Station:
        if self._sandbox.launcher is None:
            raise UnfitError(f"no sandbox: {self._sandbox.problem}")
        bot = self._bots.get(bot_name)
        action = bot.action(action_name) if bot else None
        if bot is None or action is None:
            raise UnfitError(f"`{bot_name}` has no action `{action_name}`")
        manifest = self._manifest(bot_name)
        entry = _entry(manifest, action)
        granted = toolboxes_of(action.grants)
        if entry.toolbox and entry.toolbox not in granted:
            raise UnfitError(
                f"entry point `{action.command[0]}` works with toolbox `{entry.toolbox}`, "
                f"which is not granted; add `{{toolbox:{entry.toolbox}}}` to `read` and `exec`"
            )
        return Station(
            bot,
            action,
            manifest,
            entry,
            {name: self._toolbox(name) for name in granted},
            self._places(bot, action.grants),
            self._settings.relays,
            self._settings.secrets,
        )

    def _manifest(self, bot: str) -> Manifest:
        manifest = self._manifests.by_bot.get(bot)
        if manifest is None:
            reasons = "; ".join(self._manifests.errors)
            said = f" ({reasons})" if reasons else ""
            raise UnfitError(f"no bots/*/manifest.yaml is that of `{bot}`{said}"[:_MAX_REASON])
        return manifest._replace(folder=manifest.folder.resolve())

    def _toolbox(self, name: str) -> Toolbox:
        """The toolbox, compared file by file with its manifest the first time it is needed."""
        if name not in self._toolboxes:
            specs = {spec.name: spec for spec in read_specs(self._settings.requirements)}
            if name not in specs:
                raise UnfitError(f"there is no requirements/toolbox-{name}.txt")
            box = open_toolbox(specs[name], self._settings.tools.resolve())
            found = changes(box)
            if found:
                raise UnfitError(
                    f"toolbox `{name}` was changed ({found[0]}); see `lotabots tools verify`"
                )
            self._toolboxes[name] = box
        return self._toolboxes[name]

    def _places(self, bot: Bot, grants: Grants) -> dict[str, Path]:
        wanted = mentioned(grants)
        places = {name: path for name, path in self._settings.places.items() if name in wanted}
        # An empty wheelhouse makes nothing look good: what needs a package fails. Other places
        # (a database of advisories, say) must be named, or a bot would judge by nothing.
        usual = {"state": bot.name, "wheelhouse": ".wheelhouse"}
        for name in wanted & usual.keys() - places.keys():
            places[name] = self._settings.state / usual[name]
            places[name].mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, path in places.items():
            if not path.exists():
                raise UnfitError(f"the place of `{{{name}}}` does not exist: {path}")
        return {name: path.resolve() for name, path in places.items()}


class _Keeper:
    """Stores what a line hands over, from the output folder of its run."""

    def __init__(self, blobs: BlobStore, out: int, *, limit: int) -> None:
        self._blobs = blobs
        self._out = out
        self._limit = limit

    async def __call__(self, artifact: Artifact, /) -> StoredArtifact:
        try:
            blob = await to_the_end(
                asyncio.to_thread(
                    self._blobs.put, artifact.path, below=self._out, limit=self._limit
                )
            )
        except (BlobError, ValueError) as error:  # ValueError: no name of a file at all
            raise KeepError(str(error)) from error
        except OSError as error:
            raise KeepError(f"`{artifact.path}`: {error.strerror}") from error
        name = artifact.name or PurePosixPath(artifact.path).name
        return StoredArtifact(name, artifact.kind, blob.digest, blob.size, artifact.media_type)


def _entry(manifest: Manifest, action: Action) -> EntryPoint:
    """The entry point of an action; a command with arguments is its own."""
    if not action.entry_point:
        return EntryPoint(action.command, "")
    name = action.command[0] if action.command else ""
    entry = manifest.entry_points.get(name)
    if entry is None:
        there = ", ".join(f"`{one}`" for one in manifest.entry_points)
        where = f"bots/{manifest.folder.name}/manifest.yaml"
        raise UnfitError(f"{where} has no entry point `{name}`; it has {there}")
    return entry


def _refused(reason: str) -> RunReport:
    return RunReport(status=REFUSED_STATUS, refused=reason)


def _duration(report: Report, otherwise: float) -> float:
    used = report.entries[-1].get("used") if report.entries else None
    return used["wall_s"] if isinstance(used, dict) else round(otherwise, 3)
