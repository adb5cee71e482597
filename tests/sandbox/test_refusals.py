"""What cannot be kept does not start: status 125, and the reason."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from lotabots.policy.project_kernel import Net

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]
    Lent = Callable[[str], Path]


def _assert_refused(report: Report, reason: str) -> None:
    assert (report.status, report.refused) == (125, reason)
    assert report.entries[0] == {"kind": "refused", "reason": reason}


def test_a_missing_path(run: Run, policy: Make, tmp_path: Path) -> None:
    path = tmp_path / "absent"
    reason = f"`{path}` cannot be granted: No such file or directory (`{path}`)"
    _assert_refused(run(policy(read=[path]), ["true"]), reason)


def test_a_link_in_circles(run: Run, policy: Make, tmp_path: Path) -> None:
    path = tmp_path / "round"
    path.symlink_to(path)
    _assert_refused(run(policy(read=[path]), ["true"]), f"`{path}` has too many symbolic links")


def test_a_grant_below_a_write_grant(run: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    (out / "in").mkdir()
    reason = f"`{out}/in` lies below the write grant `{out}`: grant it from another place"
    _assert_refused(run(policy(write=[out], read=[out / "in"]), ["true"]), reason)


def test_a_link_does_not_hide_a_grant_below_a_write_grant(
    run: Run, policy: Make, lent: Lent, tmp_path: Path
) -> None:
    out = lent("out")
    (out / "in").mkdir()
    (tmp_path / "elsewhere").symlink_to(out / "in")
    report = run(policy(write=[out], read=[tmp_path / "elsewhere"]), ["true"])
    assert report.refused.startswith(f"`{out}/in` lies below the write grant")


def test_writable_code(run: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    reason = f"`{out}` is granted for writing and as code"
    _assert_refused(run(policy(write=[out], runtime=[out]), ["true"]), reason)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "`/` would grant the whole file system"),
        ("/proc/self", "`/proc/self` lies in /proc, which has its own member in a policy"),
        ("/dev", "`/dev` lies in /dev, which has its own member in a policy"),
    ],
)
def test_a_grant_of_too_much(run: Run, policy: Make, path: str, reason: str) -> None:
    report = run(policy(read=[path]), ["true"])
    assert report.status == 125
    if path != "/proc/self":  # a link, whose target is named
        assert report.refused == reason
    else:
        assert "lies in /proc" in report.refused


def test_a_socket_as_a_grant(run: Run, policy: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reason = f"`{tmp_path}/fifo` is neither a file nor a folder"
    _assert_refused(run(policy(read=[tmp_path / "fifo"]), ["true"]), reason)


def test_a_program_without_a_grant(run: Run, policy: Make) -> None:
    reason = "program `/usr/bin/id` is not granted: add it to `exec`"
    _assert_refused(run(policy(), ["/usr/bin/id"]), reason)


def test_a_program_without_a_bit(run: Run, policy: Make, lent: Lent) -> None:
    file = lent("bin") / "tool"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o644)
    reason = f"program `{file}` is not executable"
    _assert_refused(run(policy(exec=[file]), [str(file)]), reason)


def test_a_program_that_the_kernel_does_not_know(run: Run, policy: Make, lent: Lent) -> None:
    file = lent("bin") / "tool"
    file.write_text("no program")
    file.chmod(0o755)
    reason = f"program `{file}` cannot be executed: Exec format error"
    _assert_refused(run(policy(exec=[file]), [str(file)]), reason)


def test_a_script_whose_interpreter_is_not_granted(run: Run, policy: Make, lent: Lent) -> None:
    file = lent("bin") / "tool"
    file.write_text("#!/usr/bin/perl\n")
    file.chmod(0o755)
    report = run(policy(exec=[file]), [str(file)])
    assert (report.status, report.refused.rpartition(": ")[2]) == (125, "No such file or directory")


def test_a_program_whose_loader_is_not_granted(run: Run, policy: Make) -> None:
    made = policy()
    bare = made.__class__(exec=("/bin/true",))
    loader = "/lib64/ld-linux-x86-64.so.2"
    report = run(bare, ["true"])
    assert report.refused.startswith(f"`{loader}`, the loader of"), report.refused


def test_a_working_folder_that_is_not_there(run: Run, policy: Make) -> None:
    report = run(policy(cwd="/not/granted"), ["true"])
    assert report.status == 125
    assert report.refused.startswith("bubblewrap did not start: bwrap: Can't chdir to /not/granted")


def test_a_port_that_is_taken(run: Run, policy: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        report = run(policy(net=Net(bind=(port,))), ["true"])
    _assert_refused(report, f"port {port} of `net.bind`: Address already in use")


def test_a_destination_that_is_no_host(run: Run, policy: Make) -> None:
    report = run(policy(net=Net(connect=("0.0.0.0:80",))), ["true"])
    _assert_refused(report, "`0.0.0.0` is not the address of a host")


def test_nothing_of_a_refused_run_happened(run: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    run(policy(write=[out], net=Net(connect=("0.0.0.0:80",))), ["sh", "-c", f"echo x > {out}/f"])
    assert list(out.iterdir()) == []
