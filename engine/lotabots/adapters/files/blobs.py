"""A content-addressed store on disk: files named by the SHA-256 of their bytes.

A blob is written beside its place, made read-only, synced and renamed, so a name never stands for
anything but its bytes, whoever is killed when. Reading hashes again. A writer holds a lock on what
it writes, so that the store knows at its start which beginnings nobody will ever end.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedWriter
    from pathlib import Path

    _Read = Callable[[int], bytes]

CHUNK: Final = 1 << 20
READ_ONLY: Final = 0o444
_PARTIAL: Final = ".part-"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


class BlobError(Exception):
    """A blob is missing, damaged, too large or not a regular file; the message says which."""


class Blob(NamedTuple):
    """A stored file: its digest (``sha256:<hex>``) and size in bytes."""

    digest: str
    size: int


class BlobStore:
    """The store under `folder`, which is made if it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        for partial in folder.glob(f"{_PARTIAL}*"):
            _discard_if_left(partial)

    def put(self, name: str, *, below: int, limit: int) -> Blob:
        """Store the file `name`, a relative path below the open directory `below`.

        What is stored comes from an untrusted program: links are not followed at any step, and
        only a regular file of at most `limit` bytes is taken.

        Raises:
            BlobError: it is not such a file.
        """
        descriptor = _open_below(name, below)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BlobError(f"`{name}` is not a regular file")
            return self._keep(lambda size: os.read(descriptor, size), name=name, limit=limit)
        finally:
            os.close(descriptor)

    def put_bytes(self, data: bytes) -> Blob:
        """Store `data`."""
        chunks = iter((data,))
        return self._keep(lambda _size: next(chunks, b""), name="data", limit=len(data))

    def path(self, digest: str) -> Path:
        """The path of a blob, after hashing it again.

        Raises:
            BlobError: no such blob, or its bytes are not those of its name.
        """
        path = self._place(digest)
        if not path.is_file():
            raise BlobError(f"no blob {digest}")
        with path.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != digest:
            raise BlobError(f"blob {digest} is damaged: its bytes hash to {found}")
        return path

    def has(self, digest: str) -> bool:
        """Whether there is a blob of that digest (not whether it is intact)."""
        return self._place(digest).is_file()

    def _place(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise BlobError(f"`{digest[:80]}` is not a digest (sha256:<64 hex digits>)")
        hexadecimal = digest.removeprefix("sha256:")
        return self._folder / hexadecimal[:2] / hexadecimal[2:]

    def _keep(self, read: _Read, *, name: str, limit: int) -> Blob:
        partial, opened = self._begin()
        digest, size = hashlib.sha256(), 0
        try:
            with opened as target:
                while chunk := read(CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise BlobError(f"`{name}` is larger than {limit} bytes")
                    digest.update(chunk)
                    target.write(chunk)
                target.flush()
                os.fchmod(target.fileno(), READ_ONLY)
                os.fsync(target.fileno())
            blob = Blob(f"sha256:{digest.hexdigest()}", size)
            place = self._place(blob.digest)
            place.parent.mkdir(exist_ok=True, mode=0o755)
            partial.replace(place)
            for folder in (place.parent, self._folder):  # events name it from now on
                _sync(folder)
        finally:
            partial.unlink(missing_ok=True)
        return blob

    def _begin(self) -> tuple[Path, BufferedWriter]:
        """A new file, locked by us before a store that starts could take it for left behind."""
        while True:
            partial = self._folder / f"{_PARTIAL}{os.urandom(8).hex()}"
            opened = partial.open("xb")
            fcntl.flock(opened, fcntl.LOCK_EX)
            if partial.exists():
                return partial, opened
            opened.close()


def _discard_if_left(partial: Path) -> None:
    """Remove a beginning whose writer is gone; the kernel ends its lock with it."""
    try:
        descriptor = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return  # ended meanwhile, or not ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        partial.unlink(missing_ok=True)
    except OSError:
        pass  # somebody writes it, or it is no file
    finally:
        os.close(descriptor)


def _open_below(name: str, below: int) -> int:
    """Open the relative path `name` below a directory, following no link on the way."""
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") for part in parts):
        raise BlobError(f"`{name}` is not a path below the output folder")
    folder = os.dup(below)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(parts[-1], flags, dir_fd=folder)
    except OSError as error:
        raise BlobError(f"`{name}`: {error.strerror}") from error
    except ValueError as error:  # a NUL byte, or text that no file name can be
        raise BlobError(f"`{name!a}` is not a file name") from error
    finally:
        os.close(folder)


def _sync(folder: Path) -> None:
    """Make the names in `folder` durable; a rename alone is not (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
