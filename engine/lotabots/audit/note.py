"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), with Ed25519 keys."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from lotabots.audit.merkle import HASH_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

ED25519: Final = b"\1"
MAX_NOTE: Final = 64 * 1024
MAX_DIGITS: Final = 19
"""Most digits of a tree size or an index: any of them fits into 64 bits."""

_DASH: Final = "\N{EM DASH} "
_HEAD_LINES: Final = 3
_NEWLINE, _SPACE = "\n", " "


class NoteError(Exception):
    """A note, checkpoint or key is malformed, or is not signed by the key it should be."""


class Verifier(NamedTuple):
    """A named public key."""

    name: str
    key: bytes

    def __str__(self) -> str:
        """The key in the text form of signed-note: ``name+hash+base64``."""
        encoded = base64.b64encode(ED25519 + self.key).decode()
        return f"{self.name}+{key_hash(self).hex()}+{encoded}"


class Checkpoint(NamedTuple):
    """A tree head: whose log, how many entries, which root."""

    origin: str
    size: int
    root: bytes


def key_hash(verifier: Verifier) -> bytes:
    """The four bytes by which a signature line names its key."""
    return sha256(verifier.name.encode() + b"\n" + ED25519 + verifier.key).digest()[:4]


def verifier_of(name: str, seed: bytes) -> Verifier:
    """The public half of the signing key `seed`."""
    return Verifier(name, bytes(SigningKey(seed).verify_key))


def parse_verifier(text: str) -> Verifier:
    """Read a key in the text form of signed-note.

    Raises:
        NoteError: it is malformed, of another algorithm, or its hash is not its own.
    """
    parts = text.strip().split("+", 2)
    try:
        name, hashed, encoded = parts
        key = decode_base64(encoded)
    except ValueError as error:
        raise NoteError("a verifier key is `name+hash+base64`") from error
    if not name or any(c.isspace() for c in name):
        raise NoteError("the name of a key has no spaces and is not empty")
    if key[:1] != ED25519 or len(key) != 1 + HASH_SIZE:
        raise NoteError(f"the key of `{name}` is not an Ed25519 key")
    verifier = Verifier(name, key[1:])
    if key_hash(verifier).hex() != hashed:
        raise NoteError(f"the hash in the key of `{name}` is not that of the key")
    return verifier


def sign_checkpoint(checkpoint: Checkpoint, seed: bytes) -> str:
    """The checkpoint as a note signed with the key `seed`, whose name is the origin."""
    root = base64.b64encode(checkpoint.root).decode()
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"
    signature = SigningKey(seed).sign(text.encode()).signature
    hashed = key_hash(verifier_of(checkpoint.origin, seed))
    return f"{text}\n{_DASH}{checkpoint.origin} {base64.b64encode(hashed + signature).decode()}\n"


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint in `note`, if `verifier` signed it.

    Signatures by other keys are allowed and not looked at, as the specification demands.

    Raises:
        NoteError: it is malformed, or not signed by that key.
    """
    text, signatures = _split(note)
    wanted = key_hash(verifier)
    for name, signature in signatures:
        if name == verifier.name and signature[:4] == wanted:
            try:
                VerifyKey(verifier.key).verify(text.encode(), signature[4:])
            except (BadSignatureError, ValueError) as error:
                raise NoteError(f"the signature of `{name}` is wrong") from error
            return _parse(text)
    raise NoteError(f"the checkpoint is not signed by `{verifier.name}`")


def decode_base64(text: str) -> bytes:
    """The bytes that `text` stands for, if it is the one way to write them.

    Raises:
        ValueError: it is not.
    """
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def decode_number(text: str) -> int:
    """The number from 0 that `text` is, in decimal digits without leading zeroes.

    Raises:
        ValueError: it is not.
    """
    plain = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    if not plain or (text[0] == "0" and text != "0"):
        raise ValueError("not a number")
    return int(text)


def _split(note: str) -> tuple[str, Sequence[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE:
        raise NoteError(f"the note is longer than {MAX_NOTE} characters")
    if any(c < _SPACE and c != _NEWLINE for c in note):
        raise NoteError("the note has control characters")
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteError("the note has no signatures")
    return text + "\n", [_signature(line) for line in lines[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not name:
        raise NoteError("a signature line is `\N{EM DASH} name base64`")
    try:
        return name, decode_base64(encoded)
    except ValueError as error:
        raise NoteError(f"the signature of `{name}` is not base64") from error


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < _HEAD_LINES + 1 or not lines[0]:
        raise NoteError("a checkpoint has an origin, a size and a root")
    origin, size, root = lines[:_HEAD_LINES]
    try:
        count = decode_number(size)
    except ValueError as error:
        raise NoteError(f"`{size[:32]}` is not a tree size") from error
    try:
        hashed = decode_base64(root)
    except ValueError as error:
        raise NoteError("the root is not base64") from error
    if len(hashed) != HASH_SIZE:
        raise NoteError(f"the root is not {HASH_SIZE} bytes long")
    return Checkpoint(origin, count, hashed)
