"""Trees and logs for the tests of the audit log.

The hashes and proofs here are RFC 6962 section 2.1 written down word by word, slow and obvious;
they share nothing with the code that they judge.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from lotabots.audit.note import Checkpoint, sign_checkpoint, verifier_of
from lotabots.audit.record import leaf
from lotabots.audit.tiles import Growth, TileError

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = bytes(range(32))
ORIGIN = "example.org/log"
VERIFIER = verifier_of(ORIGIN, SEED)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def audit_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*audit_path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def growth_proof(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF(m, D[n]) and SUBPROOF(m, D[n], b)."""
    n = len(leaves)
    if m == n:
        return [] if whole else [tree_hash(leaves)]
    k = split(n)
    if m <= k:
        return [*growth_proof(m, leaves[:k], whole=whole), tree_hash(leaves[k:])]
    return [*growth_proof(m - k, leaves[k:], whole=False), tree_hash(leaves[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def record(sequence: int) -> bytes:
    """A leaf as the auditor writes it."""
    subject = f"lb.dec.{sequence}"
    return leaf(sequence, NOW, subject=subject, origin="LB_DECISIONS", body=b'{"n":%d}' % sequence)


def records(first: int, last: int) -> list[bytes]:
    """The leaves of a stretch of the stream, both ends included."""
    return [record(sequence) for sequence in range(first, last + 1)]


class Files(dict[str, bytes]):
    """The files of a log, in memory."""

    def __call__(self, path: str) -> bytes:
        """Read one; what the tiles module needs."""
        try:
            return self[path]
        except KeyError:
            raise TileError(f"{path} is missing") from None


def log_of(entries: Sequence[bytes]) -> tuple[str, Files]:
    """The signed checkpoint and the files of a log of these entries, published once."""
    growth = Growth()
    files = Files(growth.append(entries))
    files |= growth.edge()
    return sign_checkpoint(Checkpoint(ORIGIN, growth.size, growth.root()), SEED), files
