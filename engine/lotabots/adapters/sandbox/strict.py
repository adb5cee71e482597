"""Starts a program on the strict level: namespaces by bubblewrap, our filter, Landlock inside.

The order matters: everything that needs root happens before `become`; the mounts, the relays and
the limits are complete before the starter gets permission to execute the program. Any step that
fails raises, and the program has not run.
"""

from __future__ import annotations

import json
import os
import select
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import bubblewrap, disk, kernel, landlock, mounts, relay, stage
from lotabots.adapters.sandbox.dialer import Dialer
from lotabots.adapters.sandbox.filters import strict_filter
from lotabots.adapters.sandbox.programs import choose
from lotabots.adapters.sandbox.report import RefusedError
from lotabots.adapters.sandbox.running import (
    Running,
    hard_limits,
    memory_file,
    pipe,
    usual_signals,
)
from lotabots.adapters.sandbox.starter import READY, Channels, build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.sandbox.mounts import Bind
    from lotabots.adapters.sandbox.programs import Programs
    from lotabots.adapters.sandbox.request import Request

_START_TIMEOUT_MS: Final = 30_000
_MAX_MESSAGE: Final = 4096
_SPARE: Final = 1
"""Tasks of the process namespace that are bubblewrap's: its first process."""


class _Started(NamedTuple):
    """bubblewrap's process and our ends of its pipes."""

    child: int
    stdout: int
    stderr: int
    info: int
    ready: int
    go: int


def start(request: Request, stdin: int) -> Running:
    """Start ``request.argv``; it runs when this returns.

    Raises:
        RefusedError: the policy cannot be kept here; nothing of the program ran.
    """
    plan = mounts.plan(request.policy)
    programs = choose(request.argv[0], request.policy, plan)
    found = relay.destinations(request.policy.net)
    devices = frozenset(os.stat(path).st_dev for path in request.policy.write)  # noqa: PTH116
    sockets = relay.socket_paths(found)
    dialer = Dialer(sockets) if sockets else None
    binds, tool = _unprivileged(plan.binds, request)
    # Each once: bubblewrap 0.8 stumbles over a link that is there already.
    links = tuple(dict.fromkeys((*plan.links, *programs.links)))
    ruleset = _ruleset(programs.executable, binds)
    started = _launch(request, binds, links, programs, stdin, tool, ruleset)
    try:
        folders = _memory_folders(binds)
        agent = disk.inside(binds, folders=folders, ruleset=ruleset)
        os.close(ruleset)
        root = _root(started)
        root_fd = os.pidfd_open(root)
        _expect_ready(started)
        agent.begin(root)
        log, relays = _relays(root, found, request, dialer)
        _go(started, request.argv[0])
        return Running(
            root=root,
            root_fd=root_fd,
            child=started.child,
            stdout=started.stdout,
            stderr=started.stderr,
            agent=agent,
            log=log,
            relays=relays,
            folders=[f"/proc/{root}/root{folder}" for folder in folders],
            devices=devices,
            ours=frozenset({root}),
            owned=True,
            facts=_facts(request),
        )
    except BaseException:
        # Not reaped yet, so the number is still its own; the tree inside dies with it.
        os.kill(started.child, signal.SIGKILL)
        os.waitpid(started.child, 0)
        raise


def _unprivileged(binds: Sequence[Bind], request: Request) -> tuple[Sequence[Bind], str]:
    """Leave root, if we are; the binds and bubblewrap as the user can reach them."""
    tool = request.bubblewrap
    if tool is None:
        raise RefusedError("there is no bubblewrap of version 0.8 or newer")
    if landlock.version() == 0:
        raise RefusedError("the kernel has no Landlock, which exact program grants need")
    if os.geteuid() != 0:
        return binds, tool.path
    staged = stage.stage(binds, tool, uid=request.uid)
    stage.become(request.uid)
    return staged.binds, staged.bubblewrap


