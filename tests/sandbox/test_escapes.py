# ruff: noqa: E501 - one attempt, one line
"""Attempts to get out: each runs inside, as Python text, and must not succeed.

An attempt is the body of a function that returns something true when it got through. Attempts with
``control`` are also run without a sandbox, where they must get through: they are real.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]
    Lent = Callable[[str], Path]

PRELUDE = """
import ctypes, fcntl, glob, mmap, os, resource, signal, socket, stat, struct, subprocess, sys
SECRET, DATA, OUT, PORT, LIBRARY, VICTIM, UNIX = {names!r}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    done = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in arguments]
    return libc.syscall(ctypes.c_long(number), *done) >= 0
def opens(path, flags=os.O_RDONLY, mode=0o600):
    os.close(os.open(path, flags, mode))
    return True
def connects(kind, address, family=socket.AF_INET, protocol=0):
    with socket.socket(family, kind, protocol) as peer:
        peer.settimeout(5)
        peer.connect(address)
        return True
def attempt():
"""
AFTER = """
print("TRIED", flush=True)
try:
    found = attempt()
except BaseException as error:
    print("refused:", repr(error))
else:
    print("ESCAPED" if found else "nothing", repr(found))
"""


class Attempt(NamedTuple):
    name: str
    body: str
    control: bool = False


FILES = (
    Attempt("read a file that is not granted", "return opens(SECRET)", control=True),
    Attempt("write to it", "return opens(SECRET, os.O_WRONLY)", control=True),
    Attempt("stat it", "return os.stat(SECRET)", control=True),
    Attempt("list its folder", "return SECRET in glob.glob(os.path.dirname(SECRET) + '/*')", control=True),
    Attempt("read it through ..", "return opens(DATA + '/../' + os.path.basename(SECRET))", control=True),
    Attempt(
        "read it through a link planted in a write grant",
        "os.symlink(SECRET, OUT + '/l')\nreturn opens(OUT + '/l')",
        control=True,
    ),
    Attempt("link it into a write grant", "os.link(SECRET, OUT + '/h')\nreturn True", control=True),
    Attempt("move it into a write grant", "os.rename(SECRET, OUT + '/m')\nreturn True"),
    Attempt("write into a read grant", "return opens(DATA + '/new', os.O_WRONLY | os.O_CREAT)", control=True),
    Attempt("change a granted file", "return opens(DATA + '/file', os.O_WRONLY)", control=True),
    Attempt("truncate a granted file", "os.truncate(DATA + '/file', 0)\nreturn True"),
    Attempt("change the mode of a granted file", "os.chmod(DATA + '/file', 0o777)\nreturn True"),
    Attempt("change the times of a granted file", "os.utime(DATA + '/file', (1, 1))\nreturn True"),
    Attempt("delete a granted file", "os.unlink(DATA + '/file')\nreturn True"),
    Attempt("write at the root", "return opens('/new', os.O_WRONLY | os.O_CREAT)"),
    Attempt("write into /dev", "return opens('/dev/new', os.O_WRONLY | os.O_CREAT)"),
    Attempt("read the password file", "return opens('/etc/passwd')", control=True),
    Attempt("read a home", "return os.listdir('/root') if os.path.exists('/root') and os.listdir('/root') != ['.pyenv'] else False"),
    Attempt("read through the first process", "return opens('/proc/1/root' + SECRET)"),
    Attempt("read through any process", "return any(os.path.exists(p + SECRET) for p in glob.glob('/proc/*/root'))", control=True),
    Attempt("read the host's files below /oldroot", "return os.listdir('/oldroot')"),
    Attempt("leave by a folder descriptor", """
for fd in range(3, 256):
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode): return fd
    except OSError: pass
"""),
    Attempt("keep any descriptor of the engine", """
for fd in range(3, 4096):
    try: os.fstat(fd)
    except OSError: continue
    return fd
