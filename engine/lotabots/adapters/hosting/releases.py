"""The releases of one service in one environment, on disk.

``history.jsonl`` is the truth: each step is one line, appended and made durable before it has any
effect. ``current`` follows it, and so does what lies in ``releases/``; whatever a crash left
halfway is put right when the shelf is opened. Methods block; they belong in a thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from lotabots.adapters.executor.scratch import remove_tree
from lotabots.adapters.hosting.tree import (
    Bounds,
    TreeError,
    copy_tree,
    tree_digest,
)
from lotabots.adapters.hosting.wording import short
from lotabots.adapters.sandbox import kernel
from lotabots.policy.hosting import Book, Line, add, new_name, read, superfluous

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

PRIVATE: Final = 0o700
HOSTING: Final = "hosting"
CURRENT: Final = "current"
_SYNCFS: Final = 306
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PART: Final = ".part-"
_INCOMING: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_OLD_S: Final = 86_400


class HostError(Exception):
    """The host cannot start; the message says what to do."""


class ShelfError(HostError):
    """The state on disk cannot be used as it is; the message says what to repair."""


class UnfitError(Exception):
    """What lies in `incoming` cannot become a release; the message says why."""


class Origin(NamedTuple):
    """Of what a release is made: artifact (``sha256:<hex>``), change, and the job that asked."""

    artifact: str
    change: str
    job: str


class Shelf:
    """`folder` is the service's own, `incoming` is where new trees lie.

    Raises:
        ShelfError: the history is damaged other than by a crash.
    """

    def __init__(
        self,
        folder: Path,
        incoming: Path,
        *,
        clock: Clock,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        self._folder = folder
        self._incoming = incoming
        self._clock = clock
        self._bounds = bounds
        self._releases = folder / "releases"
        self._file = folder / "history.jsonl"
        self._releases.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        incoming.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        self.book: Book = read(_lines(self._file))
        self._tidy()
        self._follow()

    def place(self, release: str) -> Path:
        """The folder of a release."""
        return self._releases / release

    def digest(self) -> str:
        """The digest of the history as it is on disk."""
        data = self._file.read_bytes() if self._file.exists() else b""
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def seal(self, name: str, origin: Origin) -> str:
        """Make a release of the folder `name` in `incoming`, which is removed; its name.

        Raises:
            UnfitError: that is no folder of plain files, or too much.
        """
        if not _INCOMING.fullmatch(name):
            raise UnfitError("`incoming` is the name of one folder: letters, digits, `.`, `-`, `_`")
        if not _DIGEST.fullmatch(origin.artifact):
            raise UnfitError("`artifact` is a digest: `sha256:` and 64 hexadecimal digits")
        release = new_name(self.book, origin.artifact)
        part = self._releases / f"{_PART}{os.urandom(6).hex()}"
        part.mkdir(mode=0o755)
        try:
            tree = self._take(name, part)
            part.rename(self.place(release))
        except BaseException:
            _remove(part)
            raise
        finally:
            self.forget(name)
        try:
            _sync(self._releases)
            self.note("sealed", release, artifact=origin.artifact, tree=tree,
                      change=origin.change, job=origin.job)  # fmt: skip
        except OSError:
            _remove(self.place(release))  # no line speaks of it, and the next has its name
            raise
        return release

    def forget(self, name: str) -> None:
        """Remove a folder of `incoming`, if it is there; what cannot be removed is tried again."""
        if _INCOMING.fullmatch(name):
            with suppress(OSError):
                _remove(self._incoming / name)

    def note(self, verb: str, release: str = "", **more: str | int) -> Line:
        """Add a step to the history, durably; a reason is cut to one short line."""
        if "reason" in more:
            more["reason"] = short(str(more["reason"]))
        at = self._clock.now().isoformat(timespec="milliseconds")
        line = msgspec.convert({"at": at, "verb": verb, "release": release, **more}, Line)
        is_new = not self._file.exists()
        target = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(target).st_size
            try:
                _write(target, msgspec.json.encode(line) + b"\n")
                os.fsync(target)
            except OSError:
                os.ftruncate(target, size)  # half a line, or one that may not last
                raise
        finally:
            os.close(target)
        if is_new:
            _sync(self._folder)
        self.book = add(self.book, line)
        return line

    def promote(self, release: str, *, job: str, withdrew: str = "", reason: str = "") -> Line:
        """Note that `release` is active now, and let ``current`` follow.

        That the link cannot be made (the disk is full) does not undo what is in the history.
        """
        line = self.note("promoted", release, job=job, withdrew=withdrew, reason=reason)
        try:
            self._follow()
        except OSError as error:
            log.error("current.behind", extra={"release": release, "why": str(error)})  # noqa: TRY400 - a sentence says it all
        return line

    def prune(self, running: Collection[str]) -> tuple[str, ...]:
        """Remove the folders that nobody needs any more; which. What cannot go stays for now."""
        gone = superfluous(self.book, running)
        try:
            for release in gone:
                self.note("pruned", release)
                _remove(self.place(release))
        except OSError as error:
            log.error("release.kept", extra={"folder": str(self._releases), "why": str(error)})  # noqa: TRY400 - a sentence says it all
        return gone

    def damage(self, release: str) -> str:
        """What is wrong with the folder of `release`: empty if it is as it was sealed."""
        try:
            folder = os.open(self.place(release), _FOLDER)
        except OSError as error:
            return f"the folder of `{release}` cannot be opened: {error.strerror}"
        try:
            found = tree_digest(folder, bounds=self._bounds)
        except TreeError as error:
            return f"the folder of `{release}` was changed: {error}"
        finally:
            os.close(folder)
        if found != self.book.releases[release].tree:
            return f"the folder of `{release}` was changed: its files hash to {found}"
        return ""

    def _take(self, name: str, part: Path) -> str:
        try:
            source = os.open(self._incoming / name, _FOLDER)
        except OSError as error:
            raise UnfitError(
                f"there is no folder `{name}` in incoming: {error.strerror}"
            ) from error
        target = os.open(part, _FOLDER)
        try:
            tree = copy_tree(source, target, bounds=self._bounds)
            kernel.call(_SYNCFS, target)
        except TreeError as error:
            raise UnfitError(str(error)) from error
        except OSError as error:
            raise UnfitError(f"the folder `{name}` cannot be taken: {error.strerror}") from error
        finally:
            os.close(source)
            os.close(target)
        return tree

    def _tidy(self) -> None:
        """Remove what no line of the history speaks of, and trees that nobody came back for."""
        there = {one.name for one in self.book.releases.values() if not one.pruned}
        for path in self._releases.iterdir():
            if path.name not in there:
                _remove(path)
        old = self._clock.now().timestamp() - _OLD_S
        for path in self._incoming.iterdir():
            with suppress(OSError):
                if path.lstat().st_mtime < old:
                    _remove(path)

    def _follow(self) -> None:
        """Let ``current`` lead to the active release."""
        link = self._folder / CURRENT
        partial = self._folder / f"{_PART}{CURRENT}"
        partial.unlink(missing_ok=True)
        if not self.book.active:
            link.unlink(missing_ok=True)
            return
        partial.symlink_to(f"releases/{self.book.active}")
        partial.rename(link)
        _sync(self._folder)


def incoming(state: Path, environment: str) -> Path:
    """Where the trees of new releases are put."""
    return state / HOSTING / environment / "incoming"


def _lines(file: Path) -> list[Line]:
    """The history; half a line at its end, of a write that was cut off, is removed."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return []
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(file, whole)
    lines = []
    for number, text in enumerate(data[:whole].splitlines(), start=1):
        try:
            lines.append(msgspec.json.decode(text, type=Line))
        except msgspec.MsgspecError as error:
            raise ShelfError(
                f"{file}:{number} is damaged ({error}); restore the file from a backup, "
                "or remove that line if you know what it said"
            ) from error
    return lines


def _write(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


def _remove(path: Path) -> None:
    """Remove whatever is at `path`; what lies below is followed nowhere."""
    with suppress(FileNotFoundError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        remove_tree(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
