"""A filter of system calls, assembled without a library.

A `Rule` says what happens to one call; `assemble` turns rules into the classic BPF program that
seccomp(2) and ``bwrap --seccomp`` take. The kernel evaluates it with the call's number, its
architecture and the raw arguments; it cannot follow pointers, so rules test plain values only.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000
_ERRNO: Final = 0x0005_0000

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_ABOVE: Final = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_BITS: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_MASK: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
AUDIT_ARCH_X86_64: Final = 0xC000_003E


class Test(NamedTuple):
    """A condition on the low half of one argument (all that we test are 32-bit values).

    It holds when ``argument & mask`` is one of `values`; with no values, when any bit of `mask`
    is set.
    """

    argument: int
    mask: int = 0xFFFF_FFFF
    values: tuple[int, ...] = ()


class Rule(NamedTuple):
    """`action` for the call `number` when all `tests` hold; the next rule is tried otherwise."""

    number: int
    action: int
    tests: tuple[Test, ...] = ()


def refuse(errno: int) -> int:
    """The action that makes a call fail with `errno`."""
    return _ERRNO | errno


def assemble(rules: Iterable[Rule], *, highest: int, unknown: int) -> bytes:
    """The program: foreign architectures die, numbers above `highest` are `unknown`, rules, allow.

    The check of `highest` also catches the x32 numbers, which carry bit 30.
    """
    program = [
        _code(_LOAD, _ARCHITECTURE_AT),
        _code(_EQUAL, AUDIT_ARCH_X86_64, yes=1),
        _code(_RETURN, KILL),
        _code(_LOAD, _NUMBER_AT),
        _code(_ABOVE, highest, no=1),
        _code(_RETURN, unknown),
    ]
    for rule in rules:
        program += _rule(rule)
    program.append(_code(_RETURN, ALLOW))
    return b"".join(program)


def _rule(rule: Rule) -> list[bytes]:
    body: list[bytes] = [_code(_RETURN, rule.action)]
    for test in reversed(rule.tests):
        body = _guarded(test, body)
    if rule.tests:
        # A failed test falls through to the next rule, which expects the number loaded.
        body.append(_code(_LOAD, _NUMBER_AT))
    return [_code(_EQUAL, rule.number, no=len(body)), *body]


def _guarded(test: Test, body: Sequence[bytes]) -> list[bytes]:
    load = _code(_LOAD, _ARGUMENTS_AT + 8 * test.argument)
    if not test.values:
        return [load, _code(_BITS, test.mask, no=len(body)), *body]
    last = len(test.values) - 1
    tests = [
        _code(_EQUAL, value, yes=last - at, no=len(body) if at == last else 0)
        for at, value in enumerate(test.values)
    ]
    return [load, _code(_MASK, test.mask), *tests, *body]


def _code(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)
