"""Checks signatures of Ed25519 (RFC 8032, section 5.1); signs nothing and keeps no secret.

The standard library has no such check. This one takes milliseconds and is used once a run; what is
checked is public, so it need not take the same time for everything.
"""

from __future__ import annotations

from hashlib import sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_SIZE, _SIGNATURE = 32, 64

Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T), section 5.1.4."""


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of `key` signed `message` (section 5.1.7, without the cofactor)."""
    if len(key) != _SIZE or len(signature) != _SIGNATURE:
        return False
    first, public = _point(signature[:_SIZE]), _point(key)
    scalar = int.from_bytes(signature[_SIZE:], "little")
    if first is None or public is None or scalar >= _L:
        return False
    digest = sha512(signature[:_SIZE] + key + message).digest()
    factor = int.from_bytes(digest, "little") % _L
    return _same(_times(scalar, _BASE), _add(first, _times(factor, public)))


def _point(data: bytes) -> Point | None:
    """The point that 32 bytes stand for (section 5.1.3)."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(number: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = _add(found, point)
        point = _add(point, point)
        number >>= 1
    return found


def _same(one: Point, other: Point) -> bool:
    x = (one[0] * other[2] - other[0] * one[2]) % _P
    y = (one[1] * other[2] - other[1] * one[2]) % _P
    return not x and not y


def _base() -> Point:
    found = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(_SIZE, "little"))
    assert found is not None  # noqa: S101 - RFC 8032 says so
    return found


_BASE = _base()
