"""Starts a program on the reduced level: Landlock, a harder filter and rlimits, no namespaces.

An operator must ask for it. It refuses every policy that it cannot keep: it has no private network
(Landlock knows ports, not hosts), no private /proc, and no exact bound on the processes of one run.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import TYPE_CHECKING, Final

from lotabots.adapters.sandbox import disk, kernel, landlock, mounts, stage
from lotabots.adapters.sandbox.filters import reduced_filter
from lotabots.adapters.sandbox.mounts import Kind
from lotabots.adapters.sandbox.programs import choose
from lotabots.adapters.sandbox.report import RefusedError
from lotabots.adapters.sandbox.running import Running, hard_limits, pipe, usual_signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.adapters.sandbox.programs import Programs
    from lotabots.adapters.sandbox.request import Request
    from lotabots.policy.project_kernel import KernelPolicy

MIN_LANDLOCK: Final = 6
_READ: Final = landlock.READ_FILE | landlock.READ_DIR
_WRITE: Final = landlock.ALL_FILES & ~landlock.EXECUTE
_MESSAGE: Final = 512


class _Program(ctypes.Structure):
    """``struct sock_fprog``: a filter for prctl(2)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def start(request: Request, stdin: int) -> Running:
    """Start ``request.argv``; it runs when this returns.

    Raises:
        RefusedError: the policy asks for what this level cannot keep.
    """
    problems = tuple(unkept(request.policy))
    if problems:
        raise RefusedError("the reduced level cannot keep this policy: " + "; ".join(problems))
    if landlock.version() < MIN_LANDLOCK:
        raise RefusedError(f"the reduced level needs Landlock ABI {MIN_LANDLOCK}")
    plan = mounts.plan(request.policy)
    programs = choose(request.argv[0], request.policy, plan)
    devices = frozenset(os.stat(path).st_dev for path in request.policy.write)  # noqa: PTH116
    if os.geteuid() == 0:
        stage.become(request.uid)
    # Orphans of the run become our children, where they can be found and ended.
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    agent = disk.outside([bind.target for bind in plan.binds if bind.kind is Kind.WRITE])
    agent.begin(os.getpid())
    ruleset = landlock.everything(_rights(plan, programs, request.policy))
    out, err, failed = (pipe(inherit=False) for _ in range(3))
    streams = (stdin, out[1], err[1])
    child = _spawn(request, programs.path, ruleset=ruleset, streams=streams, failed=failed[1])
    for fd in (ruleset, out[1], err[1], failed[1]):
        os.close(fd)
    message = os.read(failed[0], _MESSAGE)
    os.close(failed[0])
    if message:
        os.waitpid(child, 0)
        raise RefusedError(message.decode())
    return Running(
        root=os.getpid(),
        root_fd=os.pidfd_open(child),
        child=child,
        stdout=out[0],
        stderr=err[0],
        agent=agent,
        log=-1,
        relays=(),
        folders=(),
        devices=devices,
        ours=frozenset({os.getpid(), agent.pid}),
        owned=False,
        facts={"landlock": landlock.version(), "uid": os.geteuid()},
    )


def unkept(policy: KernelPolicy) -> Iterator[str]:
    """What `policy` asks for that has no meaning without namespaces."""
    if policy.net.connect:
        yield "`net.connect` (it cannot tell hosts apart)"
    if policy.net.bind:
        yield "`net.bind` (there is no private network)"
    if policy.proc != "none":
        yield "`proc` must be `none` (there is no private /proc)"


def _rights(plan: mounts.Plan, programs: Programs, policy: KernelPolicy) -> Mapping[str, int]:
    rights: dict[str, int] = {}
    for bind in plan.binds:
        allowed = _WRITE if bind.kind is Kind.WRITE else _READ
        rights[bind.target] = rights.get(bind.target, 0) | allowed
    for path in programs.executable:
        rights[path] = rights.get(path, 0) | landlock.EXECUTE | _READ
    for name in policy.dev:
        rights[f"/dev/{name}"] = landlock.READ_FILE | landlock.WRITE_FILE
    return {path: _fitting(path, allowed) for path, allowed in rights.items()}


def _fitting(path: str, allowed: int) -> int:
    """A rule on a file may not name rights that only folders have."""
    folder = os.path.isdir(path)  # noqa: PTH112 - text path
    return allowed if folder else allowed & landlock.FILE_RIGHTS


def _spawn(
    request: Request, program: str, *, ruleset: int, streams: tuple[int, ...], failed: int
) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.setsid()
            for number, fd in enumerate(streams):
                os.dup2(fd, number)
            usual_signals()
            os.chdir(request.policy.cwd)
            _lock(request, ruleset)
            argv = [program, *request.argv[1:]]
            os.execve(program, argv, dict(request.policy.env))  # noqa: S606 - no shell
    except OSError as error:
        os.write(failed, f"program `{program}` cannot be executed: {error.strerror}".encode())
    finally:
        os._exit(1)


def _lock(request: Request, ruleset: int) -> None:
    for name, bound in hard_limits(request.policy.limits, spare=_tasks_of_user()).items():
        resource.setrlimit(name, (bound, bound))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(ruleset)
    code = reduced_filter()
    filter_program = _Program(len(code) // 8, code)
    kernel.prctl(kernel.PR_SET_SECCOMP, kernel.SECCOMP_MODE_FILTER, filter_program)


def _tasks_of_user() -> int:
    """Tasks that this user has already: without namespaces the kernel counts per user."""
    uid, count = os.geteuid(), 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116
                count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
        except OSError:
            continue
    return count