def _launch(
    request: Request,
    binds: Sequence[Bind],
    links: Sequence[mounts.Link],
    programs: Programs,
    stdin: int,
    tool: str,
    ruleset: int,
) -> _Started:
    out, err, info = pipe(inherit=False), pipe(inherit=False), pipe(inherit=True)
    ready, go = pipe(inherit=True), pipe(inherit=True)
    channels = Channels(ready[1], go[0], ruleset)
    limits = hard_limits(request.policy.limits, spare=_SPARE)
    argv = (programs.path, *request.argv[1:])
    starter = build(argv, request.policy.env, limits=limits, channels=channels)
    hosts = relay.hosts_file(relay.destinations(request.policy.net))
    files = bubblewrap.Files(
        info=info[1],
        seccomp=memory_file(strict_filter()),
        starter=memory_file(starter),
        hosts=memory_file(hosts.encode()),
        services=memory_file(relay.SERVICES.encode()),
    )
    words = bubblewrap.arguments(request.policy, binds, links=links, files=files)
    options = memory_file("".join(word + "\0" for word in words).encode("utf-8", "surrogateescape"))
    command = [tool, "--args", str(options), "--", bubblewrap.STARTER]
    ours = (info[0], ready[0], go[1])
    child = _spawn(command, (stdin, out[1], err[1]), not_theirs=ours)
    for fd in (info[1], ready[1], go[0], options, *files[1:], out[1], err[1]):
        os.close(fd)
    return _Started(child, out[0], err[0], info[0], ready[0], go[1])


def _ruleset(executable: Sequence[str], binds: Sequence[Bind]) -> int:
    """The Landlock rules for exactly these programs, by where they can be reached outside."""
    ruleset = landlock.execute_only(_source(path, binds) for path in executable)
    os.set_inheritable(ruleset, True)
    return ruleset


def _source(path: str, binds: Sequence[Bind]) -> str:
    bind = mounts.nearest(path, binds)
    if bind is None:
        raise RefusedError(f"`{path}` is executable under no mount")
    return bind.source + path[len(bind.target) :]


def _spawn(command: Sequence[str], streams: Sequence[int], *, not_theirs: Sequence[int]) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if os.getppid() == parent:
            for fd in not_theirs:
                os.close(fd)
            for number, fd in enumerate(streams):
                os.dup2(fd, number)
            usual_signals()
            os.chdir("/")
            os.execve(command[0], list(command), {})  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}".encode())
    finally:
        os._exit(1)


def _root(started: _Started) -> int:
    """The sandbox's first process, from the JSON that bubblewrap writes (maybe in pieces)."""
    text = b""
    while b"}" not in text:
        piece = os.read(started.info, 4096) if _readable(started.info) else b""
        if not piece:
            raise RefusedError(_complaint(started))
        text += piece
    os.close(started.info)
    return int(json.loads(text)["child-pid"])


def _expect_ready(started: _Started) -> None:
    if not _readable(started.ready) or os.read(started.ready, 1) != READY:
        raise RefusedError(_complaint(started))


def _go(started: _Started, program: str) -> None:
    """Let the starter execute the program; the pipe closes when the kernel has done it."""
    os.write(started.go, b"+")
    os.close(started.go)
    errno = os.read(started.ready, 1)
    os.close(started.ready)
    if errno:
        raise RefusedError(f"program `{program}` cannot be executed: {os.strerror(errno[0])}")


def _readable(fd: int) -> bool:
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    return bool(waiting.poll(_START_TIMEOUT_MS))


def _complaint(started: _Started) -> str:
    """What bubblewrap said; the program has not written anything yet."""
    said = ""
    if _readable(started.stderr):
        said = os.read(started.stderr, _MAX_MESSAGE).decode(errors="replace").strip()
    return f"bubblewrap did not start: {said or 'no reason given'}"


def _memory_folders(binds: Sequence[Bind]) -> list[str]:
    shared, temporary = "/dev/shm", "/tmp"  # noqa: S108 - private to the sandbox
    return [path for path in (shared, temporary) if mounts.nearest(path, binds) is None]


def _relays(
    root: int, found: Sequence[relay.Destination], request: Request, dialer: Dialer | None
) -> tuple[int, list[int]]:
    log, write = os.pipe()
    relays: list[int] = []
    if found:
        relays.append(relay.connect_outward(root, found, log=write, dialer=dialer))
    if request.policy.net.bind:
        relays.append(relay.connect_inward(root, request.policy.net.bind, write))
    os.close(write)
    if dialer is not None:
        dialer.close()
    return log, relays


def _facts(request: Request) -> dict[str, object]:
    tool = request.bubblewrap
    return {
        "bubblewrap": ".".join(map(str, tool.version)) if tool else "",
        "landlock": landlock.version(),
        "uid": os.geteuid(),
    }
