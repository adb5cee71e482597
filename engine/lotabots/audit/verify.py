"""Check a whole log: every entry against the signed root, every tile, the records for gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.audit.merkle import consistency_proof, verify_consistency
from lotabots.audit.note import open_checkpoint
from lotabots.audit.record import sequence_of
from lotabots.audit.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    Growth,
    TileError,
    hashes_of,
    read_bundle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lotabots.audit.note import Checkpoint, Verifier
    from lotabots.audit.tiles import Read


class Report(NamedTuple):
    """What was checked. `faults` is empty for a log that is whole and unchanged."""

    checkpoint: Checkpoint
    entries: int
    faults: tuple[str, ...]


def verify(note: str, verifier: Verifier, read: Read) -> Report:
    """Build the tree again from the entries; compare tiles and root; look for gaps.

    Raises:
        NoteError: the checkpoint is not signed by `verifier`.
    """
    head = open_checkpoint(note, verifier)
    faults: list[str] = []
    growth = Growth()
    last = 0
    try:
        for entries in _bundles(head.size, read):
            first = growth.size
            faults += _changed(growth.append(entries), read)
            faults += _gaps(entries, first, last)
            last = sequence_of(entries[-1])
    except TileError as error:  # the tree cannot be built any further
        return Report(head, growth.size, (*faults, str(error)))
    faults += _changed(growth.edge(), read)
    if growth.root() != head.root:
        faults.append("the entries do not hash to the root of the checkpoint")
    return Report(head, growth.size, tuple(faults))


def verify_since(older: str, newer: str, verifier: Verifier, read: Read) -> Checkpoint:
    """Check that the log of checkpoint `newer` only adds to that of `older`; the latter's head.

    Raises:
        NoteError: one of the checkpoints is not signed by `verifier`.
        ProofError: entries that `older` covers were changed or removed since.
        TileError: a tile is missing or damaged.
    """
    old, new = open_checkpoint(older, verifier), open_checkpoint(newer, verifier)
    proof: Sequence[bytes] = ()
    if 0 < old.size < new.size:
        proof = consistency_proof(old.size, new.size, hashes_of(new.size, read))
    verify_consistency(
        old=old.size, new=new.size, old_root=old.root, new_root=new.root, proof=proof
    )
    return old


def entries_of(size: int, read: Read, *, first: int = 0) -> Iterator[bytes]:
    """The entries of the tree of `size` leaves from number `first`, in order.

    Raises:
        TileError: a bundle is missing or damaged.
    """
    start = first >> HEIGHT
    for index, entries in enumerate(_bundles(size, read, start=start), start=start):
        yield from entries[max(0, first - index * WIDTH) :]


def _bundles(size: int, read: Read, *, start: int = 0) -> Iterator[list[bytes]]:
    for index in range(start, -(-size // WIDTH)):
        width = min(WIDTH, size - (index << HEIGHT))
        yield read_bundle(read, index, width)


def _changed(expected: Mapping[str, bytes], read: Read) -> Iterator[str]:
    """What is wrong with the tiles among these files; the bundles are where they came from."""
    for path, data in expected.items():
        if path.startswith(ENTRIES):
            continue
        try:
            if read(path) != data:
                yield f"{path} does not hold the hashes of its entries"
        except TileError as error:
            yield str(error)


def _gaps(entries: Sequence[bytes], first: int, last: int) -> Iterator[str]:
    """What is wrong with the sequence numbers of entries from number `first` on."""
    for number, entry in enumerate(entries, start=first):
        sequence = sequence_of(entry)
        if sequence != last + 1:
            yield f"entry {number} has sequence {sequence}, not {last + 1}"
        last = sequence
