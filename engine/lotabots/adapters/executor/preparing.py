"""From a job to a run: the sandbox policy, the command line, and the job document.

A placeholder of a grant stands for one place or for several; what it stands for is decided here
and nowhere else. Only blobs that the event names are shown to a bot, after hashing them again.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lotabots.adapters.executor.interpreter import own_interpreter, system_libraries
from lotabots.adapters.files.blobs import BlobError
from lotabots.model.bot import Grants
from lotabots.policy.contract import VERSION
from lotabots.policy.grant_form import relay_destination, relay_name
from lotabots.policy.project_kernel import Place, project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lotabots.adapters.executor.manifest import EntryPoint, Manifest
    from lotabots.adapters.files.blobs import BlobStore
    from lotabots.adapters.files.toolbox import Toolbox
    from lotabots.model.bot import Action, Bot
    from lotabots.policy.contract import Job
    from lotabots.policy.project_kernel import KernelPolicy

MAX_BLOBS: Final = 200
REPOSITORY: Final = ("repository", "source")
"""Two words for the same place: the repository that the event names."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_ENV: Final = {"HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # noqa: S108 - the sandbox's own
_FOR_CHECKING: Final = "/placeholder"


class UnfitError(Exception):
    """This action cannot be run here, or this job cannot; the message says why."""


class Station(NamedTuple):
    """Everything about an action that is the same for all of its jobs.

    `places` are the placeholders with a fixed place, `relays` say where each ``{relay:NAME}``
    leads, `secrets` are the values of granted secrets.
    """

    bot: Bot
    action: Action
    manifest: Manifest
    entry: EntryPoint
    toolboxes: Mapping[str, Toolbox]
    places: Mapping[str, Path]
    relays: Mapping[str, str]
    secrets: Mapping[str, str]


class Prepared(NamedTuple):
    """What the sandbox gets."""

    policy: KernelPolicy
    argv: tuple[str, ...]
    document: bytes


class Material(NamedTuple):
    """What is particular to one job: its folder, its repository (if any), its blobs by digest."""

    out: Path
    repository: Path | None
    blobs: Mapping[str, Path]


def mentioned(grants: Grants) -> frozenset[str]:
    """The placeholders of all grants."""
    paths = (*grants.read, *grants.write, *grants.exec)
    return frozenset(name for path in paths for name in _PLACEHOLDER.findall(path))


def toolboxes_of(grants: Grants) -> tuple[str, ...]:
    """The toolboxes that the grants name."""
    prefix = "toolbox:"
    names = sorted(name for name in mentioned(grants) if name.startswith(prefix))
    return tuple(name.removeprefix(prefix) for name in names)


def relays_of(grants: Grants) -> tuple[str, ...]:
    """The relays that the grants name."""
    return tuple(sorted({name for text in grants.network if (name := relay_name(text))}))


def check(station: Station) -> None:
    """Prove that a job of this action could be prepared.

    Raises:
        UnfitError: a placeholder or a relay without a place, a secret without a value, a program
            that is not granted.
    """
    nowhere = dict.fromkeys(("out", "artifact", "artifacts", *REPOSITORY), (_FOR_CHECKING,))
    policy = _policy(station, nowhere, cwd="/")
    program = _argv(station)[0]
    if not program.startswith("/"):
        raise UnfitError(f"entry point `{station.action.command[0]}`: `{program}` is no path")
    if not any(program == path or program.startswith(f"{path}/") for path in policy.exec):
        cure = "; add `{python}` to the action's `exec` grants" if _is_python(program) else ""
        raise UnfitError(f"program `{program}` is not granted for running{cure}")


def prepare(station: Station, job: Job, material: Material) -> Prepared:
    """The run of `job`.

    Raises:
        UnfitError: the event lacks what the grants ask for.
    """
    payload = msgspec.json.decode(job.event.payload)
    places: dict[str, tuple[str, ...]] = {
        "out": (str(material.out),),
        "artifacts": tuple(map(str, material.blobs.values())),
    }
    if material.repository is not None:
        places |= dict.fromkeys(REPOSITORY, (str(material.repository),))
    if "artifact" in mentioned(station.action.grants):
        places["artifact"] = (str(_main_artifact(payload, material)),)
    writes = "{out}" in station.action.grants.write
    policy = _policy(station, places, cwd=str(material.out) if writes else "/")
    return Prepared(policy, _argv(station), _document(station, job, material))


def named_blobs(payload: object, store: BlobStore) -> dict[str, Path]:
    """The stored blobs that a payload names, re-hashed, by digest.

    Raises:
        UnfitError: an artifact is not in the store, is damaged, or there are too many.
    """
    digests = list(dict.fromkeys(_artifact_digests(payload)))
    # Other digests (of a plan, of a database) are blobs only if the store has them.
    digests += [one for one in dict.fromkeys(_digests(payload)) if store.has(one)]
    digests = list(dict.fromkeys(digests))
    if len(digests) > MAX_BLOBS:
        raise UnfitError(f"the event names more than {MAX_BLOBS} artifacts")
    try:
        return {digest: store.path(digest) for digest in digests}
    except BlobError as error:
        raise UnfitError(str(error)) from error