"""),
    Attempt("make a set-user-id file by its mode", "os.chmod(OUT + '/../out', 0o4755)\nreturn True", control=True),
    Attempt("make a set-user-id file when creating it", """
os.umask(0)
opens(OUT + '/s', os.O_WRONLY | os.O_CREAT, 0o4755)
return os.stat(OUT + '/s').st_mode & 0o6000
""", control=True),
    Attempt("reopen a stream for writing", "return opens('/proc/self/fd/0', os.O_WRONLY) and stat.S_ISREG(os.fstat(0).st_mode)"),
    Attempt("find a device", "return [p for p in glob.glob('/dev/*') if stat.S_ISBLK(os.stat(p).st_mode)]"),
    Attempt("make a device", "os.mknod(OUT + '/d', 0o600 | stat.S_IFBLK, os.makedev(254, 0))\nreturn opens(OUT + '/d')"),
)  # fmt: skip

EXEC = (
    Attempt("run a program that is not granted", "return not subprocess.call(['/usr/bin/id'])", control=True),
    Attempt("run a program below a library grant", "return not subprocess.call([LIBRARY + '/true'])", control=True),
    Attempt("run a copy from a write grant", """
with open('/bin/true', 'rb') as a, open(OUT + '/true', 'wb') as b: b.write(a.read())
os.chmod(OUT + '/true', 0o755)
return not subprocess.call([OUT + '/true'])
""", control=True),
    Attempt("run a copy from /tmp", """
with open('/bin/true', 'rb') as a, open('/tmp/lotabots-true', 'wb') as b: b.write(a.read())
os.chmod('/tmp/lotabots-true', 0o755)
return not subprocess.call(['/tmp/lotabots-true'])
"""),
    Attempt("run a script from a write grant by its first line", """
with open(OUT + '/s.sh', 'w') as b: b.write('#!/bin/sh\\nexit 0\\n')
os.chmod(OUT + '/s.sh', 0o755)
return not subprocess.call([OUT + '/s.sh'])
""", control=True),
    Attempt("let the loader run a copy", """
with open('/bin/true', 'rb') as a, open(OUT + '/true', 'wb') as b: b.write(a.read())
return not subprocess.call(['/lib64/ld-linux-x86-64.so.2', OUT + '/true'])
""", control=True),
    Attempt("map a written file as code", """
with open(OUT + '/code', 'wb+') as f:
    f.write(bytes(4096)); f.flush()
    mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE)
return True
""", control=True),
    Attempt("load a library from a data grant", "return bool(ctypes.CDLL(DATA + '/lib.so'))", control=True),
    Attempt("run from memory", """
fd = os.memfd_create('x')
os.write(fd, open('/bin/true', 'rb').read())
return not subprocess.call(['/proc/self/fd/%d' % fd], pass_fds=[fd])
""", control=True),
    Attempt("run the starter again", "return subprocess.call(['/.lotabots-start']) >= 0"),
)  # fmt: skip

NETWORK = (
    Attempt("connect to the engine's loopback", "return connects(socket.SOCK_STREAM, ('127.0.0.1', PORT))", control=True),
    Attempt("connect by IPv6 in IPv4's clothes", "return connects(socket.SOCK_STREAM, ('::ffff:127.0.0.1', PORT), socket.AF_INET6)", control=True),
    Attempt("connect to 0.0.0.0", "return connects(socket.SOCK_STREAM, ('0.0.0.0', PORT))", control=True),
    Attempt("send with TCP Fast Open", "s = socket.socket()\ns.sendto(b'x', 0x20000000, ('127.0.0.1', PORT))\nreturn True"),
    Attempt("connect by Multipath TCP", "return connects(socket.SOCK_STREAM, ('127.0.0.1', PORT), protocol=262)"),
    Attempt("connect to the world", "return connects(socket.SOCK_STREAM, ('192.0.2.1', 80))"),
    Attempt("open a raw socket", "return bool(socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))"),
    Attempt("open a packet socket", "return bool(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))"),
    Attempt("open a vsock", "return bool(socket.socket(40, socket.SOCK_STREAM))"),
    Attempt("use SCTP or UDP-Lite", """
