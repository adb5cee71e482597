"""What a run has written: an agent process walks its write grants on demand.

On the strict level the agent stands in the sandbox's own mounts and user namespace, where it may
look into folders that the bot has closed; it is out of the bot's sight (another process namespace).
"""

from __future__ import annotations

import os
import signal
import stat
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import kernel, landlock
from lotabots.adapters.sandbox.mounts import exchanged
from lotabots.adapters.sandbox.namespace import join
from lotabots.adapters.sandbox.report import RefusedError
from lotabots.adapters.sandbox.running import keep_only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lotabots.adapters.sandbox.mounts import Bind

_BLOCK: Final = 512
_PER_ENTRY: Final = 4096
_MAX_DEPTH: Final = 400
UNMEASURABLE: Final = 2**62
_ANSWER: Final = struct.Struct("<q")
_ROOT: Final = struct.Struct("<i")
_READY: Final = b"+"
_MESSAGE: Final = 512


class Agent(NamedTuple):
    """Write a byte to `ask`, and `answers` becomes readable with the bytes written so far."""

    pid: int
    ask: int
    answers: int

    def begin(self, root: int) -> None:
        """Let the agent prepare itself, for the run whose first process is `root`.

        Raises:
            RefusedError: it could not.
        """
        os.write(self.ask, _ROOT.pack(root))
        message = os.read(self.answers, _MESSAGE)
        if message != _READY:
            reason = message.decode(errors="replace") or "its agent was lost"
            raise RefusedError(f"the mounts could not be set up: {reason}")

    def request(self) -> None:
        """Ask for a measurement; the answer comes when the walk is done."""
        os.write(self.ask, b"?")

    def answer(self) -> int:
        """The bytes that the grants grew by, or 0 when the agent is gone."""
        message = os.read(self.answers, _ANSWER.size)
        return int(_ANSWER.unpack(message)[0]) if len(message) == _ANSWER.size else 0


def inside(binds: Sequence[Bind], *, folders: Sequence[str], ruleset: int) -> Agent:
    """An agent that will close the data mounts of a run for code, then stay in them.

    It also completes the Landlock `ruleset`: where a run may write, it may move files about. Some
    of these folders exist in the sandbox only, so only the agent can name them.
    """
    writes = [bind.target for bind in binds if bind.kind == "write"]

    def prepare(root: int) -> None:
        join(root, "mnt", kernel.CLONE_NEWNS)
        for path in exchanged(binds):
            raise OSError(f"`{path}` was exchanged during the start")
        closed = kernel.MOUNT_NOSUID | kernel.MOUNT_NODEV
        for path in folders:
            kernel.set_mount(path, add=closed | kernel.MOUNT_NOEXEC)
        # Outermost first, so that code below data stays code, whatever the data above it got.
        for bind in binds:
            code = bind.kind.code
            add, remove = (closed, kernel.MOUNT_NOEXEC) if code else (kernel.MOUNT_NOEXEC, 0)
            kernel.set_mount(bind.target, add=closed | add, remove=remove)
        landlock.allow_moving(ruleset, [*folders, *filter(os.path.isdir, writes)])
        os.close(ruleset)

    return _spawn(prepare, writes, keep=(ruleset,))


def outside(writes: Sequence[str]) -> Agent:
    """An agent in our own mounts, for the reduced level."""
    return _spawn(lambda _root: None, writes)


def total(folders: Sequence[str]) -> int:
    """Bytes that `folders` take; each entry counts as a block at least, so names are bounded too.

    Symbolic links are not followed. A tree deeper than 400 folders counts as unmeasurable.
    """
    seen: set[tuple[int, int]] = set()
    return sum(_walk(folder, seen) for folder in folders)


def _walk(folder: str, seen: set[tuple[int, int]]) -> int:
    try:
        top = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0
    status = os.fstat(top)
    used = _cost(status, seen)
    if not stat.S_ISDIR(status.st_mode):
        os.close(top)
        return used
    stack = [(top, _entries(top))]
    while stack:
        fd, names = stack[-1]
        if not names:
            os.close(stack.pop()[0])
            continue
        name = names.pop()
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            used += _cost(status, seen)
            if not stat.S_ISDIR(status.st_mode):
                continue
            if len(stack) >= _MAX_DEPTH:
                used += UNMEASURABLE
                continue
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(name, flags, dir_fd=fd)
        except OSError:
            continue
        stack.append((below, _entries(below)))
    return used


def _entries(fd: int) -> list[str]:
    try:
        return os.listdir(fd)
    except OSError:
        return []


def _cost(status: os.stat_result, seen: set[tuple[int, int]]) -> int:
    if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
        if (status.st_dev, status.st_ino) in seen:
            return 0
        seen.add((status.st_dev, status.st_ino))
    return max(status.st_blocks * _BLOCK, _PER_ENTRY)


def _spawn(
    prepare: Callable[[int], None], writes: Sequence[str], *, keep: Sequence[int] = ()
) -> Agent:
    asked, ask = os.pipe()
    answers, answer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            keep_only(asked, answer, *keep)
            _serve(prepare, writes, channels=(asked, answer), parent=parent)
        finally:
            os._exit(0)
    os.close(asked)
    os.close(answer)
    return Agent(child, ask, answers)


def _serve(
    prepare: Callable[[int], None],
    writes: Sequence[str],
    *,
    channels: tuple[int, int],
    parent: int,
) -> None:
    asked, answer = channels
    message = os.read(asked, _ROOT.size)
    if not message:
        return
    try:
        prepare(_ROOT.unpack(message)[0])
        # Only now: joining a user namespace forgets the parent's death signal.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        before = total(writes)
    except OSError as error:
        os.write(answer, str(error).encode()[:_MESSAGE])
        return
    if os.getppid() != parent:
        return
    os.write(answer, _READY)
    while os.read(asked, 1):
        grown = min(max(total(writes) - before, 0), UNMEASURABLE)
        os.write(answer, _ANSWER.pack(grown))
