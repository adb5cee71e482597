"""What is granted works, with ordinary programs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.policy.project_kernel import Net

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]
    Lent = Callable[[str], Path]


@contextmanager
def _echo_server() -> Iterator[int]:
    """A TCP server outside that answers each connection with what it got, in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _answer(listener: socket.socket) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            peer.sendall(peer.recv(65_536).upper())


ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as peer:
    peer.sendall(b"hello")
    print(peer.recv(100).decode())
"""


@pytest.mark.parametrize("place", ["out", "/tmp", "/dev/shm"])  # noqa: S108 - the sandbox's own
def test_files_can_be_moved_between_writable_folders(
    python: Run, policy: Make, lent: Lent, place: str
) -> None:
    """Landlock forbids it unless a rule allows it, and many programs write files that way."""
    out = lent("out")
    folder = str(out) if place == "out" else place
    code = f"""
import os
os.chdir({folder!r})
os.mkdir("from"); os.mkdir("to")
open("from/file", "w").write("moved")
os.rename("from/file", "to/file")
os.link("to/file", "from/again")
print(open("from/again").read())
"""
    report = python(policy(write=[out]), code)
    assert (report.status, report.stdout) == (0, b"moved\n"), report.stderr


def test_output_error_output_and_status_come_back(run: Run, policy: Make) -> None:
    report = run(policy(), ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (report.status, report.stdout, report.stderr) == (7, b"out\n", b"err\n")


def test_json_goes_in_and_lines_of_json_come_out(python: Run, policy: Make) -> None:
    code = "import json,sys; job=json.load(sys.stdin); print(json.dumps({'n': len(job['x'])}))"
    report = python(policy(), code, stdin=json.dumps({"x": "y" * 3_000_000}).encode())
    assert json.loads(report.stdout) == {"n": 3_000_000}


def test_a_program_that_ignores_its_input_is_no_trouble(run: Run, policy: Make) -> None:
    assert run(policy(), ["true"], stdin=b"z" * 1_000_000).status == 0


def test_pipelines_work(run: Run, policy: Make) -> None:
    line = "for i in 1 2 3 4 5 6 7 8 9 10; do echo abc | cat | cat; done"
    report = run(policy(), ["sh", "-c", line])
    assert report.stdout == b"abc\n" * 10


def test_a_read_grant_can_be_read(run: Run, policy: Make, lent: Lent) -> None:
    data = lent("data")
    (data / "a").write_text("content")
    report = run(policy(read=[data]), ["cat", str(data / "a")])
    assert report.stdout == b"content"


def test_a_single_file_can_be_granted(run: Run, policy: Make, lent: Lent) -> None:
    file = lent("data") / "only"
    file.write_text("one")
    assert run(policy(read=[file]), ["cat", str(file)]).stdout == b"one"


def test_a_grant_through_a_symbolic_link_is_reached_by_both_names(
    run: Run, policy: Make, lent: Lent
) -> None:
    (lent("real") / "a").write_text("x")
    link = lent("links") / "link"
    link.symlink_to("../real")
    report = run(policy(read=[link]), ["cat", f"{link}/a", str(link.resolve() / "a")])
    assert report.stdout == b"xx"


def test_what_is_written_belongs_to_the_engine(run: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    report = run(policy(write=[out]), ["sh", "-c", f"mkdir {out}/d && echo hi > {out}/d/f"])
    assert report.status == 127, "mkdir is not granted"
    report = run(policy(write=[out]), ["sh", "-c", f"echo hi > {out}/f && cat {out}/f"])
    assert (report.status, (out / "f").read_text()) == (0, "hi\n")
    assert (out / "f").stat().st_uid == os.geteuid()


def test_files_of_the_engine_alone_can_be_lent(run: Run, policy: Make, lent: Lent) -> None:
    secret = lent("private") / "key"
    secret.write_text("k")
    secret.chmod(stat.S_IRUSR)
    assert run(policy(read=[secret]), ["cat", str(secret)]).stdout == b"k"


def test_the_working_folder_is_the_granted_one(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    report = python(policy(write=[out], cwd=str(out)), "import os; print(os.getcwd())")
    assert report.stdout.decode().strip() == str(out)


def test_the_environment_is_what_the_policy_says(python: Run, policy: Make) -> None:
    made = policy(env={"TOKEN": "a=b c", "EMPTY": ""})
    report = python(made, "import os, json; print(json.dumps(dict(os.environ)))")
    assert {k: v for k, v in json.loads(report.stdout).items() if k != "LC_CTYPE"} == {
        "TOKEN": "a=b c",
        "EMPTY": "",
    }


def test_python_processes_threads_and_pools_work(python: Run, policy: Make) -> None:
    code = """
