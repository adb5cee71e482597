"""Offline proofs that an entry is in the log (C2SP tlog-proof, version 1)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from lotabots.audit.note import NoteError, decode_base64, decode_number, open_checkpoint
from lotabots.audit.tiles import hashes_of

if TYPE_CHECKING:
    from lotabots.audit.note import Checkpoint, Verifier
    from lotabots.audit.tiles import Read

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_PATH: Final = 63
"""Most hashes of a proof; a tree of more entries than that takes does not exist."""


class Proof(NamedTuple):
    """The number of an entry, its audit path from the leaf upwards, and the signed checkpoint.

    `extra` is data beside the proof; ours hold the entry itself there, so that one file is enough.
    It is not authenticated: `check` it.
    """

    entry: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    def __str__(self) -> str:
        """The proof in the text form of the specification."""
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        hashes = (base64.b64encode(h).decode() for h in self.path)
        return "\n".join([HEADER, *extra, f"index {self.entry}", *hashes, "", self.note])


def prove(index: int, note: str, verifier: Verifier, read: Read) -> Proof:
    """The proof that entry `index` is in the tree of the checkpoint `note`.

    Raises:
        NoteError: the checkpoint is not signed by `verifier`.
        ProofError: there is no such entry.
        TileError: a tile is missing or damaged.
    """
    size = open_checkpoint(note, verifier).size
    return Proof(index, tuple(inclusion_proof(index, size, hashes_of(size, read))), note)


def check(proof: Proof, entry: bytes, verifier: Verifier) -> Checkpoint:
    """Check that `proof` proves `entry`; the checkpoint that it is proved against.

    Raises:
        NoteError: the checkpoint is not signed by `verifier`.
        ProofError: the entry is not proved.
    """
    head = open_checkpoint(proof.note, verifier)
    verify_inclusion(
        leaf_hash(entry), index=proof.entry, size=head.size, proof=proof.path, expected=head.root
    )
    return head


def parse(text: str) -> Proof:
    """Read a proof in the text form of the specification.

    Raises:
        NoteError: it is malformed.
    """
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != HEADER:
        raise NoteError(f"a proof starts with `{HEADER}`")
    extra = b""
    if len(lines) > 1 and lines[1].startswith("extra "):
        try:
            extra = decode_base64(lines.pop(1).removeprefix("extra "))
        except ValueError as error:
            raise NoteError("the extra data of the proof is not base64") from error
    word, _, number = lines[1].partition(" ") if len(lines) > 1 else ("", "", "")
    hashes = lines[2:]
    said = f"a proof has a line `index N` and at most {MAX_PATH} hashes"
    if word != "index" or len(hashes) > MAX_PATH:
        raise NoteError(said)
    try:
        index = decode_number(number)
    except ValueError as error:
        raise NoteError(said) from error
    try:
        return Proof(index, tuple(decode_base64(line) for line in hashes), note, extra)
    except ValueError as error:
        raise NoteError("a hash of the proof is not base64") from error
