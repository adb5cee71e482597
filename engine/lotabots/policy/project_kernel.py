"""Grants to sandbox policy: what the kernel will allow one run of an action.

The projection names paths and numbers only; whether the paths exist and the host can keep the
policy is the sandbox's question. A placeholder that has no place, a secret without a value, a
destination that is not ``host:port``: each is a problem, and a policy with problems is not made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lotabots.policy.grant_form import (
    PLACEHOLDER,
    path_faults,
    relay_destination,
    relay_name,
    valid_destination,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.model.bot import Bot, Grants

VERSION: Final = 1
MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run, over all its processes together. Exceeding one ends the run."""

    memory_mb: int = 512
    processes: int = 32
    open_files: int = 1024
    cpu_s: int = 300
    wall_s: int = 3600
    output_bytes: int = 16 * MIB
    disk_mb: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """`connect` lists ``host:port`` destinations, `bind` ports that are reachable from outside.

    `via` says of a destination where its connections lead, when not to the host of that name:
    ``host:port`` or ``unix:/absolute/path``.
    """

    connect: tuple[str, ...] = ()
    bind: tuple[int, ...] = ()
    via: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelPolicy:
    """What one run may touch. Paths are absolute and recursive; nothing else exists for it.

    `runtime` paths can be read and mapped as code, but not started as programs; `exec` paths can.
    """

    name: str = ""
    cwd: str = "/"
    read: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    proc: str = "own"
    dev: tuple[str, ...] = ("null", "zero", "full", "random", "urandom")
    net: Net = field(default_factory=Net)
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def plain(self) -> dict[str, Any]:
        """The policy as JSON-able data, the format of ``lotabots sandbox run --policy``."""
        return {
            "version": VERSION,
            "name": self.name,
            "cwd": self.cwd,
            "read": list(self.read),
            "runtime": list(self.runtime),
            "write": list(self.write),
            "exec": list(self.exec),
            "proc": self.proc,
            "dev": list(self.dev),
            "net": {
                "connect": list(self.net.connect),
                "bind": list(self.net.bind),
                "via": dict(self.net.via),
            },
            "env": dict(self.env),
            "limits": {name: getattr(self.limits, name) for name in Limits.__slots__},
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a placeholder lies on the host; `code` places hold libraries, not data."""

    path: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Projection:
    """The policy of an action, or the problems that kept it from being made."""

    policy: KernelPolicy | None
    problems: tuple[str, ...] = ()


def project(
    bot: Bot,
    grants: Grants,
    *,
    cwd: str,
    places: Mapping[str, Place],
    relays: Mapping[str, str],
    secrets: Mapping[str, str],
    env: Mapping[str, str],
) -> Projection:
    """Turn `grants` into a policy; `places` gives each ``{placeholder}`` its folder on the host.

    `relays` says where each ``{relay:NAME}`` leads: ``host:port`` or ``unix:/absolute/path``.
    Granted secrets become environment variables of their name. The result depends on the
    arguments only.
    """
    problems = tuple(_problems(grants, places=places, relays=relays, secrets=secrets, env=env))
    if problems:
        return Projection(policy=None, problems=problems)
    code = [path for path in grants.read if _is_code(path, places)]
    granted = {name: secrets[name] for name in grants.secrets}
    policy = KernelPolicy(
        name=bot.name,
        cwd=cwd,
        read=_expanded([path for path in grants.read if path not in code], places),
        runtime=_expanded(code, places),
        write=_expanded(grants.write, places),
        exec=_expanded(grants.exec, places),
        net=_net(grants, relays),
        env={**env, **granted},
        limits=_limits(bot, grants),
    )
    return Projection(policy=policy)


def _problems(
    grants: Grants,
    *,
    places: Mapping[str, Place],
    relays: Mapping[str, str],
    secrets: Mapping[str, str],
    env: Mapping[str, str],
) -> Iterator[str]:
    for path in (*grants.read, *grants.write, *grants.exec):
        yield from _path_problems(path, places)
    for destination in grants.network:
        yield from _network_problems(destination, grants, relays)
    for name in grants.secrets:
        if name not in secrets:
            yield f"secret `{name}` has no value"
        if name in env:
            yield f"secret `{name}` has the name of a plain variable"


def _network_problems(destination: str, grants: Grants, relays: Mapping[str, str]) -> Iterator[str]:
    relay = relay_name(destination)
    if not relay:
        if not valid_destination(destination):
            yield f"network grant `{destination}` is neither host:port nor {{relay:NAME}}"
    elif relay not in relays:
        yield f"relay `{relay}` leads nowhere; name its place under `relays` in lotabots.yaml"
    elif relay_destination(relay) in grants.network:
        yield f"`{relay_destination(relay)}` is a relay and a destination; grant one of them"


def _path_problems(path: str, places: Mapping[str, Place]) -> Iterator[str]:
    for name in PLACEHOLDER.findall(path):
        if name not in places:
            yield _without_place(name, path)
    yield from path_faults(path)


def _without_place(name: str, path: str) -> str:
    placeholder = f"{{{name}}}"
    where = "" if path == placeholder else f" in `{path}`"
    kind, _, environment = name.partition(":")
    if kind == "releases" and environment:
        cure = f"configure a service with the environment `{environment}` under `services`"
    elif environment:
        return f"`{placeholder}`{where} has no place"
    else:
        cure = "name its folder under `places`"
    return f"`{placeholder}`{where} has no place; {cure} in lotabots.yaml"


def _is_code(path: str, places: Mapping[str, Place]) -> bool:
    return any(places[name].code for name in PLACEHOLDER.findall(path))


def _expanded(paths: tuple[str, ...] | list[str], places: Mapping[str, Place]) -> tuple[str, ...]:
    texts = {PLACEHOLDER.sub(lambda found: places[found[1]].path, path) for path in paths}
    return tuple(sorted(texts))


def _net(grants: Grants, relays: Mapping[str, str]) -> Net:
    names = sorted({name for text in grants.network if (name := relay_name(text))})
    plain = {text for text in grants.network if not relay_name(text)}
    via = {relay_destination(name): relays[name] for name in names}
    return Net(connect=tuple(sorted({*plain, *via})), via=via)


def _limits(bot: Bot, grants: Grants) -> Limits:
    """Sizes round up to the unit of the policy, so that a grant is never cut short."""
    return Limits(
        memory_mb=-(-grants.memory // MIB),
        processes=grants.processes,
        cpu_s=grants.cpu,
        wall_s=int(-(-bot.constraints.timeout // 1)),
        output_bytes=grants.output,
        disk_mb=-(-grants.disk // MIB),
    )
