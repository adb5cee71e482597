"""The audit log on disk: one writer, files that are written once, a checkpoint that is replaced.

Crash safety: entries are in bundles and tiles before the checkpoint that covers them is renamed
into place, and files beyond the checkpoint are ignored and written again. So the log on disk is
at every moment exactly what its checkpoint says.

Power loss too: whoever published acknowledges what it published, and will never see it again. So
files are synced, then the folders that name them, then the checkpoint, then its folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from lotabots.audit.note import (
    Checkpoint,
    NoteError,
    Verifier,
    open_checkpoint,
    sign_checkpoint,
    verifier_of,
)
from lotabots.audit.record import sequence_of
from lotabots.audit.tiles import ENTRIES, MAX_ENTRY, Growth, TileError
from lotabots.audit.verify import entries_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

ORIGIN: Final = "lotabots.local/audit"
CHECKPOINT: Final = "checkpoint"
KEY: Final = "verifier.key"
SEED_SIZE: Final = 32
SYNCS: Final = 8
"""How many files are synced at the same time."""

_T = TypeVar("_T")


class AuditLogError(Exception):
    """The log on disk is not what its checkpoint says, or another writer has it."""


class AuditWriter:
    """The only writer of the log in `folder`; a context manager that holds the lock."""

    def __init__(self, folder: Path, seed: bytes) -> None:
        self._folder = folder
        self._seed = seed
        self._lock = -1
        self._growth = Growth()
        self._threads = ThreadPoolExecutor(SYNCS)
        self._full: dict[str, bytes] = {}
        self.last_sequence = 0
        self.newest = b""

    def __enter__(self) -> Self:
        """Take the lock and continue where the checkpoint ends.

        Raises:
            AuditLogError: another writer is at work, files do not match the checkpoint, or it was
                signed with another key.
        """
        _make_folder(self._folder)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the lock."""
        self._threads.shutdown()
        os.close(self._lock)

    @property
    def size(self) -> int:
        """Entries in the log, published or not."""
        return self._growth.size

    def append(self, entries: Sequence[bytes]) -> None:
        """Add entries, all or none; they count once `publish` has returned.

        Until then full tiles wait in memory.

        Raises:
            ValueError: an entry is larger than `MAX_ENTRY` or has not the next sequence number.
        """
        last = self.last_sequence
        for entry in entries:
            sequence = sequence_of(entry)
            if len(entry) > MAX_ENTRY or sequence != last + 1:
                raise ValueError(
                    f"entry with sequence {sequence} ({len(entry)} bytes) after {last}: "
                    "gaps and oversized entries are refused"
                )
            last = sequence
        self.last_sequence = last
        self.newest = entries[-1] if entries else self.newest
        self._full |= self._growth.append(entries)

    def publish(self) -> Checkpoint:
        """Write what is new and sign a checkpoint over everything.

        If it fails, nothing of it counts, and it may be tried again.
        """
        written = self._write_all(self._full | self._growth.edge())
        checkpoint = Checkpoint(ORIGIN, self._growth.size, self._growth.root())
        _write(self._folder / CHECKPOINT, sign_checkpoint(checkpoint, self._seed).encode())
        _sync(self._folder)
        self._full = {}
        for target in written:  # a full one stands for all its partial ones from now on
            shutil.rmtree(target.with_name(target.name + ".p"), ignore_errors=True)
        return checkpoint

    def _open(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AuditLogError(f"another process writes {self._folder}") from error
        verifier = verifier_of(ORIGIN, self._seed)
        if (self._folder / CHECKPOINT).exists():
            self._resume(verifier)
        else:
            self.publish()
        _write(self._folder / KEY, f"{verifier}\n".encode())

    def _resume(self, verifier: Verifier) -> None:
        read = reader(self._folder)
        try:
            head = open_checkpoint(read_checkpoint(self._folder), verifier)
            self._growth = Growth.resume(head.size, read)
            newest = list(entries_of(head.size, read, first=max(0, head.size - 1)))
        except (NoteError, TileError) as error:
            raise AuditLogError(f"the audit log is damaged: {error}") from error
        if self._growth.root() != head.root:
            raise AuditLogError("the tiles do not hash to the root of the checkpoint")
        self.newest = newest[0] if newest else b""
        self.last_sequence = sequence_of(self.newest) if newest else 0

    def _write_all(self, files: Mapping[str, bytes]) -> list[Path]:
        """Write files so that they and their names are durable."""
        targets = {self._folder / path: data for path, data in files.items()}
        for folder in {target.parent for target in targets}:
            _make_folder(folder)
        self._all(_prepare, targets.items())
        for target in targets:
            _part(target).replace(target)
        self._all(_sync, {target.parent for target in targets})
        return list(targets)

    def _all(self, work: Callable[[_T], None], on: Iterable[_T]) -> None:
        """Do it to all at once: the file system commits syncs that wait together in one go."""
        for _ in self._threads.map(work, on):
            pass


def reader(folder: Path) -> _Reader:
    """Reads the files of a log by path."""
    return _Reader(folder)


def read_checkpoint(folder: Path) -> str:
    """The signed checkpoint of the log in `folder`.

    Raises:
        AuditLogError: there is none.
    """
    try:
        return (folder / CHECKPOINT).read_bytes().decode()
    except OSError as error:
        raise AuditLogError(f"no audit log in {folder}") from error
    except UnicodeDecodeError as error:
        raise AuditLogError(f"the checkpoint in {folder} is not UTF-8") from error


def load_seed(path: Path) -> bytes:
    """The signing key in `path`; made there if it is missing, readable by its owner only.

    Raises:
        AuditLogError: what is there is not a key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, os.urandom(SEED_SIZE), mode=0o600)
        _sync(path.parent)
    seed = path.read_bytes()
    if len(seed) != SEED_SIZE:
        raise AuditLogError(f"{path} is not a signing key: {len(seed)} bytes, not {SEED_SIZE}")
    return seed


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, path: str) -> bytes:
        """The bytes of a tile or bundle; of the full one where only that is kept."""
        full, partial, width = path.partition(".p/")
        try:
            with contextlib.suppress(FileNotFoundError):
                return (self._folder / path).read_bytes()
            if partial:
                with contextlib.suppress(FileNotFoundError):
                    return _cut((self._folder / full).read_bytes(), path, int(width))
        except OSError as error:
            raise TileError(f"{path}: {error.strerror}") from error
        raise TileError(f"{path} is missing")


def _cut(data: bytes, path: str, width: int) -> bytes:
    """The first `width` hashes of a full tile, or entries of a full bundle."""
    if not path.startswith(ENTRIES):
        return data[: width * 32]
    end = 0
    for _ in range(width):
        end += 2 + int.from_bytes(data[end : end + 2], "big")
    return data[:end]


def _make_folder(folder: Path) -> None:
    """Make `folder` and what it is in, so that it is still there after a power loss."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o755)
    _sync(folder.parent)


def _write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` so that it holds either the old or the new bytes, whatever happens."""
    _prepare((path, data), mode=mode)
    _part(path).replace(path)


def _prepare(file: tuple[Path, bytes], *, mode: int = 0o644) -> None:
    """Write bytes beside their place, durably."""
    path, data = file
    descriptor = os.open(_part(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _part(path: Path) -> Path:
    return Path(f"{path}.part")


def _sync(folder: Path) -> None:
    """Make the names in `folder` durable; a rename alone is not (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
