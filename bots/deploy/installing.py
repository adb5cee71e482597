"""Installs wheels into a folder with pip, which here can neither build nor go anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import PathDistribution, distributions
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wheel import Wheel

STRICT = (
    "--isolated",
    "--no-input",
    "--no-color",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--keyring-provider=disabled",
    "--no-index",
    "--only-binary=:all:",
    "--no-build-isolation",
    "--no-warn-script-location",
    "--progress-bar=off",
    "--root-user-action=ignore",
    "--no-compile",  # a release is the bytes of its wheels and nothing that depends on the time
)
MAX_SAID = 1000


class Part(NamedTuple):
    """Something that was installed: which wheel, by its SHA-256."""

    name: str
    version: str
    digest: str


def install(
    wheels: Sequence[Wheel], target: Path, *, tools: Path, beside: Path, until: float
) -> tuple[Part, ...]:
    """Install the first of `wheels` into `target`, with what it needs from among the others.

    Raises:
        UnfitError: it cannot be installed, or not before `until` (monotonic).
    """
    links, report, log = beside / "links", beside / "report.json", beside / "pip.log"
    for folder in (links, beside / "home", beside / "tmp"):
        folder.mkdir(parents=True)
    for one in wheels:
        (links / one.file).symlink_to(one.path)
    command = [sys.executable, "-I", "-S", str(tools / "pip"), "install", *STRICT]
    places = [f"--find-links={links}", f"--target={target}", f"--report={report}"]
    wanted = f"{wheels[0].project}=={wheels[0].version}"
    with log.open("wb") as said:
        status = _status([*command, *places, wanted], beside, said.fileno(), until=until)
    if status != 0:
        raise UnfitError(f"the wheel cannot be installed: {_errors(log)}")
    return _parts(report, {one.file for one in wheels})


def _status(command: list[str], beside: Path, said: int, *, until: float) -> int:
    env = {
        "HOME": str(beside / "home"),
        "TMPDIR": str(beside / "tmp"),
        "LC_ALL": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,  # `--isolated` alone still reads the system's
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        return subprocess.run(
            command,
            check=False,
            cwd=beside,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=max(1.0, until - time.monotonic()),
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise UnfitError(f"pip was not done within {error.timeout:.0f} s") from error


def _errors(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return " | ".join(errors or lines[-3:])[-MAX_SAID:]


def _parts(report: Path, files: set[str]) -> tuple[Part, ...]:
    """What pip says that it installed, from among `files`."""
    found = []
    for one in json.loads(report.read_bytes())["install"]:
        facts: dict[str, Any] = one["download_info"]
        if one["is_direct"] or facts["url"].rpartition("/")[2] not in files:
            raise UnfitError(f"pip took `{facts['url']:.200}`, which was not offered")
        meta, hashes = one["metadata"], facts["archive_info"]["hashes"]
        found.append(Part(meta["name"], meta["version"], f"sha256:{hashes['sha256']}"))
    return tuple(sorted(found))


def folder(job: str) -> str:
    """The name of the folder that `job` installs into."""
    return f"{job}.release"


def scratch(job: str) -> str:
    """The name of a folder beside it, for what is needed only meanwhile."""
    return f"{job}.scratch"


def clear(incoming: Path) -> None:
    """Remove what earlier attempts left behind. Only one job at a time writes there."""
    for path in incoming.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def pip_version(tools: Path) -> str:
    """The version of pip in the toolbox."""
    for found in distributions(name="pip", path=[str(tools)]):
        if isinstance(found, PathDistribution):
            return found.version
    return "unknown"
