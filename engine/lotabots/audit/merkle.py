"""Merkle tree hashes and proofs (RFC 6962 section 2.1, verification as in RFC 9162 section 2.1).

A tree is seen through one function, `Hashes`: the hash of the complete subtree of ``2**height``
leaves that starts at leaf ``index * 2**height``. Tiles hold some of them; the rest is hashed up.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Hashes = Callable[[int, int], bytes]

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256().digest()


class ProofError(Exception):
    """A proof does not prove what it claims; the message says which part fails."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf; the prefix keeps leaves and nodes apart."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def subtree(hashes: Sequence[bytes]) -> bytes:
    """The hash over a power of two of neighbouring hashes of one height."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root(size: int, hashes: Hashes) -> bytes:
    """The root of the tree of `size` leaves."""
    return _range(0, size, hashes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(middle, end, hashes))
            end = middle
        else:
            path.append(_range(start, middle, hashes))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, hashes: Hashes) -> list[bytes]:
    """The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves."""
    if not 0 < old <= new:
        raise ProofError(f"no proof from a tree of {old} to a tree of {new}")
    path: list[bytes] = []
    start, end = 0, new
    whole = True  # whether [start, old) is still the complete old tree
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range(middle, end, hashes))
            end = middle
        else:
            path.append(_range(start, middle, hashes))
            start = middle
            whole = False
    if not whole:
        path.append(_range(start, end, hashes))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> None:
    """Check that the leaf hash `leaf` stands at `index` in the tree of `size` with that root.

    Raises:
        ProofError: it is not proved.
    """
    _check_hashes([leaf, expected, *proof])
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size}")
    running = leaf
    for sibling, on_left in _climb(index, size - 1, proof):
        running = node_hash(sibling, running) if on_left else node_hash(running, sibling)
    if running != expected:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `old` leaves and root is a prefix of that of `new`.

    Raises:
        ProofError: it is not proved.
    """
    _check_hashes([old_root, new_root, *proof])
    if old in (0, new):
        trivial = EMPTY_ROOT if old == 0 else new_root
        if proof or old_root != trivial:
            raise ProofError("the consistency proof leads to another root")
        return
    if not 0 < old < new:
        raise ProofError(f"a tree of {old} is no prefix of a tree of {new}")
    # The old root itself starts the path if the old tree is complete, and is left out then.
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("the consistency proof is too short")
    complete = ((old - 1) ^ old).bit_length() - 1  # levels that the old tree has complete
    first = second = path[0]
    for sibling, on_left in _climb((old - 1) >> complete, (new - 1) >> complete, path[1:]):
        if on_left:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
        else:
            second = node_hash(second, sibling)
    if first != old_root or second != new_root:
        raise ProofError("the consistency proof leads to another root")


def _climb(index: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each sibling on the way from node `index` of a row to the root, and whether it is left.

    `last` is the index of the last node of that row.

    Raises:
        ProofError: the way has another length.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        on_left = bool(index & 1) or index == last
        if on_left:
            while index and not index & 1:  # a last node without a sibling moves up as it is
                index, last = index >> 1, last >> 1
        yield sibling, on_left
        index, last = index >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")


def _range(start: int, end: int, hashes: Hashes) -> bytes:
    """MTH(D[start:end]) where `start` is a multiple of the largest power of two below the size."""
    parts: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(hashes(height, start >> height))
        start += 1 << height
    running = parts.pop()
    while parts:
        running = node_hash(parts.pop(), running)
    return running


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes long")
