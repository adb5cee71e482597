"""The workspace, in a temporary folder: this repository's fleet, and what it needs.

The rules and the bots are copies of this repository's. Added are a hostile bot, and
`lotabots.yaml`, which says where things are on this host.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from interruption import undisturbed
from words import PRODUCTION, STAGING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from people import People

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LOTABOTS = (sys.executable, "-m", "lotabots")
SHOP = "shop"
CURRENCY = "EUR"
"""What only production sets."""

CAST = ("build", "deploy", "lint", "monitor", "notification", "security", "test")
"""The folders of the bots that play; the others are not installed here."""

TOOLBOXES = ("build", "deploy", "lint", "security", "test")
"""What they work with; the Makefile names the same."""

WATCH_S = 90
"""How long MonitorBot stays with a new release; the default of ten minutes is too long to show."""


class FailedError(Exception):
    """Something did not happen as it should."""


class Workspace(NamedTuple):
    """Where everything is."""

    root: Path

    @property
    def bare(self) -> Path:
        """The repository that the service watches."""
        return self.root / "shop.git"

    @property
    def checkout(self) -> Path:
        """Where the team works."""
        return self.root / "shop"

    @property
    def state(self) -> Path:
        """The service's state folder."""
        return self.root / ".lotabots"

    @property
    def log(self) -> Path:
        """What the service printed."""
        return self.root / "service.log"

    @property
    def channels(self) -> Path:
        """Who is told what, by which server."""
        return self.root / "channels"

    def fill(self, ports: dict[str, int]) -> list[str]:
        """Copy the fleet and add what the demonstration needs; which bots have no part in it."""
        skipped = shutil.ignore_patterns("__pycache__", ".*_cache")
        for name in ("rules", "graphs", "requirements", *(f"bots/{one}" for one in CAST)):
            shutil.copytree(ROOT / name, self.root / name, ignore=skipped)
        self._add_intruder()
        self._date_advisories()
        self.state.mkdir(mode=0o700)
        (self.state / "tools").symlink_to(ROOT / ".lotabots/tools")
        (self.root / "lotabots.yaml").write_text(yaml.safe_dump(_settings(ports)), encoding="utf-8")
        return self._disable_what_is_not_installed()

    def settle(self, people: People) -> None:
        """Say where the people's servers are."""
        path = self.root / "lotabots.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings["relays"] = {
            "mail": f"127.0.0.1:{people.mail_port}",
            "chat": f"127.0.0.1:{people.chat_port}",
        }
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def _add_intruder(self) -> None:
        intruder = HERE / "intruder"
        skipped = shutil.ignore_patterns("events.yaml", "intruderbot.yaml", "__pycache__")
        shutil.copytree(intruder, self.root / "bots/intruder", ignore=skipped)
        shutil.copy(intruder / "intruderbot.yaml", self.root / "rules/bots")
        with (self.root / "rules/events.yaml").open("a") as events:
            events.write((intruder / "events.yaml").read_text())
        with (self.root / "rules/capabilities.yaml").open("a") as capabilities:
            capabilities.write("\n  intrusion.attempt: Try what no rule allows\n")

    def _date_advisories(self) -> None:
        """SecurityBot wants advisories that are not old; a made-up record stands for them here."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        where = ("--name", "sample", "--to", self.root / "advisories", "--as-of", now)
        program = (sys.executable, "-I", "-S", ROOT / "bots/security", "advisories")
        call(*program, HERE / "advisories", *where)

    def _disable_what_is_not_installed(self) -> list[str]:
        manifests = self.root.glob("bots/*/manifest.yaml")
        installed = {yaml.safe_load(path.read_text())["bot"] for path in manifests}
        idle = []
        for path in self.root.glob("rules/bots/*.yaml"):
            text = path.read_text()
            name = yaml.safe_load(text)["bot"]["name"]
            if name not in installed:
                path.write_text(text.replace("enabled: true", "enabled: false", 1))
                idle.append(name)
        return sorted(idle)


def _settings(ports: dict[str, int]) -> dict[str, object]:
    environments = {
        STAGING: {"listen": f"127.0.0.1:{ports[STAGING]}", "watch": WATCH_S},
        PRODUCTION: {
            "listen": f"127.0.0.1:{ports[PRODUCTION]}",
            "env": {"SHOP_CURRENCY": CURRENCY},
            "watch": WATCH_S,
        },
    }
    return {
        "repositories": {SHOP: "shop.git"},
        "places": {"advisories": "advisories", "channels": "channels"},
        "services": {SHOP: {"run": SHOP, "health": "/healthz", "environments": environments}},
    }


@contextmanager
def temporary() -> Iterator[Workspace]:
    """A workspace that is gone afterwards, read-only releases and all."""
    with ExitStack() as stack:
        with undisturbed():
            folder = Path(tempfile.mkdtemp(prefix="lotabots-demo-"))
            stack.callback(remove, folder)
        yield Workspace(folder)


def remove(folder: Path) -> None:
    """Remove a folder, also what is read-only in it."""
    with undisturbed():
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                one = Path(parent, name)
                if not one.is_symlink():
                    one.chmod(0o700)
        shutil.rmtree(folder)


def free_ports(*names: str) -> dict[str, int]:
    """A free port on loopback for each name."""
    with ExitStack() as stack:
        ports = {}
        for name in names:
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            ports[name] = one.getsockname()[1]
        return ports


def call(*words: object) -> str:
    """What a command prints.

    Raises:
        FailedError: it fails.
    """
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
