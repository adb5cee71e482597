"""What grants may name on this host: folders of the host's services, and secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lotabots.adapters.hosting.journal import LOGS
from lotabots.adapters.hosting.releases import incoming

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.service.config import ServiceConfig

SECRET_PREFIX: Final = "LOTABOTS_SECRET_"  # noqa: S105 - the name of variables, not a secret
"""Variables of the service's environment that hold secrets which grants may name."""


def hosting_places(config: ServiceConfig) -> dict[str, Path]:
    """The places that hosting makes, for `{placeholders}`; none where nothing is hosted.

    ``releases:ENVIRONMENT`` is where a job may put the tree of a new release, ``logs`` has what
    the instances of all releases write.
    """
    environments = sorted({one.environment for one in config.services})
    places = {f"releases:{one}": incoming(config.state, one) for one in environments}
    if config.services:
        places["logs"] = config.state / LOGS
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return places


def secrets() -> dict[str, str]:
    """The secrets by their names, from the environment of the service.

    A variable with ``_`` in its name also gives the secret with ``-`` instead: most shells and
    service files can set no variable that has one.
    """
    exactly = {
        name.removeprefix(SECRET_PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(SECRET_PREFIX)
    }
    return {name.replace("_", "-"): value for name, value in exactly.items()} | exactly


def variable(secret: str) -> str:
    """The variable to set for a secret."""
    return SECRET_PREFIX + secret.upper().replace("-", "_")
