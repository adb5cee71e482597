"""Proves that a level holds on this host, by trying to break out of it.

A tiny program tries to read, to write, to connect and to run something that it was not granted,
and to do what it was granted. It is run twice: without a sandbox, where everything must succeed
(or the trial would prove nothing), and inside, where exactly the granted half must.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import struct
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import bubblewrap, elf, kernel, landlock
from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.adapters.sandbox.report import Level, RefusedError
from lotabots.policy.project_kernel import KernelPolicy, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.adapters.sandbox.elf import Blob

_OPEN, _SOCKET, _CONNECT, _EXECVE, _EXIT = 2, 41, 42, 59, 60
_FREE: Final = 64
"""Added to the exit status, so that no usual status of a failed start looks like a result."""

_RAN: Final = 99
_TRIALS: Final = ("read", "write", "connect", "granted read", "granted write")
_GRANTED: Final = 0b11000
_EVERYTHING: Final = 0b11111
_WAIT_S: Final = 30


class Finding(NamedTuple):
    """Whether `level` holds here; `reason` says why not, `facts` with what."""

    level: Level
    holds: bool
    reason: str
    facts: Mapping[str, object]


class _Scene(NamedTuple):
    """Files and a listener for the trial."""

    folder: Path
    listener: socket.socket


def probe(level: Level, *, launcher: Launcher | None = None) -> Finding:
    """Try `level` on this host, for real."""
    facts: dict[str, object] = {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "landlock": landlock.version() if kernel.supported_machine() else 0,
    }
    if level is Level.STRICT:
        tool = bubblewrap.find()
        facts["bubblewrap"] = ".".join(map(str, tool.version)) if tool else ""
        facts["bubblewrap_bundled"] = bool(tool and tool.bundled)
        facts["fresh_folders"] = bool(tool and tool.fresh_folders)
    try:
        with _scene() as scene:
            reason = _try(level, scene, launcher)
    except (RefusedError, OSError, subprocess.SubprocessError) as error:
        reason = str(error)
    return Finding(level, not reason, reason, facts)


@contextmanager
def _scene() -> Iterator[_Scene]:
    folder = Path(tempfile.mkdtemp(prefix="lotabots-probe-"))
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            # Open to everybody: a refusal inside must be the sandbox's, not that of a mode.
            folder.chmod(0o755)
            for name in ("out", "in"):
                (folder / name).mkdir()
                (folder / name).chmod(0o777)
            for path in (folder / "secret", folder / "in" / "data"):
                path.write_text("x", encoding="ascii")
                path.chmod(0o666)
            yield _Scene(folder, listener)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try(level: Level, scene: _Scene, launcher: Launcher | None) -> str:
    """What is wrong with the level; empty when it holds."""
    _write(scene.folder / "in" / "ran", elf.link(lambda _blob, _at: elf.syscall(_EXIT, _RAN)))
    _write(scene.folder / "control", _program(scene, escape=False))
    _write(scene.folder / "trial", _program(scene, escape=True))
    bare = _bare(scene.folder / "control")
    if bare != _FREE + _EVERYTHING or _bare(scene.folder / "in" / "ran") != _RAN:
        return f"the trial does not work without a sandbox either (status {bare})"
    policy = KernelPolicy(
        name="probe",
        read=(str(scene.folder / "in"),),
        write=(str(scene.folder / "out"),),
        exec=(str(scene.folder / "trial"),),
        proc="own" if level is Level.STRICT else "none",
        limits=Limits(wall_s=_WAIT_S, memory_mb=64, processes=4),
    )
    (scene.folder / "out" / "new").unlink(missing_ok=True)
    program = [str(scene.folder / "trial")]
    report = run_policy(policy, program, level=level, launcher=launcher)
    return report.refused or _judge(report.status)


def _judge(status: int) -> str:
    if status == _RAN:
        return "a program that was not granted could be run"
    if not _FREE <= status <= _FREE + _EVERYTHING:
        return f"the trial program ended with status {status}"
    done = status - _FREE
    wrong = [
        f"{name} was {'possible' if done >> bit & 1 else 'refused'}"
        for bit, name in enumerate(_TRIALS)
        if (done >> bit & 1) != (_GRANTED >> bit & 1)
    ]
    return ", ".join(wrong)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o755)


def _bare(program: Path) -> int:
    return subprocess.run([program], env={}, timeout=_WAIT_S, check=False).returncode  # noqa: S603


def _program(scene: _Scene, *, escape: bool) -> bytes:
    """Tries everything, notes success in rbx; in the end runs what was not granted, or exits."""
    port = scene.listener.getsockname()[1]

    def code(blob: Blob, data_at: int) -> bytes:
        def at(place: elf.Data) -> int:
            return data_at + place.offset

        def text(path: Path) -> int:
            return at(blob.text(str(path)))

        folder = scene.folder
        address = at(blob.add(struct.pack("!2sH4s8x", b"\x02\x00", port, b"\x7f\x00\x00\x01")))
        connect = elf.syscall(_SOCKET, socket.AF_INET, socket.SOCK_STREAM, 0)
        connect += b"\x50" + elf.load(0, address, 16) + b"\x5f"  # push rax; ...; pop rdi
        connect += elf.syscall(_CONNECT)
        trials = (
            elf.syscall(_OPEN, text(folder / "secret"), os.O_RDONLY),
            elf.syscall(_OPEN, text(folder / "secret"), os.O_WRONLY),
            connect,
            elf.syscall(_OPEN, text(folder / "in" / "data"), os.O_RDONLY),
            elf.syscall(_OPEN, text(folder / "out" / "new"), os.O_WRONLY | os.O_CREAT, 0o644),
        )
        body = b"\x31\xdb"  # xor ebx, ebx
        for bit, trial in enumerate(trials):
            # test rax, rax; js over; or ebx, bit
            body += trial + b"\x48\x85\xc0\x78\x06\x81\xcb" + struct.pack("<I", 1 << bit)
        if escape:
            body += elf.syscall(_EXECVE, text(folder / "in" / "ran"), 0, 0)
        # lea edi, [rbx + 64]; exit
        return body + b"\x8d\x7b" + bytes([_FREE]) + elf.syscall(_EXIT)

    return elf.link(code)