def _main_artifact(payload: Any, material: Material) -> Path:  # noqa: ANN401 - JSON
    artifact = payload.get("artifact") if isinstance(payload, dict) else None
    digest = artifact.get("digest") if isinstance(artifact, dict) else None
    if not isinstance(digest, str) or digest not in material.blobs:
        raise UnfitError("the grants show `{artifact}`, but the event names none")
    return material.blobs[digest]


def _artifact_digests(value: object) -> Iterator[str]:
    """Digests of what has the form of an artifact: a name, a kind, a digest."""
    if isinstance(value, dict):
        if {"name", "kind", "digest"} <= value.keys() and _is_digest(value["digest"]):
            yield value["digest"]
        for member in value.values():
            yield from _artifact_digests(member)
    elif isinstance(value, list):
        for item in value:
            yield from _artifact_digests(item)


def _digests(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _digests(item)
    elif isinstance(value, str) and _is_digest(value):
        yield value


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _policy(station: Station, given: Mapping[str, tuple[str, ...]], *, cwd: str) -> KernelPolicy:
    programs = _programs(station, given)
    code = {f"code:{at}": Place(path, code=True) for at, path in enumerate(_code(programs))}
    packages = {
        f"toolbox:{name}": Place(str(box.packages), code=True)
        for name, box in station.toolboxes.items()
    }
    folders = {place.path for place in packages.values()}
    path = sorted({os.path.dirname(one) for one in {*programs} - folders})  # noqa: PTH120 - text
    projection = project(
        station.bot,
        _granted(station, given, programs=programs, libraries=tuple(f"{{{one}}}" for one in code)),
        cwd=cwd,
        places={**packages, **code},
        relays=station.relays,
        secrets=station.secrets,
        env={**_ENV, "PATH": ":".join(path)},
    )
    if projection.policy is None:
        raise UnfitError("; ".join(projection.problems))
    return projection.policy


def _granted(
    station: Station,
    given: Mapping[str, tuple[str, ...]],
    *,
    programs: tuple[str, ...],
    libraries: tuple[str, ...],
) -> Grants:
    """The grants with every placeholder written out that stands for plain paths.

    The bot's own folder and the libraries of what may run are always readable.
    """
    grants = station.action.grants
    places = _plain_places(station, given)
    return Grants(
        read=(*_several(grants.read, places), *libraries, str(station.manifest.folder)),
        write=_several(grants.write, places),
        exec=programs,
        network=grants.network,
        secrets=grants.secrets,
        memory=grants.memory,
        processes=grants.processes,
        cpu=grants.cpu,
        output=grants.output,
        disk=grants.disk,
        trace_denials=grants.trace_denials,
    )


def _programs(station: Station, given: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What may be run. A toolbox brings its programs and the interpreter with it."""
    python = own_interpreter().program
    tools = {
        f"toolbox:{name}": (str(box.packages), *sorted(box.programs.values()), python)
        for name, box in station.toolboxes.items()
    }
    places = {**_plain_places(station, given), **tools, "python": (python,)}
    return _several(station.action.grants.exec, places)


def _plain_places(
    station: Station, given: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    fixed = {name: (str(path),) for name, path in station.places.items()}
    return {**fixed, **given, "bot": (str(station.manifest.folder),)}


def _code(programs: tuple[str, ...]) -> tuple[str, ...]:
    """The libraries that the granted programs need."""
    python = own_interpreter()
    own = python.runtime if python.program in programs else ()
    return (*system_libraries(), *own) if programs else ()


def _several(paths: tuple[str, ...], places: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Write out the placeholders that are in `places`; others stay, to be judged later."""
    found: list[str] = []
    for path in paths:
        match = _PLACEHOLDER.match(path)
        if match is None or match[1] not in places:
            found.append(path)
        else:
            found += [place + path[match.end() :] for place in places[match[1]]]
    return tuple(found)


def _argv(station: Station) -> tuple[str, ...]:
    words = station.entry.run if station.action.entry_point else station.action.command
    known = {"python": own_interpreter().program, "bot": str(station.manifest.folder)}
    return tuple(
        _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), word) for word in words
    )


def _is_python(program: str) -> bool:
    return program == own_interpreter().program


def _document(station: Station, job: Job, material: Material) -> bytes:
    """The job as the bot reads it: one line of JSON."""
    boxes = station.toolboxes.values()
    paths: dict[str, Any] = {
        "out": str(material.out),
        "artifacts": {digest: str(path) for digest, path in material.blobs.items()},
        "toolbox": {box.name: str(box.packages) for box in boxes},
        "programs": {name: path for box in boxes for name, path in sorted(box.programs.items())},
        "places": {name: str(path) for name, path in sorted(station.places.items())},
        "relays": {name: relay_destination(name) for name in relays_of(station.action.grants)},
    }
    if material.repository is not None:
        paths["repository"] = str(material.repository)
    document = {
        "version": VERSION,
        "job": job.job,
        "attempt": job.attempt,
        "bot": job.bot,
        "action": job.action,
        "capability": station.action.capability,
        "idempotency_key": job.job,
        "event": job.event,
        "paths": paths,
        "tools": {box.name: box.digest for box in boxes},
        "timeout_s": float(station.bot.constraints.timeout),
    }
    return msgspec.json.encode(document) + b"\n"
