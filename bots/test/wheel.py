"""Unpacks wheels of pure Python.

A wheel is not believed: its files must be those of its RECORD, inside its own folders. Nothing of
it is run here.
"""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
from base64 import urlsafe_b64encode
from email.parser import HeaderParser
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from pathlib import Path

MAX_FILES = 50_000
MAX_BYTES = 512 * 2**20
FILE_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9._!+]+)(?:-\d[A-Za-z0-9_.]*)?"
    r"-(?P<python>[\w.]+)-(?P<abi>[\w.]+)-(?P<platform>[\w.]+)\.whl",
    re.ASCII,
)
HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
SOUND = (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError, EOFError)


class Unpacked(NamedTuple):
    """A wheel below a folder, and the paths of its files there."""

    name: str
    version: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    files: tuple[str, ...]


def unpack(path: Path, name: str, site: Path, *, taken: frozenset[str]) -> Unpacked:
    """Unpack the wheel at `path`, whose file name is `name`, below `site`.

    Raises:
        UnfitError: it is for a platform, damaged, or has one of the top names `taken`.
    """
    found = FILE_NAME.fullmatch(name)
    if found is None:
        raise UnfitError(f"`{name[:200]}` is not the name of a wheel")
    tags = {found["abi"], found["platform"]}
    if tags != {"none", "any"} or not re.search(r"\bpy3", found["python"].replace(".", " ")):
        raise UnfitError(f"`{name[:200]}` is not of pure Python 3, so nothing of it could be run")
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpack(archive, f"{found['name']}-{found['version']}", site, taken=taken)
    except SOUND as error:
        raise UnfitError(f"`{name[:200]}` is not a sound wheel: {error}") from error


def _unpack(archive: zipfile.ZipFile, stem: str, site: Path, *, taken: frozenset[str]) -> Unpacked:
    members = {one.filename: one for one in archive.infolist() if not one.is_dir()}
    _check_names(archive, members, taken=taken)
    info = f"{stem}.dist-info"
    facts = _headers(archive, f"{info}/METADATA")
    if _headers(archive, f"{info}/WHEEL").get("Root-Is-Purelib", "").strip().lower() != "true":
        raise ValueError("its WHEEL says that it is for a platform")
    record = _record(archive.read(f"{info}/RECORD").decode("utf-8"))
    lost = sorted(record.keys() - members.keys())
    if lost:
        raise ValueError(f"`{lost[0][:200]}` is in its RECORD, but is not there")
    files = []
    for name in members:
        data = archive.read(name)
        own = name.startswith(f"{info}/RECORD")
        if not own and record.get(name) != _hash_as(record, name, data):
            raise ValueError(f"`{name[:200]}` is not as its RECORD says")
        target = _place(name, f"{stem}.data")
        place = site / target
        if place.exists():
            raise ValueError(f"`{target[:200]}` is there already")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        files.append(target)
    return Unpacked(
        str(facts["Name"]),
        str(facts["Version"]),
        tuple(str(one) for one in facts.get_all("Requires-Dist", [])),
        tuple(str(one) for one in facts.get_all("Provides-Extra", [])),
        tuple(files),
    )


def _check_names(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], *, taken: frozenset[str]
) -> None:
    names = [one for one in archive.namelist() if not one.endswith("/")]
    size = sum(one.file_size for one in members.values())
    if not names or len(names) > MAX_FILES or size > MAX_BYTES:
        raise ValueError("it is empty or too large")
    if len(members) != len(names):
        raise ValueError("it holds a file twice")
    for name in names:
        parts = name.split("/")
        if "\\" in name or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"it would write `{name[:200]}`")
        top = (parts[2] if parts[0].endswith(".data") and len(parts) > 2 else parts[0]).lower()  # noqa: PLR2004 - NAME.data/purelib/top
        if top.partition(".")[0] in taken:
            raise ValueError(f"`{name[:200]}` would take the place of a part of the test tools")


def _place(name: str, data: str) -> str:
    """Where a file goes. Scripts and the like stay where nothing looks for them."""
    if name.startswith(f"{data}/purelib/"):
        return name.removeprefix(f"{data}/purelib/")
    if name.startswith(f"{data}/platlib/"):
        raise ValueError(f"`{name[:200]}` is for a platform")
    return name


def _headers(archive: zipfile.ZipFile, name: str) -> Message:
    return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def _record(text: str) -> dict[str, str]:
    return {row[0]: row[1] for row in csv.reader(text.splitlines()) if row}


def _hash_as(record: Mapping[str, str], name: str, data: bytes) -> str:
    """The hash of `data`, written like that in the RECORD; no other kinds than strong ones."""
    kind = record.get(name, "").partition("=")[0]
    found = HASHES.get(kind, hashlib.sha256)(data).digest()
    return f"{kind}=" + urlsafe_b64encode(found).decode("ascii").rstrip("=")
