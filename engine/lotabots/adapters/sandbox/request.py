"""What an engine asks of the launcher: one run, as JSON, beside its open channels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lotabots.adapters.sandbox.bubblewrap import Bubblewrap
from lotabots.adapters.sandbox.policy_file import from_plain
from lotabots.adapters.sandbox.report import Level

if TYPE_CHECKING:
    from lotabots.policy.project_kernel import KernelPolicy


class Channels(NamedTuple):
    """Pipe ends of the program's standard streams, and the socket to the engine.

    The engine's end of `control` stays open as long as the engine wants the run; a byte on it
    stops the run; the report comes back on it.
    """

    stdin: int
    stdout: int
    stderr: int
    control: int


class Request(NamedTuple):
    """One run. `uid` is the user to become when the engine is root."""

    policy: KernelPolicy
    argv: tuple[str, ...]
    level: Level
    bubblewrap: Bubblewrap | None
    uid: int

    def encode(self) -> bytes:
        """The request as JSON."""
        tool = self.bubblewrap
        return json.dumps(
            {
                "policy": self.policy.plain(),
                "argv": self.argv,
                "level": self.level,
                "bubblewrap": tool and tuple(tool),
                "uid": self.uid,
            }
        ).encode()


def decode(data: bytes) -> Request:
    """The request in `data`, as `Request.encode` wrote it."""
    value = json.loads(data)
    tool = value["bubblewrap"]
    if tool is not None:
        path, version, bundled, folders = tool
        tool = Bubblewrap(path, tuple(version), bundled, tuple(folders))
    return Request(
        from_plain(value["policy"]),
        tuple(value["argv"]),
        Level(value["level"]),
        tool,
        value["uid"],
    )
