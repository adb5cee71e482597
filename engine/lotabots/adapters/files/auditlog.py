"""The audit log on disk: one writer, files that are written once, a checkpoint that is replaced.

Crash safety: entries are in bundles and tiles before the checkpoint that covers them is renamed
into place, and files beyond the checkpoint are ignored and written again. So the log on disk is
at every moment exactly what its checkpoint says.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.audit.note import Checkpoint, Verifier, open_checkpoint, sign_checkpoint, verifier_of
from lotabots.audit.tiles import MAX_ENTRY, Growth, TileError, read_bundle
from lotabots.audit.verify import sequence_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

ORIGIN: Final = "lotabots.local/audit"
CHECKPOINT: Final = "checkpoint"
KEY: Final = "verifier.key"
SEED_SIZE: Final = 32


class AuditLogError(Exception):
    """The log on disk is not what its checkpoint says, or another writer has it."""


class AuditWriter:
    """The only writer of the log in `folder`; a context manager that holds the lock."""

    def __init__(self, folder: Path, seed: bytes) -> None:
        self._folder = folder
        self._seed = seed
        self._lock = -1
        self._growth = Growth()
        self.last_sequence = 0

    def __enter__(self) -> Self:
        """Take the lock and continue where the checkpoint ends.

        Raises:
            AuditLogError: another writer is at work, or files do not match the checkpoint.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise AuditLogError(f"another process writes {self._folder}") from error
        verifier = verifier_of(ORIGIN, self._seed)
        _write(self._folder / KEY, f"{verifier}\n".encode())
        if (self._folder / CHECKPOINT).exists():
            self._resume(verifier)
        else:
            self.publish()
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the lock."""
        os.close(self._lock)

    @property
    def size(self) -> int:
        """Entries in the log, published or not."""
        return self._growth.size

    def append(self, entries: Sequence[bytes]) -> None:
        """Add entries; they count once `publish` has returned.

        Raises:
            ValueError: an entry is larger than `MAX_ENTRY` or has not the next sequence number.
        """
        for entry in entries:
            sequence = sequence_of(entry)
            if len(entry) > MAX_ENTRY or sequence != self.last_sequence + 1:
                raise ValueError(
                    f"entry with sequence {sequence} ({len(entry)} bytes) after "
                    f"{self.last_sequence}: gaps and oversized entries are refused"
                )
            self.last_sequence = sequence
        self._write_all(self._growth.append(entries))

    def publish(self) -> Checkpoint:
        """Write what is not full yet and sign a checkpoint over everything."""
        self._write_all(self._growth.edge())
        checkpoint = Checkpoint(ORIGIN, self._growth.size, self._growth.root())
        _write(self._folder / CHECKPOINT, sign_checkpoint(checkpoint, self._seed).encode())
        return checkpoint

    def _resume(self, verifier: Verifier) -> None:
        head = open_checkpoint(read_checkpoint(self._folder), verifier)
        read = reader(self._folder)
        try:
            self._growth = Growth.resume(head.size, read)
        except TileError as error:
            raise AuditLogError(f"the audit log is damaged: {error}") from error
        if self._growth.root() != head.root:
            raise AuditLogError("the tiles do not hash to the root of the checkpoint")
        if head.size:
            last = head.size - 1
            entries = read_bundle(read, last >> 8, last % 256 + 1)
            self.last_sequence = sequence_of(entries[-1])

    def _write_all(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
            partials = target.with_name(target.name + ".p")
            if partials.is_dir():  # the full one is there now, and stands for all of them
                shutil.rmtree(partials)


def reader(folder: Path) -> _Reader:
    """Reads the files of a log by path."""
    return _Reader(folder)


def read_checkpoint(folder: Path) -> str:
    """The signed checkpoint of the log in `folder`.

    Raises:
        AuditLogError: there is none.
    """
    try:
        return (folder / CHECKPOINT).read_text(encoding="utf-8")
    except OSError as error:
        raise AuditLogError(f"no audit log in {folder}") from error


def load_seed(path: Path) -> bytes:
    """The signing key in `path`; made there if it is missing, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, os.urandom(SEED_SIZE), mode=0o600)
    return path.read_bytes()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, path: str) -> bytes:
        """The bytes of a tile or bundle; of the full one where only that is kept."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / path).read_bytes()
        full, partial, width = path.partition(".p/")
        if partial:
            with contextlib.suppress(FileNotFoundError):
                return _cut((self._folder / full).read_bytes(), path, int(width))
        raise TileError(f"{path} is missing")


def _cut(data: bytes, path: str, width: int) -> bytes:
    """The first `width` hashes of a full tile, or entries of a full bundle."""
    if not path.startswith("tile/entries/"):
        return data[: width * 32]
    end = 0
    for _ in range(width):
        end += 2 + int.from_bytes(data[end : end + 2], "big")
    return data[:end]


def _write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` so that it holds either the old or the new bytes, whatever happens."""
    partial = Path(f"{path}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
