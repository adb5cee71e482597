"""Source distributions and wheels by hash, from whatever index pip is set up with.

pip builds the metadata of a source distribution that it downloads, and so would run code of it and
of its backend; there is no option against that (issue 1884 of pypa/pip). Here the backends that pip
finds are our own, and only hand over what the distribution says of itself (``PKG-INFO``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

from executor.workshop import ROOT, cannot

READERS = ("flit_core.buildapi", "setuptools.build_meta")
READER = """\
from email.parser import HeaderParser
from pathlib import Path


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    said = Path("PKG-INFO").read_text(encoding="utf-8")
    facts = HeaderParser().parsestr(said)
    name = facts["Name"].replace("-", "_") + "-" + facts["Version"] + ".dist-info"
    Path(metadata_directory, name).mkdir()
    Path(metadata_directory, name, "METADATA").write_text(said, encoding="utf-8")
    return name
"""
EXACTLY = ("--require-hashes", "--no-deps")
FOREIGN_SETTINGS = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT")


def sources(folder: Path) -> dict[str, Path]:
    """The unpacked source distributions of ``requirements/tests-projects.txt``, by name."""
    for backend in READERS:
        path = (folder / "readers").joinpath(*backend.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True)
        path.with_name("__init__.py").touch()
        path.write_text(READER, encoding="utf-8")
    only = ("--no-binary", ":all:", "--no-build-isolation")
    env = {"PYTHONPATH": str(folder / "readers")}
    _download(folder / "sdists", "tests-projects.txt", *only, env=env)
    found = {}
    for archive in sorted((folder / "sdists").glob("*.tar.gz")):
        with tarfile.open(archive) as opened:
            opened.extractall(folder / "sources", filter="data")
        source = folder / "sources" / archive.name.removesuffix(".tar.gz")
        assert _backend(source) in READERS, "its own backend was asked: add it to READERS"
        found[archive.name.rpartition("-")[0]] = source
    return found


def wheels(folder: Path) -> None:
    """Put the wheels of ``requirements/tests-wheelhouse.txt`` into `folder`."""
    _download(folder, "tests-wheelhouse.txt", "--only-binary", ":all:", env={})


def _backend(source: Path) -> str:
    system = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert "backend-path" not in system
    return str(system["build-backend"])


def _download(folder: Path, lock: str, *options: str, env: dict[str, str]) -> None:
    """From the kept downloads if they are complete, so that later runs need no network."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lotabots/packages"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = (*EXACTLY, *options, "--requirement", str(ROOT / "requirements" / lock))
    from_kept = ("--dest", str(folder), "--no-index", "--find-links", str(kept), *wanted)
    if _pip(*from_kept, env=env).returncode:
        _pip("--dest", str(kept), *wanted, env=env)
        done = _pip(*from_kept, env=env)
        if done.returncode:
            cannot(f"{lock} cannot be downloaded: {done.stderr[-1000:]}")


def _pip(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "download"]
    usual: dict[str, Any] = {k: v for k, v in os.environ.items() if k not in FOREIGN_SETTINGS}
    return subprocess.run(
        [*command, *arguments],
        env=usual | {"PYTHONPATH": ""} | env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
