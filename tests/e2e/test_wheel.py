"""Whoever only ran `pip install` has everything: the wheel, installed alone, makes workspaces."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from executor.workshop import ROOT, cannot
from lotabots.service.beginning import beginning, beginning_with_fleet
from lotabots.service.carried import fleet_files

RULES = "rules/bots/lintbot.yaml"


def build(source: Path, kind: str, folder: Path) -> Path:
    """What hatchling makes of `source`: a `wheel` or an `sdist`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    return build(ROOT, "wheel", tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `lotabots` of an environment that holds the wheel, what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = [cache / "lotabots/packages", ROOT / "build/packages"]
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    install = [sys.executable, "-m", "pip", "--python", str(python), *quiet, "install"]
    links = [word for place in kept if place.is_dir() for word in ("--find-links", str(place))]
    lock = ["--require-hashes", "-r", str(ROOT / "requirements/runtime.txt")]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    locked = subprocess.run(
        [*install, "--no-index", *links, *lock],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if locked.returncode:
        cannot(f"runtime.txt is not in the kept downloads: {locked.stderr[-1000:]}")
    subprocess.run([*install, "--no-index", "--no-deps", str(wheel)], env=env, check=True)
    return folder / "bin/lotabots"


def held(wheel: Path, folder: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if name.startswith(folder)]
        return {name.removeprefix(folder): opened.read(name) for name in names}


def test_the_wheel_holds_what_init_writes(wheel: Path):
    templates = held(wheel, "lotabots/service/templates/")
    assert {name.removesuffix(".in"): data for name, data in templates.items()} == beginning()
    fleet = held(wheel, "lotabots/fleet/")
    lock = "requirements/runtime.txt"
    assert fleet.pop(lock) == (ROOT / lock).read_bytes(), "what `doctor` compares with"
    assert set(fleet) == set(fleet_files())
    assert fleet[RULES] == (ROOT / RULES).read_bytes()


def test_the_wheel_of_the_source_distribution_is_the_same_to_the_byte(wheel: Path, tmp_path: Path):
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert build(source, "wheel", tmp_path / "wheel").read_bytes() == wheel.read_bytes()


def test_an_installation_in_place_takes_the_fleet_from_where_it_is(wheel: Path, tmp_path: Path):
    program = "import hatchling.build, sys; hatchling.build.build_editable(sys.argv[1])"
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    editable = held(tmp_path / wheel.name, "")
    assert editable["_lotabots.pth"].decode().strip() == str(ROOT / "engine")
    assert not [name for name in editable if "/fleet/" in name]


@pytest.mark.usefixtures("launcher")
def test_an_installed_wheel_makes_a_workspace_that_runs(installed: Path, tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def lotabots(*words: str) -> str:
        command = [installed, *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout

    lotabots("init", "--with-fleet", "fleet")
    fleet = tmp_path / "fleet"
    written = {p.relative_to(fleet).as_posix(): p for p in fleet.rglob("*") if p.is_file()}
    assert {name: path.read_bytes() for name, path in written.items()} == beginning_with_fleet()
    here = ("-C", "fleet")
    assert "no findings" in lotabots("validate", "fleet")
    assert "all pass" in lotabots("test", *here)
    assert lotabots("graph", *here) == (ROOT / "graphs/fleet.mmd").read_text(encoding="utf-8")
    event = str(ROOT / "examples/events/12-near-miss-lint.json")
    assert "gate.release-staging     LR301" in lotabots("decide", event, *here)
    assert re.search(r"✓ packages +\d+ packages, all as locked\n", lotabots("doctor", *here))
    command = [installed, "run", *here]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        said = [next(service.stdout)]
        while said[-1] != "ready; Ctrl-C ends it\n":
            said.append(next(service.stdout))
        service.send_signal(signal.SIGINT)
        said += service.stdout.readlines()
    assert service.returncode == 0, said
    assert said[0].startswith("lotabots serves lotabots (15 bots) at nats://127.0.0.1:")
    assert said[-1].startswith("stopped")
