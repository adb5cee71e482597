"""Reads the JSON of a sandbox policy, strictly: an unknown member or a wrong type is an error.

Absent members grant nothing, or stand for the default limits. All errors are collected.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from lotabots.policy.grant_form import valid_destination, valid_way
from lotabots.policy.project_kernel import VERSION, KernelPolicy, Limits, Net

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DEVICES: Final = ("null", "zero", "full", "random", "urandom")
PROC: Final = ("own", "none")
_MEMBERS: Final = (
    "version", "name", "cwd", "read", "runtime", "write", "exec", "proc", "dev", "net", "env",
    "limits",
)  # fmt: skip
_PATHS: Final = ("read", "runtime", "write", "exec")
_NET: Final = ("connect", "bind", "via")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MAX_PORT: Final = 65_535
_MAX_LIMIT: Final = 2**40


class PolicyError(ValueError):
    """The policy cannot be used; `errors` says everything that is wrong with it."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def decode(data: bytes) -> KernelPolicy:
    """The policy in `data`.

    Raises:
        PolicyError: it is not JSON, or not a policy of version 1.
    """
    try:
        value = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise PolicyError([f"not a JSON document: {error}"]) from error
    return from_plain(value)


def from_plain(value: object) -> KernelPolicy:
    """The policy in already parsed JSON; see `decode`."""
    if not isinstance(value, dict):
        raise PolicyError(["a policy is a JSON object"])
    errors = list(_errors(value))
    if errors:
        raise PolicyError(errors)
    net = value.get("net", {})
    members: dict[str, Any] = {name: tuple(value.get(name, ())) for name in _PATHS}
    members |= {name: value[name] for name in ("name", "cwd", "proc") if name in value}
    return KernelPolicy(
        **members,
        dev=tuple(value.get("dev", ())),
        net=Net(
            connect=tuple(net.get("connect", ())),
            bind=tuple(net.get("bind", ())),
            via=dict(net.get("via", {})),
        ),
        env=dict(value.get("env", {})),
        limits=Limits(**value.get("limits", {})),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"`{next(n for n in names if names.count(n) > 1)}` is given twice")
    return found


def _errors(value: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown("policy", value, _MEMBERS)
    version = value.get("version")
    if version != VERSION or isinstance(version, bool):
        yield f"`version` must be {VERSION}"
    if not _is_text(value.get("name", "")):
        yield "`name` must be text"
    if not _is_path(value.get("cwd", "/")):
        yield "`cwd` must be an absolute path"
    for name in _PATHS:
        yield from _path_errors(name, value.get(name, []))
    if value.get("proc", "own") not in PROC:
        yield "`proc` must be `own` or `none`"
    yield from _device_errors(value.get("dev", []))
    yield from _net_errors(value.get("net", {}))
    yield from _env_errors(value.get("env", {}))
    yield from _limit_errors(value.get("limits", {}))


def _unknown(where: str, value: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for name in value:
        if name not in known:
            yield f"unknown member `{name}` of {where}; known are {', '.join(known)}"


def _path_errors(name: str, paths: object) -> Iterator[str]:
    if not isinstance(paths, list):
        yield f"`{name}` must be a list of paths"
        return
    for path in paths:
        if not _is_path(path):
            yield f"`{name}` holds `{path}`, which is not an absolute path without `..`"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_path(value: object) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.startswith("/") and ".." not in value.split("/")


def _device_errors(devices: object) -> Iterator[str]:
    if not isinstance(devices, list):
        yield "`dev` must be a list of names"
        return
    for device in devices:
        if device not in DEVICES:
            yield f"`dev` holds `{device}`; possible are {', '.join(DEVICES)}"


def _net_errors(net: object) -> Iterator[str]:
    if not isinstance(net, dict):
        yield "`net` must be an object"
        return
    yield from _unknown("`net`", net, _NET)
    connect, bind = net.get("connect", []), net.get("bind", [])
    if not isinstance(connect, list) or not isinstance(bind, list):
        yield "`net.connect` and `net.bind` must be lists"
        return
    for destination in connect:
        if not isinstance(destination, str) or not valid_destination(destination):
            yield f"`net.connect` holds `{destination}`, which is not host:port"
    for port in bind:
        if not _is_count(port, _MAX_PORT):
            yield f"`net.bind` holds `{port}`, which is not a port"
    yield from _via_errors(net.get("via", {}), connect)


def _via_errors(via: object, connect: list[object]) -> Iterator[str]:
    if not isinstance(via, dict):
        yield "`net.via` must be an object"
        return
    for destination, way in via.items():
        if destination not in connect:
            yield (
                f"`net.via` names `{destination}`, which is not granted; "
                "add it to `net.connect`, or leave it out"
            )
        if not isinstance(way, str) or not valid_way(way):
            yield (
                f"`net.via` leads `{destination}` to `{way}`, "
                "which is neither host:port nor unix:/absolute/path"
            )


def _env_errors(env: object) -> Iterator[str]:
    if not isinstance(env, dict):
        yield "`env` must be an object"
        return
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            yield f"`env` names `{name}`, which is not a variable name"
        if not _is_text(value):
            yield f"`env.{name}` must be text"


def _limit_errors(limits: object) -> Iterator[str]:
    if not isinstance(limits, dict):
        yield "`limits` must be an object"
        return
    yield from _unknown("`limits`", limits, tuple(Limits.__slots__))
    for name, value in limits.items():
        if name in Limits.__slots__ and not _is_count(value, _MAX_LIMIT):
            yield f"`limits.{name}` must be a whole number of at least 1"


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
