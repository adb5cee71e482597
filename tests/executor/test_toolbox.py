"""Toolboxes are built from hashes only, and any change of a file is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from executor.workshop import ROOT, TOOLS
from lotabots.adapters.files.toolbox import (
    Spec,
    Toolbox,
    ToolboxError,
    changes,
    content_digest,
    open_toolbox,
    read_specs,
    sync,
)
from lotabots.cli.tools import command

if TYPE_CHECKING:
    from pathlib import Path


NAMES = ", ".join(f"`{spec.name}`" for spec in read_specs(ROOT / "requirements"))


def build_spec() -> Spec:
    (found,) = [spec for spec in read_specs(ROOT / "requirements") if spec.name == "build"]
    return found


@pytest.fixture
def copied(tmp_path: Path, build_toolbox: Toolbox) -> Toolbox:
    """A copy of the toolbox that a test may damage."""
    origin = build_toolbox.packages.parent
    shutil.copytree(origin, tmp_path / "tools" / origin.name)
    for path in (tmp_path / "tools").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return open_toolbox(build_spec(), tmp_path / "tools")


def test_the_toolbox_of_buildbot_holds_its_tools_read_only(build_toolbox: Toolbox):
    assert changes(build_toolbox) == ()
    assert (build_toolbox.packages / "hatchling/__init__.py").stat().st_mode & 0o222 == 0
    assert build_toolbox.packages.stat().st_mode & 0o222 == 0
    assert build_toolbox.programs.keys() == {"git"}


def test_the_tools_are_compiled_and_say_nothing_of_this_machine(build_toolbox: Toolbox):
    compiled = build_toolbox.packages / "build/__pycache__"
    (found,) = compiled.glob("__main__.*.pyc")
    assert found.read_bytes()[4:8] == b"\x01\x00\x00\x00"  # PEP 552: hash-based, never checked
    assert str(ROOT).encode() not in found.read_bytes()


def test_building_again_changes_nothing(build_toolbox: Toolbox, tmp_path: Path):
    before = content_digest(build_toolbox)
    assert sync(build_spec(), TOOLS, packages=tmp_path) == build_toolbox
    assert content_digest(build_toolbox) == before


def test_what_a_killed_build_left_behind_is_removed(tmp_path: Path):
    left = tmp_path / "tools/.part-0-aa"
    (left / "packages").mkdir(parents=True)
    (left / "packages").chmod(0o555)
    with pytest.raises(ToolboxError):
        sync(Spec("x", b"", ("no-such-program",)), tmp_path / "tools", packages=tmp_path)
    assert not left.exists()


def test_a_toolbox_may_hold_programs_only(tmp_path: Path):
    spec = Spec("x", b"# no packages\n", ("git",))
    built = sync(spec, tmp_path / "tools", packages=tmp_path / "packages")
    assert (list(built.packages.iterdir()), built.programs.keys()) == ([], {"git"})
    assert not (tmp_path / "packages").exists()  # nothing was asked of any index
    built.packages.chmod(0o755)
    (built.packages / "new.py").touch()
    assert changes(built) == ("packages/new.py was added",)


def test_every_change_of_a_file_is_found(copied: Toolbox):
    (copied.packages / "build/__init__.py").write_text("import os")
    (copied.packages / "build/new.py").touch()
    (copied.packages / "build/py.typed").unlink()
    (copied.packages / "build/link").symlink_to("/etc/hostname")
    assert changes(copied) == (
        "packages/build/__init__.py was changed",
        "packages/build/link was added",
        "packages/build/new.py was added",
        "packages/build/py.typed is missing",
    )


def test_the_digest_is_that_of_lock_and_programs(tmp_path: Path):
    one = Spec("x", b"a", ("git",))
    assert one.digest == Spec("y", b"a", ("git",)).digest
    assert len({one.digest, Spec("x", b"b", ("git",)).digest, Spec("x", b"a", ()).digest}) == 3
    assert one.folder(tmp_path).name == f"x-{one.digest[7:23]}"


@pytest.mark.parametrize(
    ("lock", "programs", "said"),
    [
        (b"build==1.6.1\n", (), "Hashes are required in --require-hashes mode"),
        (b"build==1.6.1 --hash=sha256:" + b"0" * 64, (), "toolbox `x` cannot be installed"),
        (b"", ("no-such-program",), "needs the program `no-such-program`: install it"),
    ],
)
def test_what_is_not_locked_or_not_there_is_refused(
    tmp_path: Path, lock: bytes, programs: tuple[str, ...], said: str
):
    with pytest.raises(ToolboxError, match=said):
        sync(Spec("x", lock, programs), tmp_path / "tools", packages=tmp_path / "packages")
    assert list((tmp_path / "tools").iterdir()) == []


def test_the_lock_names_no_host_and_every_package_has_a_hash():
    for path in (ROOT / "requirements").glob("toolbox-*.txt"):
        text = path.read_text()
        assert "://" not in text
        for block in text.split("\n    # via")[:-1]:
            assert "--hash=sha256:" in block


def test_verify_says_what_changed_and_exits_with_1(copied: Toolbox):
    (copied.packages / "build/env.py").write_text("import os")
    tools = str(copied.packages.parent.parent)
    ran = CliRunner().invoke(command, ["verify", "build", "-C", str(ROOT), "--tools", tools])
    assert ran.exit_code == 1
    assert "build  packages/build/env.py was changed\n" in ran.output


def test_verify_and_sync_exit_with_0_when_all_is_well(build_toolbox: Toolbox):
    for name in ("sync", "verify"):
        ran = CliRunner().invoke(command, [name, "build", "-C", str(ROOT), "--tools", str(TOOLS)])
        assert ran.exit_code == 0
        assert content_digest(build_toolbox) in ran.output


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["verify", "-C", str(ROOT), "--tools", "nowhere"], 2,
         "error: toolbox `build` is not built: run `lotabots tools sync`\n"),
        (["verify", "wrong", "-C", str(ROOT)], 2, f"no toolbox `wrong`; there are {NAMES}\n"),
        (["sync", "-C", str(ROOT / "examples/seed-literal")], 3, "has no toolbox-NAME.txt\n"),
    ],
)  # fmt: skip
def test_bad_usage_is_told_from_findings(arguments: list[str], status: int, said: str):
    ran = CliRunner().invoke(command, arguments)
    assert (ran.exit_code, ran.output.endswith(said)) == (status, True)


def test_the_tools_work_without_a_site(build_toolbox: Toolbox):
    script = f"import sys; sys.path.insert(0, {str(build_toolbox.packages)!r}); import build"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)
