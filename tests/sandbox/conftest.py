"""Real sandboxes. Where the host cannot make one, these tests skip at home and fail in CI."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level, RefusedError, Report
from lotabots.policy.project_kernel import KernelPolicy, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PYTHON = str(Path(sys.executable).resolve())
LIBRARIES = tuple(path for path in ("/usr/lib", "/lib", "/lib64") if Path(path).exists())


def _cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"the sandbox must work in CI: {reason}")
    pytest.skip(f"this host has no such sandbox: {reason}")


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    try:
        found = Launcher()
    except RefusedError as error:
        _cannot(str(error))
        raise
    with found:
        finding = probe(Level.STRICT, launcher=found)
        if not finding.holds:
            _cannot(finding.reason)
        yield found


@pytest.fixture(scope="session")
def base_policy() -> KernelPolicy:
    """Python, a shell and a few tools, and no data at all."""
    return KernelPolicy(
        name="test",
        runtime=(sysconfig.get_path("stdlib"), str(Path(PYTHON).parents[1] / "lib"), *LIBRARIES),
        exec=(PYTHON, "/bin/sh", "/bin/cat", "/bin/true", "/bin/sleep"),
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"},  # noqa: S108 - its own
        limits=Limits(wall_s=60, memory_mb=512, processes=32),
    )


@pytest.fixture
def policy(base_policy: KernelPolicy) -> Callable[..., KernelPolicy]:
    """The base policy with more grants: `policy(read=[...], limits={...})`."""

    def make(*, limits: dict[str, int] | None = None, **grants: object) -> KernelPolicy:
        members: dict[str, Any] = {
            name: (*getattr(base_policy, name), *map(str, value))
            if isinstance(value, list)
            else value
            for name, value in grants.items()
        }
        return replace(base_policy, **members, limits=replace(base_policy.limits, **(limits or {})))

    return make


@pytest.fixture
def run(launcher: Launcher) -> Callable[..., Report]:
    def start(policy: KernelPolicy, argv: Sequence[str], **options: Any) -> Report:  # noqa: ANN401 - those of run_policy
        return run_policy(policy, argv, launcher=launcher, **options)

    return start


@pytest.fixture
def python(run: Callable[..., Report]) -> Callable[..., Report]:
    """Runs Python text inside."""

    def start(policy: KernelPolicy, code: str, **options: Any) -> Report:  # noqa: ANN401 - those of run_policy
        return run(policy, [PYTHON, "-I", "-S", "-c", code], **options)

    return start


@pytest.fixture
def lent(tmp_path: Path) -> Callable[[str], Path]:
    """Makes folders to grant."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    return make
