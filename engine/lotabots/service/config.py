"""``lotabots.yaml``: what the service needs to know that no rule says.

The rules decide; this file only says where things are on this host.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lotabots.model.codec.collection import listing, table
from lotabots.model.codec.names import SOURCE, WORD
from lotabots.model.codec.scalar import integer, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.names import OUTSIDE_FAMILIES
from lotabots.policy.project_broker import LEASE_S
from lotabots.service import hosting_config, relay_config
from lotabots.syntax.compose import compose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.codec.codec import Findings, Places
    from lotabots.policy.hosting import Hosted, Target

FILE: Final = "lotabots.yaml"
STATE: Final = ".lotabots"
SHORTEST_LEASE_S: Final = 2
LONGEST_LEASE_S: Final = 3600

SHAPE: Final = Shape(
    "a service configuration",
    "lotabots.yaml: where things are on this host.",
    [
        Key("state", "state", prose(), "the state folder; default `.lotabots` in the workspace"),
        Key(
            "repositories",
            "repositories",
            table(WORD, prose()),
            "bare git repositories by the name that events use: name and path",
        ),
        Key(
            "places",
            "places",
            table(WORD, prose()),
            "folders that grants name: `{advisories}` and the like, name and path",
        ),
        Key(
            "outside",
            "outside",
            listing(SOURCE),
            "sources outside the fleet that get credentials, such as `ingress.git`",
        ),
        Key(
            "lease",
            "lease",
            integer(SHORTEST_LEASE_S, LONGEST_LEASE_S),
            "seconds after which the work of a process that shows no sign of life goes to another",
        ),
        relay_config.KEY,
        *hosting_config.KEYS,
    ],
)


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Where things are. Paths are absolute."""

    state: Path
    repositories: Mapping[str, Path] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    lease: int = LEASE_S
    """Seconds. The same in all processes of a service; the one that owns the server decides."""

    places: Mapping[str, Path] = field(default_factory=dict)
    """Folders that grants name, such as ``{advisories}``."""

    services: tuple[Hosted, ...] = ()
    """What the host runs, one for each service and environment."""

    targets: tuple[Target, ...] = ()
    """What is looked at besides."""

    relays: Mapping[str, str] = field(default_factory=dict)
    """Where a ``{relay:NAME}`` of grants leads: ``host:port`` or ``unix:/absolute/path``."""


def read_config(root: Path) -> tuple[ServiceConfig, tuple[Diagnostic, ...]]:
    """The configuration of the workspace at `root`, and what is wrong with its file.

    Without a file everything has its default. The person who runs the service is always an
    outside source, ``cli.<name>``, and so is ``ingress.git`` where there are repositories.
    """
    path = root / FILE
    findings: Findings = []
    values: dict[str, object] = {}
    if path.is_file():
        node, faults = compose(FILE, path.read_bytes())
        findings.extend(faults)
        places: Places = {}
        collected = SHAPE.collect(node, findings, places) if node is not None else None
        values = collected[0] if collected else {}
        if node is not None:
            services = hosting_config.hosted(values)
            span = places.get("services", node.span)
            findings.extend(hosting_config.faults(services, span))
    repositories = values.get("repositories", {})
    outside = values.get("outside", ())
    lease = values.get("lease", LEASE_S)
    folders = values.get("places", {})
    assert isinstance(folders, dict)  # noqa: S101 - the shape says so
    assert isinstance(repositories, dict)  # noqa: S101 - the shape says so
    assert isinstance(outside, tuple)  # noqa: S101 - the shape says so
    assert isinstance(lease, int)  # noqa: S101 - the shape says so
    config = ServiceConfig(
        root / str(values.get("state", STATE)),
        {name: (root / place).resolve() for name, place in repositories.items()},
        tuple(sorted({*outside, user_source(), *(["ingress.git"] if repositories else [])})),
        lease,
        {name: (root / place).resolve() for name, place in folders.items()},
        hosting_config.hosted(values),
        hosting_config.targets(values),
        relay_config.configured(values, root),
    )
    return config, tuple(findings)


def user_source() -> str:
    """The source of what the person at the command line emits: ``cli.<login name>``."""
    try:
        import pwd  # noqa: PLC0415 - absent on some systems

        name = pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        name = str(os.geteuid())
    return f"{OUTSIDE_FAMILIES[0]}.{re.sub('[^a-z0-9_-]', '-', name.lower())[:32] or 'user'}"
