"""The filters, run by a small interpreter of BPF: which call gets which answer."""

from __future__ import annotations

import struct
from errno import EAFNOSUPPORT, ENOSYS, EPERM

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.adapters.sandbox.bpf import ALLOW, AUDIT_ARCH_X86_64, KILL
from lotabots.adapters.sandbox.filters import reduced_filter, strict_filter
from lotabots.adapters.sandbox.syscalls import HIGHEST, NUMBERS

WORD = 0xFFFF_FFFF
I386 = 0x4000_0003


def answer(program: bytes, number: int, *arguments: int, arch: int = AUDIT_ARCH_X86_64) -> int:
    """What the kernel would do, by the definition of classic BPF."""
    values = [argument & (2**64 - 1) for argument in (*arguments, *[0] * 6)][:6]
    data = struct.pack("<iIQ6Q", number, arch, 0, *values)
    at = accumulator = 0
    while True:
        code, yes, no, value = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x15:
                at += yes if accumulator == value else no
            case 0x25:
                at += yes if accumulator > value else no
            case 0x45:
                at += yes if accumulator & value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(code)


def _fails(errno: int) -> int:
    return 0x0005_0000 | errno


@pytest.mark.parametrize("program", [strict_filter(), reduced_filter()])
def test_a_program_is_small_and_complete(program: bytes) -> None:
    assert len(program) % 8 == 0
    assert len(program) // 8 < 4096, "the kernel's bound"


@given(st.integers(0, 600))
def test_a_foreign_architecture_dies(number: int) -> None:
    assert answer(strict_filter(), number, arch=I386) == KILL


@given(st.integers(HIGHEST + 1, 2**31 - 1))
def test_what_is_not_known_does_not_exist(number: int) -> None:
    assert answer(strict_filter(), number) == _fails(ENOSYS)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("mount", (), _fails(EPERM)),
        ("ptrace", (), _fails(EPERM)),
        ("io_uring_setup", (), _fails(ENOSYS)),
        ("clone3", (), _fails(ENOSYS)),
        ("clone", (0x1200011,), ALLOW),
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (0x1000_0011,), _fails(EPERM)),
        ("clone", (0x0002_0011,), _fails(EPERM)),
        ("clone", (0x0200_0011,), _fails(EPERM)),
        ("unshare", (0x400,), ALLOW),
        ("unshare", (0x4000_0000,), _fails(EPERM)),
        ("personality", (WORD,), ALLOW),
        ("personality", (0,), ALLOW),
        ("personality", (0x40000,), _fails(EPERM)),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), _fails(EPERM)),
        ("ioctl", (0, 0x5412 | 1 << 40), _fails(EPERM)),
        ("socket", (2, 1, 0), ALLOW),
        ("socket", (2, 0o2004001, 6), ALLOW),
        ("socket", (10, 2, 17), ALLOW),
        ("socket", (2, 1, 262), _fails(EAFNOSUPPORT)),
        ("socket", (2, 3, 1), _fails(EAFNOSUPPORT)),
        ("socket", (2, 2, 1), _fails(EAFNOSUPPORT)),
        ("socket", (1, 1, 0), _fails(EAFNOSUPPORT)),
        ("socket", (16, 3, 0), ALLOW),
        ("socket", (16, 3, 15), _fails(EAFNOSUPPORT)),
        ("socket", (40, 1, 0), _fails(EAFNOSUPPORT)),
        ("socketpair", (1, 1, 0), ALLOW),
        ("socketpair", (10, 1, 0), _fails(EAFNOSUPPORT)),
        ("chmod", (0, 0o755), ALLOW),
        ("chmod", (0, 0o4755), _fails(EPERM)),
        ("fchmodat", (0, 0, 0o2755), _fails(EPERM)),
        ("openat", (0, 0, 0, 0o4755), ALLOW),
        ("openat", (0, 0, 0o100, 0o644), ALLOW),
        ("openat", (0, 0, 0o100, 0o4755), _fails(EPERM)),
        ("open", (0, 0o20200000, 0o4755), _fails(EPERM)),
        ("prlimit64", (1234,), ALLOW),
        ("kill", (1234, 9), ALLOW),
    ],
)
def test_strict(name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert answer(strict_filter(), NUMBERS[name], *arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("chmod", (0, 0o755), _fails(EPERM)),
        ("setxattr", (), _fails(EPERM)),
        ("socket", (2, 1, 0), _fails(EPERM)),
        ("socketpair", (1, 1, 0), ALLOW),
        ("prlimit64", (0,), ALLOW),
        ("prlimit64", (1234,), _fails(EPERM)),
        ("openat", (0, 0, 0o100, 0o644), ALLOW),
    ],
)
def test_reduced(name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert answer(reduced_filter(), NUMBERS[name], *arguments) == expected


@given(st.sampled_from(sorted(NUMBERS.values())), st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_reduced_never_allows_more_than_strict(number: int, arguments: list[int]) -> None:
    if answer(reduced_filter(), number, *arguments) == ALLOW:
        assert answer(strict_filter(), number, *arguments) == ALLOW
