"""The tree of the audit log against RFC 6962 written down word by word, at all kinds of sizes."""

from __future__ import annotations

import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lotabots.audit.merkle import (
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from lotabots.audit.tiles import Growth, hashes_of
from transparency import Files, audit_path, growth_proof, log_of, tree_hash

# Where the shape changes: powers of two, and the edges of tiles and of tiles of tiles.
EDGES = [0, 1, 2, 3, 4, 255, 256, 257, 511, 512, 1023, 1024, 1025, 2048, 2304, 2999, 3000]
LEAVES = [b"%d" % n for n in range(3000)]

sizes = st.sampled_from(EDGES) | st.integers(0, 3000)
some_leaves = sizes.filter(bool)


def flipped(data: bytes, bit: int) -> bytes:
    number = int.from_bytes(data, "big") ^ (1 << bit % (8 * len(data)))
    return number.to_bytes(len(data), "big")


@st.composite
def damaged(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """A proof of 32-byte hashes that is not `proof`."""
    kinds = ["longer"] + ["flipped", "shorter"] * bool(proof) + ["swapped"] * (len(proof) > 1)
    kind = draw(st.sampled_from(kinds))
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    if kind == "longer":
        return [*proof[:at], os.urandom(32), *proof[at:]]
    if kind == "flipped":
        return [*proof[:at], flipped(proof[at], draw(st.integers(0, 255))), *proof[at + 1 :]]
    if kind == "shorter":
        return proof[:at] + proof[at + 1 :]
    first = draw(st.integers(0, len(proof) - 2))
    return [*proof[:first], proof[first + 1], proof[first], *proof[first + 2 :]]


@given(sizes)
def test_the_root_over_tiles_and_the_root_of_the_edge_are_that_of_the_rfc(size: int):
    _, files = log_of(LEAVES[:size])
    growth = Growth()
    growth.append(LEAVES[:size])
    assert root(size, hashes_of(size, files)) == growth.root() == tree_hash(LEAVES[:size])


@given(st.lists(st.integers(0, 600), max_size=8))
def test_a_log_is_the_same_in_one_piece_and_in_many_with_a_restart_between(parts: list[int]):
    size = min(sum(parts), len(LEAVES))
    files, growth, at = Files(), Growth(), 0
    for part in parts:
        files |= growth.append(LEAVES[at : at + part])
        at = min(at + part, len(LEAVES))
        files |= growth.edge()
        growth = Growth.resume(at, files)
    whole = log_of(LEAVES[:size])[1]
    assert growth.root() == tree_hash(LEAVES[:size])
    assert {path: files[path] for path in whole} == whole


@given(some_leaves, st.data())
def test_every_entry_has_the_proof_of_the_rfc_and_it_verifies(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, hashes_of(size, log_of(LEAVES[:size])[1]))
    assert proof == audit_path(index, LEAVES[:size])
    expected = tree_hash(LEAVES[:size])
    verify_inclusion(
        leaf_hash(LEAVES[index]), index=index, size=size, proof=proof, expected=expected
    )


@given(some_leaves, st.data())
def test_no_other_proof_leaf_root_or_index_verifies(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    proof = audit_path(index, LEAVES[:size])
    leaf, expected = leaf_hash(LEAVES[index]), tree_hash(LEAVES[:size])
    match data.draw(st.sampled_from(["proof", "leaf", "root", "index"])):
        case "proof":
            proof = data.draw(damaged(proof))
        case "leaf":
            leaf = flipped(leaf, data.draw(st.integers(0, 255)))
        case "root":
            expected = flipped(expected, data.draw(st.integers(0, 255)))
        case _:
            other = data.draw(st.integers(-1, size))
            assume(other != index)
            index = other
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index=index, size=size, proof=proof, expected=expected)


@given(some_leaves, st.data())
def test_a_proof_of_another_length_than_the_size_has_does_not_verify(
    size: int, data: st.DataObject
):
    """The size itself is bound by the signed checkpoint: RFC 6962 paths of equal shape agree."""
    index = data.draw(st.integers(0, size - 1))
    proof = audit_path(index, LEAVES[:size])
    other = data.draw(sizes.filter(lambda n: n <= index or len(path_shape(index, n)) != len(proof)))
    with pytest.raises(ProofError):
        verify_inclusion(
            leaf_hash(LEAVES[index]),
            index=index,
            size=other,
            proof=proof,
            expected=tree_hash(LEAVES[:size]),
        )


@given(some_leaves, st.data())
def test_every_growth_has_the_proof_of_the_rfc_and_it_verifies(new: int, data: st.DataObject):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, hashes_of(new, log_of(LEAVES[:new])[1]))
    assert proof == growth_proof(old, LEAVES[:new])
    verify_consistency(
        old=old,
        new=new,
        old_root=tree_hash(LEAVES[:old]),
        new_root=tree_hash(LEAVES[:new]),
        proof=proof,
    )


@given(some_leaves, st.data())
def test_no_other_growth_verifies(new: int, data: st.DataObject):
    old = data.draw(st.integers(1, new))
    proof = growth_proof(old, LEAVES[:new])
    roots = {"old_root": tree_hash(LEAVES[:old]), "new_root": tree_hash(LEAVES[:new])}
    what = data.draw(st.sampled_from(["proof", "old_root", "new_root", "old"]))
    if what == "proof":
        proof = data.draw(damaged(proof))
    elif what == "old":
        old = data.draw(st.integers(new + 1, new + 300))
    else:
        roots[what] = flipped(roots[what], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofError):
        verify_consistency(old=old, new=new, proof=proof, **roots)


def path_shape(index: int, size: int) -> list[bool]:
    """On which side each sibling of the path of entry `index` is."""
    sides = []
    start, end = 0, size
    while end - start > 1:
        k = 1
        while k * 2 < end - start:
            k *= 2
        sides.append(index < start + k)
        start, end = (start, start + k) if sides[-1] else (start + k, end)
    return sides
