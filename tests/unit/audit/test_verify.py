"""Checking a whole log: it finds every kind of damage and names the place."""

from __future__ import annotations

import pytest

from lotabots.audit.merkle import ProofError
from lotabots.audit.note import Checkpoint, NoteError, sign_checkpoint
from lotabots.audit.tiles import TileError
from lotabots.audit.verify import entries_of, verify, verify_since
from transparency import ORIGIN, SEED, VERIFIER, Files, log_of, record, records

ENTRIES = records(1, 600)
NOTE, FILES = log_of(ENTRIES)


def faults(files: Files, note: str = NOTE) -> tuple[str, ...]:
    return verify(note, VERIFIER, files).faults


def changed(path: str, *, at: int, size: int = 600) -> Files:
    """The log with one bit of one file flipped."""
    files = Files(log_of(records(1, size))[1])
    data = bytearray(files[path])
    data[at] ^= 1
    files[path] = bytes(data)
    return files


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_a_whole_log_has_no_faults(size: int):
    note, files = log_of(records(1, size))
    report = verify(note, VERIFIER, files)
    assert (report.entries, report.checkpoint.size, report.faults) == (size, size, ())


def test_all_entries_can_be_read_from_any_number_on():
    assert list(entries_of(600, FILES)) == ENTRIES
    for first in (0, 1, 255, 256, 599, 600):
        assert list(entries_of(600, FILES, first=first)) == ENTRIES[first:]


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"])
def test_a_flipped_bit_in_any_tile_is_found(path: str):
    for at in (0, 40, len(FILES[path]) - 1):
        said = (f"{path} does not hold the hashes of its entries",)
        assert faults(changed(path, at=at)) == said


def test_a_flipped_bit_in_an_entry_is_found_in_its_tiles_and_in_the_root():
    assert faults(changed("tile/entries/000", at=10)) == (
        "tile/0/000 does not hold the hashes of its entries",
        "tile/1/000.p/2 does not hold the hashes of its entries",
        "the entries do not hash to the root of the checkpoint",
    )


def test_a_flipped_bit_in_the_length_of_an_entry_is_found():
    assert faults(changed("tile/entries/001", at=1)) == (
        "tile/entries/001 does not hold exactly 256 entries",
    )


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_missing_file_is_found(path: str):
    files = Files(FILES)
    del files[path]
    assert faults(files) == (f"{path} is missing",)


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_truncated_file_is_found(path: str):
    files = Files(FILES | {path: FILES[path][:-1]})
    assert [line.split(" ")[0] for line in faults(files)] == [path]


def test_a_gap_in_the_sequence_is_found_even_if_everything_is_signed():
    note, files = log_of([*records(1, 300), *records(302, 400)])
    assert faults(files, note) == ("entry 300 has sequence 302, not 301",)


def test_a_repeated_and_a_foreign_entry_are_found():
    note, files = log_of([record(1), record(1), b"hello"])
    assert faults(files, note) == (
        "entry 1 has sequence 1, not 2",
        "entry 2 has sequence -1, not 2",
    )


def test_a_log_rebuilt_with_other_entries_does_not_fit_its_checkpoint():
    others = log_of([*records(1, 599), record(600).replace(b'"n":600', b'"n":601')])[1]
    assert faults(others) == ("the entries do not hash to the root of the checkpoint",)


def test_a_forged_checkpoint_is_refused():
    forged = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), bytes(32))
    with pytest.raises(NoteError, match="not signed by"):
        verify(forged, VERIFIER, FILES)
    with pytest.raises(NoteError, match="is wrong"):
        verify(NOTE.replace("\n600\n", "\n599\n"), VERIFIER, FILES)


def test_an_older_checkpoint_verifies_alone_but_not_against_a_newer_one():
    """Going back in time shows only to those who kept a checkpoint: hence `--since`."""
    older = log_of(ENTRIES[:500])[0]
    files = Files(FILES | log_of(ENTRIES[:500])[1])
    assert faults(files, older) == ()
    assert verify_since(older, NOTE, VERIFIER, files).size == 500
    with pytest.raises(ProofError, match="a tree of 600 is no prefix of a tree of 500"):
        verify_since(NOTE, older, VERIFIER, files)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 599, 600])
def test_a_log_extends_all_its_past(size: int):
    assert verify_since(log_of(ENTRIES[:size])[0], NOTE, VERIFIER, FILES).size == size


@pytest.mark.parametrize("size", [1, 256, 500, 600])
def test_a_log_with_another_past_is_found(size: int):
    other = log_of([record(1).replace(b"LB_", b"XX_"), *ENTRIES[1:size]])[0]
    with pytest.raises(ProofError, match="the consistency proof leads to another root"):
        verify_since(other, NOTE, VERIFIER, FILES)


def test_an_empty_log_has_one_root_only():
    empty = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), SEED)
    assert faults(Files(), empty) == ("the entries do not hash to the root of the checkpoint",)
    with pytest.raises(ProofError, match="leads to another root"):
        verify_since(empty, NOTE, VERIFIER, FILES)


def test_a_missing_tile_is_named_when_the_past_is_checked():
    files = Files(FILES)
    del files["tile/0/001"]
    with pytest.raises(TileError, match="tile/0/001 is missing"):
        verify_since(log_of(ENTRIES[:300])[0], NOTE, VERIFIER, files)
