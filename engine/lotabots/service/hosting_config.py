"""The keys `services` and `targets` of ``lotabots.yaml``: what the host runs, and what is watched.

Environments are words of the fleet: where its events name them in a closed list, another word is a
finding, because no event could ever lead there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lotabots.diagnostics.codes import INVALID_VALUE
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import Codec, did_you_mean, one_of
from lotabots.model.codec.collection import table
from lotabots.model.codec.names import SLUG
from lotabots.model.codec.quantity import number, size
from lotabots.model.codec.scalar import integer, name, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.event import EnumType, ListType, ObjectType
from lotabots.policy.hosting import PROCESSES, Hosted, Target
from lotabots.policy.project_kernel import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.model.codec.codec import Definitions, Findings, Places, Style
    from lotabots.model.event import EventType, PayloadType
    from lotabots.syntax.nodes import Node

LARGEST: Final = 2**40
MOST_CONNECTIONS: Final = 120
"""The sandbox carries 128 connections to an instance; the others are for probes and checks."""

_INCOMING: Final = "incoming"
_LOCK: Final = "lock"
_PORT: Final = (
    r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_LISTEN: Final = name(
    "an address to listen on",
    re.compile(rf"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):{_PORT}", re.ASCII),
    "write host and port, like `127.0.0.1:8101`",
)
_RUN: Final = name(
    "the name of a console script, with or without arguments",
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?: [!-~]{1,256}){0,32}", re.ASCII),
    "write a name from the wheel's entry_points.txt, then its arguments with one space between",
    longest=1024,
)
_HEALTH: Final = name(
    "the path of a health check",
    re.compile(r"/[!-~]{0,255}", re.ASCII),
    "begin it with `/`, like `/healthz`",
    longest=256,
)
_URL: Final = name(
    "an http address",
    re.compile(r"http://[A-Za-z0-9.\[\]:-]{1,255}", re.ASCII),
    "write `http://host:port`; the path stands under `health`",
    longest=300,
)
_VARIABLE: Final = name(
    "the name of a variable",
    re.compile(r"(?!PORT$)[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII),
    "use letters, digits and `_`; `PORT` is given by the host",
)


def mapping(shape: Shape) -> Codec[dict[str, Any]]:
    """A mapping with the keys of `shape`, as a dictionary; left out when a required key is."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        own: Places = {}
        collected = shape.collect(node, findings, own)
        places.update({f"{route}.{key}": span for key, span in own.items()})
        return collected[0] if collected is not None and collected[1] else None

    def write(value: dict[str, Any], style: Style) -> dict[str, Any]:
        return shape.table(value, style)

    def schema(definitions: Definitions) -> dict[str, Any]:
        return shape.schema(definitions, {})

    return Codec(read, write, schema)


_INSTANCES: Final = Shape(
    "bounds of instances",
    "How many processes of a release there may be.",
    [
        Key("min", "least", integer(1, 64), "at least so many; default 1"),
        Key("max", "most", integer(1, 64), "at most so many; default the same as `min`"),
    ],
)
_OBJECTIVES: Final = Shape(
    "objectives of a service",
    "What is bad for a new release, whatever was usual before.",
    [
        Key("latency_ms", "latency_ms", integer(1, 3_600_000), "a mean latency above this"),
        Key("error_ratio", "error_ratio", number(), "a share of failed requests above this, to 1"),
    ],
)
_ENVIRONMENT: Final = Shape(
    "an environment of a service",
    "Where a service listens, and what its releases get.",
    [
        Key("listen", "listen", _LISTEN, "host and port of its front", required=True),
        Key("env", "env", table(_VARIABLE, prose()), "variables that its releases see"),
        Key("instances", "instances", mapping(_INSTANCES), "`min` and `max`; default 1"),
        Key(
            "capacity",
            "capacity",
            integer(1, 1_000_000),
            "requests a second that one instance is meant to serve; default 100",
        ),
        Key("watch", "watch", integer(0, 86_400), "seconds for which a new release is watched"),
        Key("objectives", "objectives", mapping(_OBJECTIVES), "`latency_ms` and `error_ratio`"),
    ],
)
_SERVICE: Final = Shape(
    "a service",
    "A program of a wheel that the host keeps running.",
    [
        Key(
            "run",
            "run",
            _RUN,
            "console script of the wheel, and its arguments; `{port}` stands for the port",
            required=True,
        ),
        Key("health", "health", _HEALTH, "path that answers 200 when all is well; default `/`"),
        Key("memory", "memory", size(MIB, LARGEST), "bytes that one instance may use"),
        Key("processes", "processes", integer(1, 4096), "processes and threads of one instance"),
        Key(
            "connections",
            "connections",
            integer(1, MOST_CONNECTIONS),
            "connections to one instance at once; default half of `processes`",
        ),
        Key(
            "environments",
            "environments",
            table(SLUG, mapping(_ENVIRONMENT)),
            "by name: where it listens",
            required=True,
        ),
    ],
)
_TARGET: Final = Shape(
    "a target",
    "Something to look at that is not hosted here.",
    [
        Key("url", "url", _URL, "where it is", required=True),
        Key("health", "health", _HEALTH, "path that answers 200 when all is well; default `/`"),
        Key("service", "service", SLUG, "the service that events name; default the target's name"),
        Key("environment", "environment", SLUG, "the environment that events name"),
    ],
)

