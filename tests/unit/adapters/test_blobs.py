"""The content-addressed store: a name stands for its bytes, and nothing outside gets in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.files.blobs import CHUNK, Blob, BlobError, BlobStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 3 * CHUNK


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def below(out: Path) -> Iterator[int]:
    descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def refusal(store: BlobStore, below: int, name: str, *, limit: int = LIMIT) -> str:
    with pytest.raises(BlobError) as caught:
        store.put(name, below=below, limit=limit)
    return str(caught.value)


def digest_of(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


WRITER = """
import sys
from pathlib import Path
from lotabots.adapters.files.blobs import BlobStore

def read(size):
    print("writing", flush=True)
    return sys.stdin.buffer.read(1) or b""

BlobStore(Path(sys.argv[1]))._keep(read, name="slow", limit=9)
"""


def test_what_a_killed_writer_left_is_removed_at_the_next_start(tmp_path: Path):
    folder = tmp_path / "blobs"
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.readline()
        BlobStore(folder)  # another process starts: whoever still writes is left alone
        assert len(list(folder.glob(".part-*"))) == 1
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    kept = BlobStore(folder).put_bytes(b"kept")
    assert list(folder.glob(".*")) == []
    assert BlobStore(folder).path(kept.digest).read_bytes() == b"kept"


def test_a_file_that_cannot_be_opened_is_no_reason_not_to_start(tmp_path: Path):
    (tmp_path / ".part-1-a").mkdir()
    (tmp_path / ".part-1-b").symlink_to("nowhere")
    assert BlobStore(tmp_path).put_bytes(b"x").size == 1


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, LIMIT])
def test_a_file_is_stored_under_its_hash(store: BlobStore, out: Path, below: int, size: int):
    data = b"x" * size
    (out / "deep/er").mkdir(parents=True)
    (out / "deep/er/file").write_bytes(data)
    blob = store.put("deep/er/file", below=below, limit=LIMIT)
    assert blob == Blob(digest_of(data), size)
    assert store.path(blob.digest).read_bytes() == data
    assert store.path(blob.digest).stat().st_mode & 0o777 == 0o444
    assert store.has(blob.digest)


def test_the_same_bytes_are_one_blob(store: BlobStore, tmp_path: Path):
    assert store.put_bytes(b"same") == store.put_bytes(b"same")
    assert len([p for p in (tmp_path / "blobs").rglob("*") if p.is_file()]) == 1


def test_a_file_larger_than_the_limit_is_refused_and_leaves_nothing(
    store: BlobStore, out: Path, below: int, tmp_path: Path
):
    (out / "large").write_bytes(b"x" * 101)
    assert refusal(store, below, "large", limit=100) == "`large` is larger than 100 bytes"
    assert list((tmp_path / "blobs").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "/", "/etc/passwd", ".", "..", "../secret", "a/../../secret", "a//b", "a/", "./a"]
)
def test_a_path_that_is_not_below_the_folder_is_refused(store: BlobStore, below: int, name: str):
    assert refusal(store, below, name) == f"`{name}` is not a path below the output folder"


@pytest.mark.parametrize("name", ["a\0b", "a\0/b", "\ud800"])
def test_text_that_is_no_file_name_is_refused(store: BlobStore, below: int, name: str):
    assert refusal(store, below, name) == f"`{name!a}` is not a file name"


def test_links_are_not_followed(store: BlobStore, out: Path, below: int, tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"secret")
    (out / "link").symlink_to(tmp_path / "secret")
    (out / "up").symlink_to(tmp_path)
    (out / "self").symlink_to("self")
    assert refusal(store, below, "link") == "`link`: Too many levels of symbolic links"
    assert refusal(store, below, "up/secret") == "`up/secret`: Not a directory"
    assert refusal(store, below, "self") == "`self`: Too many levels of symbolic links"


def test_what_is_not_a_regular_file_is_refused(store: BlobStore, out: Path, below: int):
    (out / "folder").mkdir()
    os.mkfifo(out / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(out / "socket"))
    assert refusal(store, below, "folder") == "`folder` is not a regular file"
    assert refusal(store, below, "pipe") == "`pipe` is not a regular file"
    assert refusal(store, below, "socket") == "`socket`: No such device or address"
    assert refusal(store, below, "none") == "`none`: No such file or directory"
    assert refusal(store, below, "x" * 300) == f"`{'x' * 300}`: File name too long"


def test_a_damaged_blob_is_refused_and_healed_by_storing_it_again(store: BlobStore):
    digest = store.put_bytes(b"good").digest
    path = store.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"evil")
    with pytest.raises(BlobError) as caught:
        store.path(digest)
    assert str(caught.value) == (
        f"blob {digest} is damaged: its bytes hash to {digest_of(b'evil')}"
    )
    store.put_bytes(b"good")
    assert store.path(digest).read_bytes() == b"good"


def test_a_missing_blob_is_named(store: BlobStore):
    digest = digest_of(b"nowhere")
    assert not store.has(digest)
    with pytest.raises(BlobError, match=f"no blob {digest}"):
        store.path(digest)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", f"sha256:{'A' * 64}", f"sha256:{'a' * 63}", f"md5:{'a' * 64}", "../x"]
)
def test_what_is_no_digest_is_refused(store: BlobStore, digest: str):
    for look in (store.path, store.has):
        with pytest.raises(BlobError, match="is not a digest"):
            look(digest)