import multiprocessing, threading, tempfile, hashlib, sqlite3, ctypes
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        print(sum(pool.map(abs, range(-10, 0))))
    thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
"""
    report = python(policy(), code)
    assert (report.status, report.stdout) == (0, b"55\nthread\n"), report.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_makes_commits_and_clones(run: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    git = "git -c user.name=a -c user.email=a@example.org -c init.defaultBranch=main"
    script = (
        f"cd {out} && {git} init -q a && cd a && echo x > f && {git} add f && "
        f"{git} commit -qm one && {git} clone -q . ../b && {git} gc -q && "
        f"{git} -C ../b log --oneline"
    )
    tools = [str(shutil.which("git"))]
    share = ["/usr/share/git-core"] if Path("/usr/share/git-core").exists() else []
    made = policy(write=[out], exec=[*tools, "/usr/lib/git-core"], read=share)
    report = run(made, ["sh", "-c", script])
    assert report.status == 0, report.stderr
    assert report.stdout.split()[1:] == [b"one"]


def test_a_test_suite_runs(python: Run, policy: Make, lent: Lent) -> None:
    tests = lent("tests")
    (tests / "test_it.py").write_text(
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertTrue(True)\n"
    )
    code = f"import sys, unittest; sys.path.insert(0, {str(tests)!r}); unittest.main('test_it')"
    report = python(policy(read=[tests]), code)
    assert report.status == 0, report.stderr


def test_a_granted_destination_is_reached_and_noted(python: Run, policy: Make) -> None:
    with _echo_server() as port:
        made = policy(net=Net(connect=(f"127.0.0.1:{port}",)))
        code = f"import sys; sys.argv = ['', '127.0.0.1', '{port}']\n{ASK}"
        report = python(made, code)
    assert (report.status, report.stdout) == (0, b"HELLO\n"), report.stderr
    entry = {"kind": "connect", "target": f"127.0.0.1:{port}", "result": "granted"}
    assert entry in report.entries


def test_a_grant_opens_one_port_and_no_other(python: Run, policy: Make) -> None:
    with _echo_server() as granted, _echo_server() as other:
        made = policy(net=Net(connect=(f"127.0.0.1:{granted}",)))
        code = f"""
import socket
for port in ({granted}, {other}):
    with socket.socket() as peer:
        print(peer.connect_ex(("127.0.0.1", port)))
with socket.socket(socket.AF_INET6) as peer:
    print(peer.connect_ex(("::1", {granted})))
"""
        report = python(made, code)
    refused = str(errno.ECONNREFUSED)
    assert report.stdout.decode().split() == ["0", refused, refused]
    assert [e["target"] for e in report.entries if e["kind"] == "connect"] in (
        [f"127.0.0.1:{granted}"],
        [],
    )


def test_a_big_transfer_goes_through_a_relay(python: Run, policy: Make) -> None:
    amount = 20_000_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sender = threading.Thread(target=_send, args=(listener, amount))
        sender.start()
        code = f"""
import socket
with socket.create_connection(("127.0.0.1", {port})) as peer:
    print(sum(map(len, iter(lambda: peer.recv(65536), b""))))
"""
        report = python(policy(net=Net(connect=(f"127.0.0.1:{port}",))), code)
        sender.join()
    assert report.stdout.decode().split() == [str(amount)], report.stderr


def test_what_was_sent_before_the_end_arrives(python: Run, policy: Make) -> None:
    """The program does not wait; its relay delivers."""
    amount = 1_000_000
    received: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        receiver = threading.Thread(target=_receive, args=(listener, received))
        receiver.start()
        code = f"""