KEYS: Final = (
    Key("services", "services", table(SLUG, mapping(_SERVICE)), "what the host runs, by name"),
    Key("targets", "targets", table(SLUG, mapping(_TARGET)), "what else is watched, by name"),
)


def hosted(values: Mapping[str, Any]) -> tuple[Hosted, ...]:
    """The services of a configuration, one for each environment."""
    return tuple(
        _hosted(service, said, environment, place)
        for service, said in values.get("services", {}).items()
        for environment, place in said["environments"].items()
    )


def targets(values: Mapping[str, Any]) -> tuple[Target, ...]:
    """The targets of a configuration."""
    return tuple(
        Target(
            name=target,
            url=said["url"],
            health=said.get("health", "/"),
            service=said.get("service", target),
            environment=said.get("environment", ""),
        )
        for target, said in values.get("targets", {}).items()
    )


def faults(services: Iterable[Hosted], span: Span) -> Iterator[Diagnostic]:
    """What no key by itself shows: exchanged bounds, an address given twice, a name of ours."""
    seen: dict[str, str] = {}
    for one in services:
        if one.service == _INCOMING or one.environment == _LOCK:
            # Jobs write to `incoming`: with that name they would write the history of a service.
            message = f"`{one.name}`: the host itself uses this name in its folder"
            cure = f"no service is called `{_INCOMING}`, no environment `{_LOCK}`"
            yield INVALID_VALUE.at(Label(span), message, help=cure)
        if one.least > one.most:
            message = f"`{one.name}`: at least {one.least} instances, but at most {one.most}"
            yield INVALID_VALUE.at(Label(span), message, help="exchange `min` and `max`")
        if one.connections >= max(one.processes, 2):
            message = f"`{one.name}`: {one.connections} connections to an instance, which may have "
            message += f"{one.processes} processes and threads"
            cure = "give it more `processes` than `connections`: it may take a thread for each"
            yield INVALID_VALUE.at(Label(span), message, help=cure)
        if one.error_ratio is not None and not 0 <= one.error_ratio <= 1:
            message = f"`{one.name}`: `error_ratio` is {one.error_ratio:g}"
            yield INVALID_VALUE.at(Label(span), message, help="write a share from 0 to 1")
        other = seen.setdefault(one.listen, one.name)
        if other != one.name:
            message = f"`{one.name}` listens on `{one.listen}`, where `{other}` does"
            yield INVALID_VALUE.at(Label(span), message, help="give each a port of its own")


def unknown_environments(
    services: Iterable[Hosted], targets: Iterable[Target], events: Mapping[str, EventType]
) -> Iterator[str]:
    """Sentences about environments that no event of the fleet can name.

    Only where every event that has a member `environment` lists its words.
    """
    lists = [words for event in events.values() for words in _environments(event.payload)]
    if not lists or not all(lists):
        return
    known = sorted({word for words in lists for word in words})
    named = [(f"service `{one.service}`", one.environment) for one in services]
    named += [(f"target `{one.name}`", one.environment) for one in targets if one.environment]
    for what, environment in named:
        if environment not in known:
            cure = did_you_mean(environment, known) or f"the fleet knows {one_of(known)}"
            yield f"{what}: environment `{environment}` is in no event; {cure}"


def _environments(kind: PayloadType) -> Iterator[tuple[str, ...]]:
    """The words of each member called `environment`; none for one that is free text."""
    if isinstance(kind, ListType):
        yield from _environments(kind.item)
    if not isinstance(kind, ObjectType):
        return
    for member in kind.fields:
        if member.name == "environment":
            yield member.type.values if isinstance(member.type, EnumType) else ()
        else:
            yield from _environments(member.type)


def _hosted(
    service: str, said: Mapping[str, Any], environment: str, place: Mapping[str, Any]
) -> Hosted:
    bounds = place.get("instances", {})
    least = bounds.get("least", 1)
    given = {key: said[key] for key in ("health", "processes") if key in said}
    given |= {key: place[key] for key in ("env", "capacity", "watch") if key in place}
    objectives = place.get("objectives", {})
    given |= {"latency_ms": objectives["latency_ms"]} if "latency_ms" in objectives else {}
    if "error_ratio" in objectives:
        given["error_ratio"] = float(objectives["error_ratio"])
    if "memory" in said:
        given["memory_mb"] = -(-said["memory"] // MIB)
    half = min(max(1, said.get("processes", PROCESSES) // 2), MOST_CONNECTIONS)
    return Hosted(
        service=service,
        environment=environment,
        run=said["run"],
        listen=place["listen"],
        least=least,
        most=bounds.get("most", least),
        connections=said.get("connections", half),
        **given,
    )
