"""The last steps inside the sandbox, before the bot's program: a tiny program written per run.

It sets the limits, says that it is ready, waits for permission (the supervisor finishes the mounts
and the relays meanwhile), closes everything but the standard streams, enters the Landlock domain
and executes the program. Program, arguments and environment are part of its data, so that nothing
of them appears on a command line. What fails is reported as one byte, the errno.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import elf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lotabots.adapters.sandbox.elf import Blob

READY: Final = b"R"
FAILED_STATUS: Final = 125

_READ, _WRITE, _EXECVE, _EXIT = 0, 1, 59, 60
_PRLIMIT, _CLOSE_RANGE, _RESTRICT_SELF = 302, 436, 446
_CLOSE_ON_EXEC: Final = 4
_ONE_BYTE_OR_NEGATIVE: Final = b"\x48\xff\xc8"  # dec rax: 1 -> 0, 0 (the other end is gone) -> -1
_KEEP_ERRNO: Final = b"\xf7\xd8\x88\x44\x24\xc0"  # neg eax; mov [rsp-64], al


class Channels(NamedTuple):
    """File descriptors, as numbered inside: report to `ready`, wait on `go`, obey `ruleset`."""

    ready: int
    go: int
    ruleset: int


def build(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    limits: Mapping[int, int],
    channels: Channels,
) -> bytes:
    """The starter for ``argv[0]``; `limits` maps resource numbers to hard limits."""

    def code(blob: Blob, data_at: int) -> bytes:
        def at(place: elf.Data) -> int:
            return data_at + place.offset

        words = [blob.text(word) for word in argv]
        settings = [blob.text(f"{name}={value}") for name, value in env.items()]
        arguments = blob.pointers(words, data_at=data_at)
        environment = blob.pointers(settings, data_at=data_at)
        steps = [
            elf.syscall(_PRLIMIT, 0, resource, at(blob.add(struct.pack("<QQ", bound, bound))), 0)
            for resource, bound in limits.items()
        ]
        steps += [
            elf.syscall(_WRITE, channels.ready, at(blob.add(READY)), 1),
            elf.byte_call(_READ, channels.go) + _ONE_BYTE_OR_NEGATIVE,
            elf.syscall(_CLOSE_RANGE, 3, 0xFFFF_FFFF, _CLOSE_ON_EXEC),
            elf.syscall(_RESTRICT_SELF, channels.ruleset, 0),
            elf.syscall(_EXECVE, at(words[0]), at(arguments), at(environment)),
        ]
        return elf.guarded(steps, failed=_report(channels.ready))

    return elf.link(code)


def _report(ready: int) -> bytes:
    return _KEEP_ERRNO + elf.byte_call(_WRITE, ready) + elf.syscall(_EXIT, FAILED_STATUS)
