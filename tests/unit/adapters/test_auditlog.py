"""The audit log on disk: it continues where its checkpoint ends, whatever happened in between."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.files.auditlog import (
    CHECKPOINT,
    KEY,
    ORIGIN,
    AuditLogError,
    AuditWriter,
    load_seed,
    read_checkpoint,
    reader,
)
from lotabots.audit.note import open_checkpoint, parse_verifier, verifier_of
from lotabots.audit.tiles import TileError
from lotabots.audit.verify import entries_of, verify, verify_since
from transparency import SEED, record, records

if TYPE_CHECKING:
    from collections.abc import Iterator

SOAK = os.environ.get("LOTABOTS_SOAK") == "1"
KILLS = 500 if SOAK else 20
VERIFIER = verifier_of(ORIGIN, SEED)

WRITER = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from lotabots.adapters.files.auditlog import AuditWriter
from transparency import SEED, records

draw = random.Random(int(sys.argv[3]))
with AuditWriter(Path(sys.argv[1]), SEED) as writer:
    print(writer.size, flush=True)
    while True:
        for _ in range(draw.choice([1, 1, 2])):
            first = writer.last_sequence + 1
            writer.append(records(first, first + draw.choice([0, 1, 40, 255, 256, 700])))
        writer.publish()
        print(writer.size, flush=True)
"""


def is_whole(folder: Path) -> int:
    """Check the log; how many entries it has, each sequence once and in order."""
    report = verify(read_checkpoint(folder), VERIFIER, reader(folder))
    assert report.faults == ()
    return report.entries


def write(folder: Path, first: int, last: int) -> None:
    with AuditWriter(folder, SEED) as writer:
        writer.append(records(first, last))
        writer.publish()


def test_a_new_log_is_empty_signed_and_says_its_key(tmp_path: Path):
    with AuditWriter(tmp_path / "a/b", SEED) as writer:
        assert (writer.size, writer.last_sequence) == (0, 0)
    assert is_whole(tmp_path / "a/b") == 0
    assert parse_verifier((tmp_path / "a/b" / KEY).read_text()) == VERIFIER


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 700])
def test_a_log_continues_at_any_size(tmp_path: Path, size: int):
    write(tmp_path, 1, size)
    with AuditWriter(tmp_path, SEED) as writer:
        assert (writer.size, writer.last_sequence) == (size, size)
        writer.append(records(size + 1, size + 300))
        writer.publish()
    assert list(entries_of(size + 300, reader(tmp_path))) == records(1, size + 300)
    assert is_whole(tmp_path) == size + 300


def test_a_log_of_more_than_one_upper_tile_continues(tmp_path: Path):
    write(tmp_path, 1, 65_536)
    write(tmp_path, 65_537, 65_800)
    assert is_whole(tmp_path) == 65_800


def test_what_was_not_published_is_not_in_the_log(tmp_path: Path):
    with AuditWriter(tmp_path, SEED) as writer:
        writer.append(records(1, 10))
        writer.publish()
        writer.append(records(11, 600))
    assert is_whole(tmp_path) == 10
    write(tmp_path, 11, 20)
    assert is_whole(tmp_path) == 20


def test_partial_files_are_cut_from_full_ones_that_a_crash_left(tmp_path: Path):
    with AuditWriter(tmp_path, SEED) as writer:
        writer.append(records(1, 200))
        writer.publish()
        old = read_checkpoint(tmp_path)
        writer.append(records(201, 300))
        writer.publish()
    assert not (tmp_path / "tile/0/000.p").exists()
    assert not (tmp_path / "tile/entries/000.p").exists()
    (tmp_path / CHECKPOINT).write_text(old)
    assert is_whole(tmp_path) == 200
    write(tmp_path, 201, 210)
    assert is_whole(tmp_path) == 210


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path):
    with AuditWriter(tmp_path, SEED) as writer:
        writer.append(records(1, 3))
        for _ in range(2):
            with pytest.raises(AuditLogError, match="another process writes"), other(tmp_path):
                pass
        writer.publish()
    with other(tmp_path) as again:
        assert again.size == 3


def other(folder: Path) -> AuditWriter:
    return AuditWriter(folder, SEED)


@pytest.mark.parametrize("wrong", [[1, 2, 4], [2], [0], [1, 1], [-1]])
def test_a_gap_is_refused_and_nothing_of_its_batch_is_kept(tmp_path: Path, wrong: list[int]):
    with AuditWriter(tmp_path, SEED) as writer:
        with pytest.raises(ValueError, match="gaps and oversized entries are refused"):
            writer.append([record(n) for n in wrong])
        assert (writer.size, writer.last_sequence) == (0, 0)
        writer.append(records(1, 2))
        writer.publish()
    assert is_whole(tmp_path) == 2