import os, socket
peer = socket.create_connection(("127.0.0.1", {port}))
peer.sendall(bytes({amount}))
os._exit(0)
"""
        report = python(policy(net=Net(connect=(f"127.0.0.1:{port}",))), code)
        receiver.join()
    assert (report.status, received) == (0, [amount])


def _receive(listener: socket.socket, received: list[int]) -> None:
    peer, _ = listener.accept()
    with peer:
        received.append(sum(map(len, iter(lambda: peer.recv(65_536), b""))))


def _send(listener: socket.socket, amount: int) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.sendall(bytes(amount))


def test_a_granted_name_is_reached_by_its_name(python: Run, policy: Make) -> None:
    with _echo_server() as port:
        made = policy(net=Net(connect=(f"localhost:{port}",)))
        report = python(made, f"import sys; sys.argv = ['', 'localhost', '{port}']\n{ASK}")
    assert report.stdout == b"HELLO\n", report.stderr


def test_without_any_grant_it_still_knows_itself_and_what_ports_are_called(
    python: Run, policy: Make
) -> None:
    code = """
import socket
with socket.create_server(("localhost", 0)) as listener:
    socket.create_connection(("localhost", listener.getsockname()[1])).close()
print(socket.getaddrinfo("localhost", "https", type=socket.SOCK_STREAM)[0][4])
print(socket.getservbyname("domain", "udp"), socket.getservbyport(587))
"""
    report = python(policy(), code)
    assert report.stdout == b"('127.0.0.1', 443)\n53 submission\n", report.stderr


def test_a_granted_table_is_shown_as_it_is(python: Run, policy: Make) -> None:
    code = "import sys; sys.stdout.write(open('/etc/hosts').read())"
    report = python(policy(read=["/etc/hosts"]), code)
    assert report.stdout == Path("/etc/hosts").read_bytes()


def test_an_address_that_is_not_loopback_is_offered_inside(python: Run, policy: Make) -> None:
    """192.0.2.1 leads nowhere (RFC 5737): the relay inside answers, and notes the failure."""
    made = policy(net=Net(connect=("192.0.2.1:80", "[2001:db8::1]:443")))
    code = """
import socket
V4, V6 = (socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 443))
for family, address in (V4, V6):
    with socket.socket(family) as peer:
        print(peer.connect_ex(address))
"""
    assert python(made, code).stdout == b"0\n0\n"


def test_a_bound_port_is_reached_from_outside(python: Run, policy: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answers: list[bytes] = []
    code = f"""
import socket
with socket.create_server(("127.0.0.1", {port})) as listener:
    print("listening", flush=True)
    peer, _ = listener.accept()
    peer.sendall(b"from inside")
    peer.close()
"""
    read, write = os.pipe()

    def visit() -> None:
        os.read(read, 100)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            answers.append(peer.recv(100))

    visitor = threading.Thread(target=visit)
    visitor.start()
    report = python(policy(net=Net(bind=(port,))), code, stdout=write)
    visitor.join()
    os.close(read)
    os.close(write)
    assert (report.status, answers) == (0, [b"from inside"]), report.stderr


def test_memory_folders_are_private_and_fresh(run: Run, policy: Make) -> None:
    script = "test ! -e /tmp/mark && echo x > /tmp/mark && echo y > /dev/shm/mark"
    assert [run(policy(), ["sh", "-c", script]).status for _ in range(2)] == [0, 0]
    assert not Path("/tmp/mark").exists()  # noqa: S108 - the very place


def test_a_signal_becomes_128_plus_its_number(python: Run, policy: Make) -> None:
    assert python(policy(), "import os; os.kill(os.getpid(), 15)").status == 143


def test_the_program_may_be_named_by_a_link(run: Run, policy: Make, lent: Lent) -> None:
    link = lent("bin") / "kitty"
    link.symlink_to("/bin/cat")
    made = policy(exec=[link])
    assert run(made, [str(link)], stdin=b"meow").stdout == b"meow"
    assert run(made, ["kitty"], stdin=b"meow").stdout == b"meow"
