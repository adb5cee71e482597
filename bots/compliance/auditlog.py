"""Reads the audit log, and checks that it is whole and signed (C2SP tlog-tiles, signed-note).

Every entry is hashed again. What the log says about an event counts only if the root of all entries
is the one that was signed, with the key that the policy names or else with the log's own.
"""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import ed25519

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

WIDTH = 256
TRIES = 3
"""A bundle that grows while it is read has another name the next time."""

_DASH = "\N{EM DASH} "
_HASH, _HEAD_LINES = 4, 3


class LogError(Exception):
    """The log is not whole, or not signed; the message says what is wrong."""


Copy = tuple[int, str]
"""An event as it came: its place in the stream, and its hash. Sent again it has another place."""


class Log(NamedTuple):
    """What was found out. `decided` has whether an event was accepted, as it came."""

    entries: int = 0
    root: str = ""
    pinned: bool = False
    decided: dict[Copy, bool] = {}  # noqa: RUF012 - nobody changes it
    fault: str = ""


class _Head(NamedTuple):
    size: int
    root: bytes


def read(folder: Path, wanted: Collection[Copy], *, key: str = "") -> Log:
    """The log in `folder`, and its decisions on the events in `wanted`."""
    try:
        found = _read(folder, wanted, key)
    except (LogError, OSError, ValueError) as error:
        return Log(pinned=bool(key), fault=f"the audit log cannot be believed: {error}")
    return found


def _read(folder: Path, wanted: Collection[Copy], key: str) -> Log:
    for remaining in reversed(range(TRIES)):
        head = _open(folder, key or (folder / "verifier.key").read_text(encoding="utf-8").strip())
        tree, decided, last = _Tree(), dict[Copy, bool](), 0
        try:
            for entry in _entries(folder, head.size):
                tree.add(sha256(b"\0" + entry).digest())
                last = _look(entry, last, wanted, decided)
        except FileNotFoundError:
            if not remaining:
                raise
            continue
        if tree.root() != head.root:
            raise LogError("its entries do not hash to the root that was signed")
        return Log(head.size, head.root.hex(), bool(key), decided)
    raise LogError("it changes too fast")


def _look(entry: bytes, last: int, wanted: Collection[Copy], decided: dict[Copy, bool]) -> int:
    """Note a decision on an event that is wanted; the number of the entry."""
    said = json.loads(entry)
    if said["seq"] != last + 1:
        raise LogError(f"entry {said['seq']} follows entry {last}")
    record, subject = said.get("record"), said["subject"].split(".")
    is_decision = subject[:2] == ["lb", "dec"] and len(subject) == len(("lb", "dec", "event"))
    if is_decision and isinstance(record, dict):
        copy = (record.get("sequence", 0), record.get("sha256", ""))
        if copy in wanted:
            verdicts = record["decision"]["verdicts"]
            refused = any(one["verdict"] == "reject" and not one["target"] for one in verdicts)
            decided[copy] = not refused and not record.get("duplicate_of")
    return int(said["seq"])


class _Tree:
    """The root of a growing tree (RFC 6962, section 2.1)."""

    def __init__(self) -> None:
        self._full: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        size, top = 1, leaf
        while self._full and self._full[-1][0] == size:
            top = sha256(b"\1" + self._full.pop()[1] + top).digest()
            size *= 2
        self._full.append((size, top))

    def root(self) -> bytes:
        if not self._full:
            return sha256().digest()
        found = self._full[-1][1]
        for _, one in reversed(self._full[:-1]):
            found = sha256(b"\1" + one + found).digest()
        return found


def _entries(folder: Path, size: int) -> Iterator[bytes]:
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        data, at = _bundle(folder, index, width), 0
        for _ in range(width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if end > len(data):
                raise LogError(f"bundle {index} is too short")
            yield data[at + 2 : end]
            at = end


def _bundle(folder: Path, index: int, width: int) -> bytes:
    number = f"{index:03d}"
    number = number.zfill(-(-len(number) // 3) * 3)
    parts = [number[at : at + 3] for at in range(0, len(number), 3)]
    path = folder.joinpath("tile", "entries", *(f"x{one}" for one in parts[:-1]), parts[-1])
    partial = path.with_name(f"{path.name}.p") / str(width)
    if width < WIDTH and partial.exists():
        return partial.read_bytes()
    return path.read_bytes()


def _open(folder: Path, key: str) -> _Head:
    """The signed head of the log (signed-note: text, empty line, signatures)."""
    note = (folder / "checkpoint").read_text(encoding="utf-8")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    name, public, hint = _key(key)
    lines = text.split("\n")
    if len(lines) < _HEAD_LINES + 1 or lines[0] != name:
        raise LogError(f"its checkpoint is not one of {name!r}")
    for line in signatures.split("\n"):
        who, _, encoded = line.removeprefix(_DASH).partition(" ")
        data = _decoded(encoded)
        fits = line.startswith(_DASH) and who == name and data[:_HASH] == hint
        if fits and ed25519.verify(public, text.encode(), data[_HASH:]):
            return _Head(int(lines[1]), _decoded(lines[2]))
    raise LogError("its checkpoint is not signed with the key")


def _key(text: str) -> tuple[str, bytes, bytes]:
    """The name of a key, the key, and the bytes by which a signature line names it."""
    name, hint, encoded = ("", "", "")
    if text.count("+") >= 2:  # noqa: PLR2004 - name+hash+key, and base64 may have more
        name, hint, encoded = text.split("+", 2)
    data = _decoded(encoded)
    wanted = sha256(name.encode() + b"\n" + data).digest()[:_HASH]
    if data[:1] != b"\1" or wanted.hex() != hint:
        raise LogError("the key is not one of Ed25519 in the form of signed notes")
    return name, data[1:], wanted


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise LogError("its checkpoint is not base64 where it should be") from error
