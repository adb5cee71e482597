"""A hostile bot: breaks out, forges or hoards, as it is asked; reports what stopped it."""

import ctypes
import json
import os
import socket
import sys
from pathlib import Path


def main() -> None:
    wanted = json.load(sys.stdin)["event"]["payload"]
    if wanted["way"] == "break-out":
        break_out(wanted["port"])
    elif wanted["way"] == "forge":
        say("deploy.completed", {"environment": "production"})
    else:
        hoard = []
        while True:
            hoard.append(bytearray(1 << 20))


def break_out(port: int) -> None:
    attempts = [
        attempt("read the password file", lambda: Path("/etc/shadow").read_bytes()),
        attempt("list the home folders", lambda: os.listdir("/home")),
        attempt("write into its own program", lambda: Path(__file__).open("a")),
        attempt("reach the message broker", lambda: connect(port)),
        attempt("start a shell", lambda: os.execv("/bin/sh", ["sh", "-c", "id"])),
        attempt("trace another process", lambda: syscall(101, 16, 1, 0, 0)),
        attempt("mount a file system", lambda: syscall(165, b"none", b"/", b"tmpfs", 0, None)),
    ]
    say("intrusion.reported", {"attempts": attempts})


def attempt(what: str, act) -> dict[str, object]:
    try:
        act()
    except OSError as error:
        return {"what": what, "stopped": True, "by": error.strerror or type(error).__name__}
    return {"what": what, "stopped": False, "by": ""}


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=2).close()


def syscall(number: int, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def say(kind: str, payload: dict[str, object]) -> None:
    print(json.dumps({"type": kind, "payload": payload}), flush=True)


if __name__ == "__main__":
    main()