def test_an_oversized_entry_is_refused(tmp_path: Path):
    with AuditWriter(tmp_path, SEED) as writer, pytest.raises(ValueError, match="oversized"):
        writer.append([b'{"seq":1,"x":"%s"}' % (b"x" * 65_535)])


def test_a_failed_write_changes_nothing_and_may_be_tried_again(tmp_path: Path):
    write(tmp_path, 1, 10)
    with AuditWriter(tmp_path, SEED) as writer:
        writer.append(records(11, 300))
        shutil.move(tmp_path / "tile", tmp_path / "away")
        (tmp_path / "tile").write_text("in the way")
        with pytest.raises(OSError, match="tile"):
            writer.publish()
        (tmp_path / "tile").unlink()
        shutil.move(tmp_path / "away", tmp_path / "tile")
        assert is_whole(tmp_path) == 10
        writer.append(records(301, 301))
        writer.publish()
    assert is_whole(tmp_path) == 301


def test_another_key_is_refused_and_leaves_the_log_as_it_is(tmp_path: Path):
    write(tmp_path, 1, 10)
    for _ in range(2):
        with (
            pytest.raises(AuditLogError, match="the checkpoint is not signed by"),
            AuditWriter(tmp_path, bytes(32)),
        ):
            pass
    assert parse_verifier((tmp_path / KEY).read_text()) == VERIFIER
    write(tmp_path, 11, 12)
    assert is_whole(tmp_path) == 12


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_a_damaged_edge_is_refused(tmp_path: Path, path: str):
    write(tmp_path, 1, 300)
    data = (tmp_path / path).read_bytes()
    (tmp_path / path).write_bytes(data[:-1])
    with pytest.raises(AuditLogError, match="the audit log is damaged"), other(tmp_path):
        pass
    if "entries" not in path:
        (tmp_path / path).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(AuditLogError, match="do not hash to the root"), other(tmp_path):
            pass


@pytest.mark.parametrize("text", ["", "nonsense", "\r\n"])
def test_a_malformed_checkpoint_is_refused(tmp_path: Path, text: str):
    write(tmp_path, 1, 3)
    (tmp_path / CHECKPOINT).write_text(text)
    with pytest.raises(AuditLogError, match="the audit log is damaged"), other(tmp_path):
        pass


def test_a_checkpoint_that_is_missing_or_not_text_is_refused_to_readers(tmp_path: Path):
    with pytest.raises(AuditLogError, match="no audit log in"):
        read_checkpoint(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"\xff")
    with pytest.raises(AuditLogError, match="is not UTF-8"):
        read_checkpoint(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "tile/0/000").mkdir(parents=True)
    read = reader(tmp_path)
    with pytest.raises(TileError, match="tile/0/000: Is a directory"):
        read("tile/0/000")
    with pytest.raises(TileError, match=r"tile/0/001.p/3 is missing"):
        read("tile/0/001.p/3")


def test_a_seed_is_made_once_for_its_owner_only(tmp_path: Path):
    seed = load_seed(tmp_path / "keys/audit.key")
    assert load_seed(tmp_path / "keys/audit.key") == seed
    assert len(seed) == 32
    assert (tmp_path / "keys/audit.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys/audit.key").write_bytes(seed[:31])
    with pytest.raises(AuditLogError, match="is not a signing key: 31 bytes, not 32"):
        load_seed(tmp_path / "keys/audit.key")


def killed(folder: Path, draw: random.Random) -> Iterator[int]:
    """Run a writer and kill it at a random moment; the sizes it says it has published."""
    arguments = [str(folder), str(Path(__file__).parents[2]), str(draw.getrandbits(32))]
    command = [sys.executable, "-c", WRITER, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(draw.randrange(1, 5)):
            yield int(process.stdout.readline())
        for _ in range(draw.randrange(60_000)):
            pass  # not a sleep: the writer goes on beside us, and is hit somewhere in its work
        process.kill()
        yield from map(int, process.stdout.read().splitlines(keepends=False))


def test_a_killed_writer_leaves_a_whole_log_with_all_it_published(tmp_path: Path):
    draw = random.Random(20260301)  # noqa: S311 - repeatable, not secret
    folder, size, between = tmp_path / "log", 0, 0
    older = ""
    for _ in range(KILLS):
        said = list(killed(folder, draw))
        assert said[0] == size  # it continues exactly where the log ended
        size = is_whole(folder)
        assert size >= said[-1]
        between += size > said[-1]
        if older:
            verify_since(older, read_checkpoint(folder), VERIFIER, reader(folder))
        older = read_checkpoint(folder)
        if size > 60_000:  # keep each check short
            shutil.rmtree(folder)
            size, older = 0, ""
    if size:
        assert list(entries_of(size, reader(folder))) == records(1, size)
    assert open_checkpoint(read_checkpoint(folder), VERIFIER).size == size
