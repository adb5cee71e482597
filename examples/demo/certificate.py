"""A certificate for the local servers: Ed25519, it vouches for itself, good for two days.

Written by hand in DER (ITU-T X.690), because nothing that the demonstration needs anyway can make
one. The layout is that of RFC 5280, the key's that of RFC 8410.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INTEGER, BITS, OCTETS, OID, UTF8, TIME, SEQUENCE, SET = 2, 3, 4, 6, 12, 24, 48, 49
BOOLEAN_TRUE = b"\x01\x01\xff"
ED25519 = b"\x06\x03\x2b\x65\x70"
COMMON_NAME, BASIC_CONSTRAINTS, ALTERNATIVE_NAMES = (
    b"\x55\x04\x03",
    b"\x55\x1d\x13",
    b"\x55\x1d\x11",
)
VERSION, EXTENSIONS, DNS_NAME = 0xA0, 0xA3, 0x82
SHORT = 128
DAYS = 2


def make(folder: Path, hosts: Sequence[str], *, now: datetime | None = None) -> tuple[Path, Path]:
    """Write a certificate for `hosts` and its key into `folder`; their paths."""
    key = SigningKey.generate()
    signed = _certificate(key, hosts, now or datetime.now(UTC))
    private = _tlv(SEQUENCE, _number(0), _tlv(SEQUENCE, ED25519), _octets(_octets(bytes(key))))
    certificate, secret = folder / "ca.pem", folder / "key.pem"
    certificate.write_text(_pem("CERTIFICATE", signed), encoding="ascii")
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_pem("PRIVATE KEY", private))
    return certificate, secret


def _certificate(key: SigningKey, hosts: Sequence[str], now: datetime) -> bytes:
    algorithm = _tlv(SEQUENCE, ED25519)
    common = _tlv(SEQUENCE, _tlv(OID, COMMON_NAME), _tlv(UTF8, b"demonstration"))
    name = _tlv(SEQUENCE, _tlv(SET, common))
    content = _tlv(
        SEQUENCE,
        _tlv(VERSION, _number(2)),
        _number(int.from_bytes(os.urandom(8), "big") >> 1),
        algorithm,
        name,
        _tlv(SEQUENCE, _time(now - timedelta(hours=1)), _time(now + timedelta(days=DAYS))),
        name,
        _tlv(SEQUENCE, algorithm, _bits(bytes(key.verify_key))),
        _tlv(EXTENSIONS, _tlv(SEQUENCE, *_extensions(hosts))),
    )
    return _tlv(SEQUENCE, content, algorithm, _bits(key.sign(content).signature))


def _extensions(hosts: Sequence[str]) -> tuple[bytes, bytes]:
    names = _tlv(SEQUENCE, *(_tlv(DNS_NAME, host.encode("ascii")) for host in hosts))
    authority = _octets(_tlv(SEQUENCE, BOOLEAN_TRUE))
    return (
        _tlv(SEQUENCE, _tlv(OID, BASIC_CONSTRAINTS), BOOLEAN_TRUE, authority),
        _tlv(SEQUENCE, _tlv(OID, ALTERNATIVE_NAMES), _octets(names)),
    )


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < SHORT:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, SHORT | len(length)]) + length + content


def _number(value: int) -> bytes:
    return _tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _octets(content: bytes) -> bytes:
    return _tlv(OCTETS, content)


def _bits(content: bytes) -> bytes:
    return _tlv(BITS, b"\x00" + content)


def _time(moment: datetime) -> bytes:
    return _tlv(TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def _pem(kind: str, content: bytes) -> str:
    text = base64.b64encode(content).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])
