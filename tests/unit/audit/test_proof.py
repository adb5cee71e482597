"""Offline proofs: their text form, and what does not prove anything."""

from __future__ import annotations

import pytest

from lotabots.audit.merkle import ProofError
from lotabots.audit.note import NoteError, sign_checkpoint, verifier_of
from lotabots.audit.proof import HEADER, Proof, check, parse, prove
from transparency import ORIGIN, VERIFIER, log_of, records

ENTRIES = records(1, 700)
NOTE, FILES = log_of(ENTRIES)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 698, 699])
def test_a_proof_goes_through_its_text_and_proves_its_entry_alone(index: int):
    proof = prove(index, NOTE, VERIFIER, FILES)
    again = parse(str(proof))
    assert again == proof
    assert check(again, ENTRIES[index], VERIFIER).size == 700
    with pytest.raises(ProofError, match="the inclusion proof leads to another root"):
        check(again, ENTRIES[index - 1], VERIFIER)


def test_a_proof_in_a_log_of_one_entry_has_no_hashes():
    note, files = log_of(ENTRIES[:1])
    proof = prove(0, note, VERIFIER, files)
    assert str(proof) == f"{HEADER}\nindex 0\n\n{note}"
    assert check(parse(str(proof)), ENTRIES[0], VERIFIER).size == 1


def test_extra_data_goes_along_and_proves_nothing():
    proof = prove(3, NOTE, VERIFIER, FILES)._replace(extra=b"beside")
    assert parse(str(proof)) == proof
    assert check(proof, ENTRIES[3], VERIFIER).size == 700
    with pytest.raises(ProofError):
        check(proof, proof.extra, VERIFIER)


def test_there_is_no_proof_of_an_entry_beyond_the_checkpoint():
    with pytest.raises(ProofError, match="entry 700 is not in a tree of 700"):
        prove(700, NOTE, VERIFIER, FILES)


def test_a_proof_needs_the_key_that_signed_the_checkpoint():
    proof = prove(3, NOTE, VERIFIER, FILES)
    with pytest.raises(NoteError, match="not signed by"):
        check(proof, ENTRIES[3], verifier_of(ORIGIN, bytes(32)))


def test_a_checkpoint_of_another_log_does_not_prove_the_entry():
    other = sign_checkpoint(check(prove(3, NOTE, VERIFIER, FILES), ENTRIES[3], VERIFIER), bytes(32))
    proof = prove(3, NOTE, VERIFIER, FILES)._replace(note=other)
    with pytest.raises(NoteError, match="not signed by"):
        check(proof, ENTRIES[3], VERIFIER)


GOOD = str(Proof(7, (bytes(32), bytes(32)), NOTE))
HASH = GOOD.split("\n")[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"a proof starts with `{HEADER}`"),
        (HEADER, f"a proof starts with `{HEADER}`"),
        (GOOD.replace("v1", "v2", 1), f"a proof starts with `{HEADER}`"),
        (f"{HEADER}\n\n{NOTE}", "a proof has a line `index N` and at most 63 hashes"),
        (GOOD.replace("index 7", "index"), "a proof has a line `index N` and at most 63 hashes"),
        (GOOD.replace("index 7", "7"), "a proof has a line `index N` and at most 63 hashes"),
        (GOOD.replace("index 7", "index 07"), "a proof has a line `index N` and at most 63 hashes"),
        (GOOD.replace("index 7", "index -7"), "a proof has a line `index N` and at most 63 hashes"),
        (GOOD.replace("index 7", "index ²"), "a proof has a line `index N` and at most 63 hashes"),
        (
            GOOD.replace("index 7", f"index {'7' * 5000}"),
            "a proof has a line `index N` and at most 63 hashes",
        ),
        (
            GOOD.replace(HASH, "\n".join([HASH] * 32)),
            "a proof has a line `index N` and at most 63 hashes",
        ),
        (GOOD.replace(HASH, HASH[:-1], 1), "a hash of the proof is not base64"),
        (GOOD.replace(HASH, HASH[:-2] + "B=", 1), "a hash of the proof is not base64"),
        (GOOD.replace("index", "extra A\nindex"), "the extra data of the proof is not base64"),
        (GOOD.replace(HASH, "é", 1), "a hash of the proof is not base64"),
    ],
)
def test_a_malformed_proof_is_refused(text: str, message: str):
    with pytest.raises(NoteError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_proof_may_have_sixty_three_hashes():
    assert len(parse(str(Proof(7, (bytes(32),) * 63, NOTE))).path) == 63


def test_a_hash_of_another_length_proves_nothing():
    proof = parse(GOOD.replace(HASH, "AAAA", 1))
    with pytest.raises(ProofError, match="a hash is not 32 bytes long"):
        check(proof, ENTRIES[7], VERIFIER)
