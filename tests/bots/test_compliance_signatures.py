"""ComplianceBot's own check of signatures against the RFC's vectors and another implementation."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from executor.workshop import ROOT

if TYPE_CHECKING:
    from types import ModuleType


def load() -> ModuleType:
    """The bot's module; it imports nothing else of the bot."""
    path = ROOT / "bots/compliance/ed25519.py"
    spec = importlib.util.spec_from_file_location("compliance_ed25519", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify = load().verify

# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard_hold(key: str, message: str, signature: str):
    assert verify(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
def test_it_agrees_with_another_implementation(seed: bytes, message: bytes, bit: int):
    signer = SigningKey(seed)
    signed = signer.sign(message).signature
    key = bytes(signer.verify_key)
    assert verify(key, message, signed)
    changed = bytearray(signed)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key, message, bytes(changed))
    assert not verify(key, message + b"x", signed)


def test_what_only_looks_like_a_signature_is_none():
    key, message, signature = (bytes.fromhex(one) for one in VECTORS[1])
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify(key, message, signature[:32] + scalar.to_bytes(32, "little"))
    assert not verify(key, message, signature[:-1])
    assert not verify(key[:-1], message, signature)
    assert not verify(b"\xff" * 32, message, signature)
    assert not verify(key, message, b"\xff" * 64)
