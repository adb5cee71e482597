"""Check a whole log: every entry against the signed root, and the records for gaps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lotabots.audit.merkle import EMPTY_ROOT, leaf_hash
from lotabots.audit.note import open_checkpoint
from lotabots.audit.tiles import HEIGHT, WIDTH, Growth, TileError, read_bundle, read_tile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.audit.note import Checkpoint, Verifier
    from lotabots.audit.tiles import Read


class Report(NamedTuple):
    """What was checked. `faults` is empty for a log that is whole and unchanged."""

    checkpoint: Checkpoint
    entries: int
    faults: tuple[str, ...]


def verify(note: str, verifier: Verifier, read: Read) -> Report:
    """Hash every entry again and compare with tiles and root; look for gaps in the sequence.

    Raises:
        NoteError: the checkpoint is not signed by `verifier`.
    """
    head = open_checkpoint(note, verifier)
    faults: list[str] = []
    growth = Growth()
    last = 0
    try:
        for index, entries in enumerate(_bundles(head.size, read)):
            width = min(WIDTH, head.size - index * WIDTH)
            if read_tile(read, 0, index, width) != [leaf_hash(entry) for entry in entries]:
                faults.append(f"entries {index * WIDTH} and following do not hash to their tile")
            growth.append(entries)
            for number, entry in enumerate(entries, start=index * WIDTH):
                sequence = sequence_of(entry)
                if sequence != last + 1:
                    faults.append(f"entry {number} has sequence {sequence}, not {last + 1}")
                last = sequence
    except TileError as error:
        faults.append(str(error))
    if not faults and (growth.root() if head.size else EMPTY_ROOT) != head.root:
        faults.append("the entries do not hash to the root of the checkpoint")
    return Report(head, growth.size, tuple(faults))


def entries_of(size: int, read: Read) -> Iterator[bytes]:
    """All entries of the tree of `size` leaves, in order.

    Raises:
        TileError: a bundle is missing or damaged.
    """
    for entries in _bundles(size, read):
        yield from entries


def sequence_of(entry: bytes) -> int:
    """The sequence number that a record carries; -1 if it is not one of ours."""
    try:
        number = json.loads(entry)["seq"]
    except (ValueError, KeyError, TypeError):
        return -1
    return number if isinstance(number, int) else -1


def _bundles(size: int, read: Read) -> Iterator[list[bytes]]:
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - (index << HEIGHT))
        yield read_bundle(read, index, width)
