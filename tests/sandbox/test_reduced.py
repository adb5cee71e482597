"""The reduced level: what it keeps, and what it refuses because it cannot."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level
from lotabots.policy.project_kernel import KernelPolicy, Limits, Net

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.adapters.sandbox.report import Report

CANNOT = "the reduced level cannot keep this policy: "


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every user can reach: this level cannot lend what only root can."""
    folder = tmp_path_factory.mktemp("reduced")
    outermost = Path(tempfile.gettempdir())
    for one in (folder, *folder.parents):
        if one == outermost or not one.is_relative_to(outermost):
            break
        one.chmod(one.stat().st_mode | 0o055)
    return folder


@pytest.fixture
def reduced(launcher: Launcher) -> Callable[..., Report]:
    finding = probe(Level.REDUCED, launcher=launcher)
    if not finding.holds:
        pytest.skip(f"this host has no reduced level: {finding.reason}")

    def start(argv: list[str], *, limits: Limits | None = None, **grants: object) -> Report:
        members: dict[str, object] = {"proc": "none", "dev": ("null", "zero"), **grants}
        policy = KernelPolicy(
            runtime=("/usr/lib", "/lib", "/lib64"),
            exec=("/bin/sh", "/bin/cat", "/bin/sleep", "/usr/bin/chmod"),
            limits=limits or Limits(wall_s=30),
            **members,  # type: ignore[arg-type]  # members of a policy, by name
        )
        return run_policy(policy, argv, level=Level.REDUCED, launcher=launcher)

    return start


def test_a_granted_read_works_and_another_does_not(
    reduced: Callable[..., Report], open_folder: Path
) -> None:
    (open_folder / "in").mkdir()
    (open_folder / "in" / "a").write_text("a")
    (open_folder / "b").write_text("b")
    (open_folder / "b").chmod(0o644)
    (open_folder / "in" / "a").chmod(0o644)
    (open_folder / "in").chmod(0o755)
    argv = ["sh", "-c", f"cat {open_folder}/in/a; cat {open_folder}/b"]
    report = reduced(argv, read=(str(open_folder / "in"),))
    assert (report.status, report.stdout) == (1, b"a"), report
    assert b"Permission denied" in report.stderr


def test_a_program_without_a_grant_does_not_run(reduced: Callable[..., Report]) -> None:
    report = reduced(["sh", "-c", "/usr/bin/id"])
    assert report.status == 126


def test_modes_cannot_be_changed(reduced: Callable[..., Report], open_folder: Path) -> None:
    """Landlock would let it change every file of the same user."""
    file = open_folder / "f"
    file.write_text("")
    file.chmod(0o666)
    report = reduced(["chmod", "777", str(file)], read=(str(open_folder),))
    assert report.status == 1
    assert file.stat().st_mode & 0o777 == 0o666


def test_limits_have_names_here_too(reduced: Callable[..., Report]) -> None:
    report = reduced(["sh", "-c", "while :; do :; done"], limits=Limits(wall_s=20, cpu_s=1))
    assert (report.status, report.limit) == (137, "cpu_s")
    report = reduced(["sleep", "100"], limits=Limits(wall_s=1))
    assert (report.status, report.limit) == (137, "wall_s")


def test_daemons_are_found_and_ended(reduced: Callable[..., Report]) -> None:
    report = reduced(["sh", "-c", "(sleep 1000 & sleep 1000 &) ; echo started"])
    assert (report.status, report.stdout) == (0, b"started\n")


@pytest.mark.parametrize(
    ("grants", "reason"),
    [
        ({"net": Net(connect=("example.org:443",))}, "`net.connect` (it cannot tell hosts apart)"),
        ({"net": Net(bind=(8080,))}, "`net.bind` (there is no private network)"),
        ({"proc": "own"}, "`proc` must be `none` (there is no private /proc)"),
    ],
)
def test_what_it_cannot_keep_it_refuses(
    reduced: Callable[..., Report], grants: dict[str, object], reason: str
) -> None:
    report = reduced(["cat"], **grants)
    assert (report.status, report.refused) == (125, CANNOT + reason)
