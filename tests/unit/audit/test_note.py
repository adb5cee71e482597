"""Signed notes and checkpoints: what is read, and every way in which one is refused."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from nacl.signing import SigningKey

from lotabots.audit.note import (
    MAX_NOTE,
    Checkpoint,
    NoteError,
    Verifier,
    open_checkpoint,
    parse_verifier,
    sign_checkpoint,
    verifier_of,
)
from transparency import ORIGIN, SEED, VERIFIER

HEAD = Checkpoint(ORIGIN, 12, sha256(b"root").digest())
NOTE = sign_checkpoint(HEAD, SEED)
TEXT, _, SIGNATURE = NOTE.rpartition("\n\n")
OTHER_SEED = bytes(32)


def signed(text: str) -> str:
    """`text` as a note with a good signature, whatever it says."""
    signature = SigningKey(SEED).sign(text.encode()).signature
    named = base64.b64decode(str(VERIFIER).split("+", 2)[2])
    key_id = sha256(ORIGIN.encode() + b"\n" + named).digest()[:4]
    return f"{text}\n\N{EM DASH} {ORIGIN} {base64.b64encode(key_id + signature).decode()}\n"


def refusal(note: str, verifier: Verifier = VERIFIER) -> str:
    with pytest.raises(NoteError) as caught:
        open_checkpoint(note, verifier)
    return str(caught.value)


def test_a_checkpoint_is_three_lines_and_a_signature_line():
    root = base64.b64encode(HEAD.root).decode()
    assert NOTE.startswith(f"{ORIGIN}\n12\n{root}\n\n\N{EM DASH} {ORIGIN} ")
    assert open_checkpoint(NOTE, VERIFIER) == HEAD


def test_a_note_signed_by_hand_is_the_one_that_is_made():
    assert signed(TEXT + "\n") == NOTE


def test_lines_after_the_root_are_allowed():
    assert open_checkpoint(signed(f"{TEXT}\nextension\n"), VERIFIER) == HEAD


def test_signatures_of_unknown_keys_do_not_matter():
    other = sign_checkpoint(HEAD._replace(origin="witness.example"), OTHER_SEED)
    line = other.rpartition("\n\n")[2]
    assert open_checkpoint(f"{TEXT}\n\n{line}{SIGNATURE}", VERIFIER) == HEAD


def test_another_key_of_the_same_name_is_unknown():
    other = verifier_of(ORIGIN, OTHER_SEED)
    assert refusal(NOTE, other) == f"the checkpoint is not signed by `{ORIGIN}`"


def test_the_same_key_under_another_name_is_unknown():
    other = verifier_of("example.org/else", SEED)
    assert refusal(NOTE, other) == "the checkpoint is not signed by `example.org/else`"


@pytest.mark.parametrize("size", ["13", "012", "-1", "1_2", "٣", "", "9" * 20, "1" * 5000])
def test_a_changed_text_is_refused_by_its_signature_before_it_is_read(size: str):
    assert refusal(NOTE.replace("\n12\n", f"\n{size}\n")) == f"the signature of `{ORIGIN}` is wrong"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ORIGIN}\n012\nAAAA\n", "`012` is not a tree size"),
        (f"{ORIGIN}\n-1\nAAAA\n", "`-1` is not a tree size"),
        (f"{ORIGIN}\n\nAAAA\n", "`` is not a tree size"),
        (f"{ORIGIN}\n٣\nAAAA\n", "`٣` is not a tree size"),
        (f"{ORIGIN}\n{'9' * 20}\nAAAA\n", f"`{'9' * 20}` is not a tree size"),
        (f"{ORIGIN}\n{'1' * 5000}\nAAAA\n", f"`{'1' * 32}` is not a tree size"),
        (f"{ORIGIN}\n12\nAAAA\n", "the root is not 32 bytes long"),
        (f"{ORIGIN}\n12\nAAA\n", "the root is not base64"),
        (f"{ORIGIN}\n12\nAB==\n", "the root is not base64"),
        (f"{ORIGIN}\n12\nÄÄÄÄ\n", "the root is not base64"),
        (f"{ORIGIN}\n12\n", "a checkpoint has an origin, a size and a root"),
        ("\n12\nAAAA\n", "a checkpoint has an origin, a size and a root"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str, message: str):
    assert refusal(signed(text)) == message


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ("", "the note has no signatures"),
        (TEXT + "\n", "the note has no signatures"),
        (NOTE[:-1], "the note has no signatures"),
        (NOTE[:-10] + "\n", f"the signature of `{ORIGIN}` is not base64"),
        (NOTE[:-10] + "é\n", f"the signature of `{ORIGIN}` is not base64"),
        (TEXT + "\n\nhello\n", "a signature line is `\N{EM DASH} name base64`"),
        (TEXT + "\n\n\N{EM DASH} name\n", "a signature line is `\N{EM DASH} name base64`"),
        (TEXT + "\n\n\N{EM DASH}  AAAA\n", "a signature line is `\N{EM DASH} name base64`"),
        (NOTE.replace("\n", "\r\n"), "the note has control characters"),
        (NOTE.replace("12", "12\0"), "the note has control characters"),
        ("x" * (MAX_NOTE + 1), f"the note is longer than {MAX_NOTE} characters"),
    ],
)
def test_a_malformed_note_is_refused(note: str, message: str):
    assert refusal(note) == message


@pytest.mark.parametrize("kept", [0, 3, 4, 5, 40, 67])
def test_a_short_signature_is_refused(kept: int):
    name, encoded = SIGNATURE.removesuffix("\n").rsplit(" ", 1)
    short = base64.b64encode(base64.b64decode(encoded)[:kept]).decode()
    said = refusal(f"{TEXT}\n\n{name} {short}\n")
    unknown = f"the checkpoint is not signed by `{ORIGIN}`"
    assert said == (f"the signature of `{ORIGIN}` is wrong" if kept >= 4 else unknown)


def test_every_flipped_bit_of_the_signature_is_seen():
    name, encoded = SIGNATURE.removesuffix("\n").rsplit(" ", 1)
    data = base64.b64decode(encoded)
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        assert refusal(f"{TEXT}\n\n{name} {base64.b64encode(wrong).decode()}\n") in (
            f"the signature of `{ORIGIN}` is wrong",
            f"the checkpoint is not signed by `{ORIGIN}`",
        )


def test_a_key_is_written_and_read():
    assert parse_verifier(f" {VERIFIER}\n") == VERIFIER


def of(name: str, algorithm: bytes, key: bytes) -> str:
    hashed = sha256(name.encode() + b"\n" + algorithm + key).hexdigest()[:8]
    return f"{name}+{hashed}+{base64.b64encode(algorithm + key).decode()}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a verifier key is `name+hash+base64`"),
        ("name+00000000", "a verifier key is `name+hash+base64`"),
        ("name+00000000+A", "a verifier key is `name+hash+base64`"),
        ("name+00000000+é", "a verifier key is `name+hash+base64`"),
        (of("name", b"\4", bytes(32)), "the key of `name` is not an Ed25519 key"),
        (of("name", b"\1", bytes(31)), "the key of `name` is not an Ed25519 key"),
        (of("", b"\1", bytes(32)), "the name of a key has no spaces and is not empty"),
        (of("a b", b"\1", bytes(32)), "the name of a key has no spaces and is not empty"),
        (
            str(VERIFIER).replace(ORIGIN, "other"),
            "the hash in the key of `other` is not that of the key",
        ),
    ],
)
def test_a_malformed_key_is_refused(text: str, message: str):
    with pytest.raises(NoteError) as caught:
        parse_verifier(text)
    assert str(caught.value) == message
