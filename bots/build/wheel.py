"""The built wheel: found, checked, described. A backend's word is not taken for any of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zipfile
from base64 import urlsafe_b64encode
from email.parser import HeaderParser
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from failure import BuildError

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 20
MAX_FILES = 50_000
MAX_BYTES = 2**30
NAME = re.compile(
    r"[A-Za-z0-9._]+-[A-Za-z0-9._!+]+(?:-\d[A-Za-z0-9_.]*)?-[\w.]+-[\w.]+-[\w.]+\.whl", re.ASCII
)


class Wheel(NamedTuple):
    """`files` maps paths in the wheel to their SHA-256 in hex; `requires` are its dependencies."""

    path: Path
    name: str
    version: str
    purl: str
    sha256: str
    requires: tuple[str, ...]
    files: dict[str, str]


def take(dist: Path, out: Path) -> Wheel:
    """Copy the one wheel in `dist` to `out` and check the copy."""
    found = sorted(dist.iterdir()) if dist.is_dir() and not dist.is_symlink() else []
    if len(found) != 1 or not stat.S_ISREG(found[0].lstat().st_mode):
        names = ", ".join(f"`{path.name[:80]}`" for path in found[:5]) or "nothing"
        raise BuildError(f"the backend was to make one wheel, and made {names}")
    if not NAME.fullmatch(found[0].name):
        raise BuildError(f"`{found[0].name[:200]}` is not the name of a wheel")
    path = out / found[0].name
    try:
        shutil.copyfile(found[0], path, follow_symlinks=False)
        return _checked(path)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError) as error:
        raise BuildError(f"`{path.name}` is not a sound wheel: {error}") from error


def digest(path: Path) -> str:
    """``sha256:<hex>`` of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _checked(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_names(members)
        files = {member.filename: _sha256(archive, member) for member in members}
        info = f"{'-'.join(path.name.split('-')[:2])}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode("utf-8"))
        _check_record(archive.read(f"{info}/RECORD").decode("utf-8"), files, info)
    name, version = str(metadata["Name"]), str(metadata["Version"])
    normal = re.sub(r"[-_.]+", "-", name).lower()
    if re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() != normal:
        raise ValueError(f"its metadata name it `{name[:80]}`")
    sha256 = digest(path).removeprefix("sha256:")
    purl = f"pkg:pypi/{quote(normal)}@{quote(version, safe='')}?checksum=sha256:{sha256}"
    requires = tuple(str(text) for text in metadata.get_all("Requires-Dist", []))
    return Wheel(path, normal, version, purl, sha256, requires, files)


def _check_names(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if not names or len(names) > MAX_FILES or sum(m.file_size for m in members) > MAX_BYTES:
        raise ValueError("it is empty or too large")
    if len(set(names)) != len(names):
        raise ValueError("it holds a file twice")
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise ValueError(f"it would write `{name[:200]}`")


def _sha256(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    with archive.open(member) as file:
        found = hashlib.sha256()
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _check_record(record: str, files: dict[str, str], info: str) -> None:
    """Its own list names every file with the right hash (itself without, as the format says)."""
    listed = {}
    for line in filter(None, record.splitlines()):
        name, value, _ = line.rsplit(",", 2)
        listed[name.removeprefix('"').removesuffix('"').replace('""', '"')] = value
    for name, found in files.items():
        value = "sha256=" + urlsafe_b64encode(bytes.fromhex(found)).decode().rstrip("=")
        if name not in listed or (name != f"{info}/RECORD" and listed[name] != value):
            raise ValueError(f"`{os.fspath(name)[:200]}` is not as its RECORD says")