for protocol, kind in ((132, 1), (136, 2)):
    try: return bool(socket.socket(socket.AF_INET, kind, protocol))
    except OSError: pass
"""),
    Attempt("speak netlink beyond routes", "return bool(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15))"),
    Attempt("see the host's interfaces", "return [name for _, name in socket.if_nameindex() if name != 'lo']"),
)  # fmt: skip

IPC = (
    Attempt("connect to a unix socket in a read grant", "return connects(socket.SOCK_STREAM, UNIX, socket.AF_UNIX)", control=True),
    Attempt("connect to an abstract unix socket", "return connects(socket.SOCK_STREAM, '\\0' + UNIX, socket.AF_UNIX)", control=True),
    Attempt("make System V shared memory", "return call(29, 0, 4096, 0o1600)", control=True),
    Attempt("make System V queues and semaphores", "return call(68, 0, 0o1600) or call(64, 0, 1, 0o1600)"),
    Attempt("open a POSIX queue", "return call(240, b'/lotabots', 0o100 | 2, 0o600, 0)"),
    Attempt("find the host's shared memory", "return os.listdir('/dev/shm')"),
    Attempt("use the kernel's keyring", "return call(248, b'user', b'lotabots', b'x', 1, -3)"),
    Attempt("push keys into the terminal", "fcntl.ioctl(0, 0x5412, b'x')\nreturn True"),
)  # fmt: skip

PROCESSES = (
    Attempt("see processes outside", "return os.path.exists('/proc/%d' % VICTIM) and VICTIM > 100", control=True),
    Attempt("signal a process outside", "os.kill(VICTIM, 0)\nreturn True", control=True),
    Attempt("signal everything", "signal.signal(15, signal.SIG_IGN)\nos.kill(-1, 15)\nreturn False"),
    Attempt("kill the sandbox's first process", "os.kill(1, 9)\nos.kill(1, 0)\nreturn False"),
    Attempt("trace the sandbox's first process", "return call(101, 16, 1, 0, 0)"),
    Attempt("read its environment", "return opens('/proc/1/environ') and open('/proc/1/environ').read()"),
    Attempt("read another process's memory", "b = ctypes.create_string_buffer(16)\nreturn call(310, VICTIM, b, 0, b, 0, 0)"),
    Attempt("steal a descriptor", "return call(438, os.pidfd_open(os.getppid()), 0, 0)"),
    Attempt("raise the limits again", "resource.setrlimit(resource.RLIMIT_NOFILE, (10**6, 10**6))\nreturn True"),
    Attempt("gain capabilities", "return 'CapEff:\\t0000000000000000' not in open('/proc/self/status').read()"),
    Attempt("become another user", "os.setuid(0)\nreturn True", control=os.geteuid() == 0),
)  # fmt: skip

SYSCALLS = (
    Attempt("make a user namespace", "return call(272, 0x10000000)", control=True),
    Attempt("make a namespace by clone", "return call(56, 0x10000000 | 17, 0, 0, 0, 0)"),
    Attempt("make one by clone3", "return call(435, struct.pack('<11Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)"),
    Attempt("join a namespace", "return call(308, os.open('/proc/1/ns/net', os.O_RDONLY), 0)"),
    Attempt("mount", "return call(165, b'x', OUT.encode(), b'tmpfs', 0, 0)"),
    Attempt("remount for writing", "return call(165, b'none', DATA.encode(), b'none', 0x1020, 0)"),
    Attempt("use the new mount calls", "return call(430, b'tmpfs', 0) or call(428, -100, b'/', 1)"),
    Attempt("change the root", "os.chroot(OUT)\nreturn True"),
    Attempt("load a BPF program", "return call(321, 5, bytes(128), 128)"),
    Attempt("measure the machine", "return call(298, bytes(128), 0, -1, -1, 0)"),
    Attempt("fault by userfaultfd", "return call(323, 1)"),
    Attempt("use io_uring", "return call(425, 4, ctypes.create_string_buffer(256))", control=True),
    Attempt("open a file by handle", "return call(303, -100, b'/', ctypes.create_string_buffer(struct.pack('Ii', 128, 0), 200), ctypes.create_string_buffer(8), 0)"),
    Attempt("watch files of the host", "return call(300, 0, 0)"),
    Attempt("set the clock", "return call(227, 0, struct.pack('qq', 1, 0))"),
    Attempt("read the kernel's log", "return call(103, 3, ctypes.create_string_buffer(10), 10)"),
    Attempt("turn off address randomness", "return call(135, 0x0040000)", control=True),
    Attempt("call with x32 numbers", "return call(0x40000000 + 39)"),
    Attempt("call what does not exist yet", "return call(467, 0, 0)"),
    Attempt("write to the kernel's settings", "return opens('/proc/sys/kernel/core_pattern', os.O_WRONLY)"),
    Attempt("name the host", "return call(170, b'x', 1)"),
)  # fmt: skip

EVERY = (*FILES, *EXEC, *NETWORK, *IPC, *PROCESSES, *SYSCALLS)


class Scene(NamedTuple):
    names: tuple[str, str, str, int, str, int, str]
    listener: socket.socket


@pytest.fixture
def scene(lent: Lent, tmp_path: Path) -> Iterator[Scene]:
    """Something to protect: a file, a service on TCP and on unix sockets, a process."""
    secret, data, out, code = tmp_path / "secret", lent("data"), lent("out"), lent("code")
    shutil.copy("/bin/true", code)
    secret.write_text("secret")
    (data / "file").write_text("data")
    library = next(
        path for path in (Path(d, "libm.so.6") for d in _LIBRARY_PLACES) if path.exists()
    )
    (data / "lib.so").write_bytes(library.read_bytes())
    victim = subprocess.Popen(["/bin/sleep", "1000"])
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(data / "s"))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0" + str(data / "s"))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    with unix, abstract, listener:
        unix.listen()
        abstract.listen()
        port = listener.getsockname()[1]
        names = (str(secret), str(data), str(out), port, str(code), victim.pid, str(data / "s"))
        yield Scene(names, listener)
        alive = victim.poll() is None
    victim.kill()
    victim.wait()
    assert alive, "the process outside was hit"


_LIBRARY_PLACES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


def _text(attempt: Attempt, scene: Scene) -> str:
    body = indent(attempt.body.strip(), "    ")
    return PRELUDE.format(names=scene.names) + body + AFTER


@pytest.mark.parametrize("attempt", EVERY, ids=lambda attempt: attempt.name)
def test_it_does_not_get_out(
    attempt: Attempt, scene: Scene, python: Run, policy: Make, tmp_path: Path
) -> None:
    made = policy(read=[scene.names[1]], write=[scene.names[2]], runtime=[scene.names[4]])
    report = python(made, _text(attempt, scene))
    assert report.stdout.startswith(b"TRIED") or report.status > 128, (
        report.refused,
        report.stderr,
    )
    assert b"ESCAPED" not in report.stdout, report.stdout
    assert (tmp_path / "secret").read_text() == "secret"
    assert (tmp_path / "data" / "file").read_text() == "data"
    with pytest.raises(BlockingIOError):
        scene.listener.accept()


@pytest.mark.parametrize(
    "attempt", [one for one in EVERY if one.control], ids=lambda attempt: attempt.name
)
def test_without_a_sandbox_it_gets_out(attempt: Attempt, scene: Scene) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _text(attempt, scene)],
        capture_output=True,
        check=False,
    )
    assert b"ESCAPED" in done.stdout, done
