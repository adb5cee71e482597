"""Writes tiny static x86-64 programs: a list of system calls, nothing else.

Two programs of this package must run inside a sandbox that holds nothing but what a rule file
grants: the starter (last steps before the bot's program) and the probe. Neither may depend on an
interpreter or a library being visible there, and a Python start would cost 20 ms per job.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BASE: Final = 0x40_0000
_HEADERS: Final = 64 + 56
_SCRATCH: Final = b"\x48\x8d\x74\x24\xc0"  # lea rsi, [rsp-64]
_REGISTERS: Final = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8")
_RAX: Final = b"\x48\xb8"


class Data(NamedTuple):
    """An argument that points at `offset` in the program's data."""

    offset: int


class Blob:
    """The data of a program, filled piece by piece; each piece is 8-byte aligned."""

    def __init__(self) -> None:
        self.content = b""

    def add(self, piece: bytes) -> Data:
        """Append `piece` and say where it is."""
        at = Data(len(self.content))
        self.content += piece + b"\0" * (-len(piece) % 8)
        return at

    def text(self, value: str) -> Data:
        """Append a C string."""
        return self.add(value.encode("utf-8", "surrogateescape") + b"\0")

    def pointers(self, places: Sequence[Data], *, data_at: int) -> Data:
        """Append a NULL-terminated array of pointers to `places`."""
        addresses = [data_at + place.offset for place in places]
        return self.add(struct.pack(f"<{len(addresses) + 1}Q", *addresses, 0))


def link(build: Callable[[Blob, int], bytes]) -> bytes:
    """The program file whose code is ``build(blob, address of the data)``.

    The data follows the code, and every instruction has a fixed size: a first build with a wrong
    address tells the size of the code, the second is the real one.
    """
    blob = Blob()
    code = build(blob, _BASE + _HEADERS + len(build(Blob(), 0)))
    return _image(code, blob.content)


def load(*arguments: int) -> bytes:
    """Put absolute values into the first argument registers."""
    pairs = zip(_REGISTERS, arguments, strict=False)
    return b"".join(register + struct.pack("<Q", value) for register, value in pairs)


def syscall(number: int, *arguments: int) -> bytes:
    """One system call; its result is left in rax."""
    return load(*arguments) + _RAX + struct.pack("<Q", number) + b"\x0f\x05"


def byte_call(number: int, fd: int) -> bytes:
    """read(2) or write(2) of one byte between `fd` and the scratch place below the stack."""
    return (
        load(fd)
        + _SCRATCH
        + _REGISTERS[2]
        + struct.pack("<Q", 1)
        + _RAX
        + struct.pack("<Q", number)
        + b"\x0f\x05"
    )


def guarded(steps: Sequence[bytes], *, failed: bytes) -> bytes:
    """Run `steps` in order; the first one that leaves a negative rax continues at `failed`."""
    test_and_jump = 9
    total = sum(len(step) + test_and_jump for step in steps)
    code = b""
    for step in steps:
        distance = total - len(code) - len(step) - test_and_jump
        code += step + b"\x48\x85\xc0\x0f\x88" + struct.pack("<i", distance)
    return code + failed


def _image(code: bytes, data: bytes) -> bytes:
    size = _HEADERS + len(code) + len(data)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01" + bytes(9), 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code + data
