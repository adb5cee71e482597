"""The state folder, the disk it is on, and the clock."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from lotabots.diagnostics.words import counted
from lotabots.service.doctor.item import Item, State
from lotabots.service.folder import NotRunningError, StateFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SECTION: Final = "state"
LITTLE: Final = 2**30
"""Bytes. Streams, blobs and toolboxes grow; under a GiB is worth a word."""

TOO_LITTLE: Final = 64 * 2**20
OTHERS: Final = 0o077
SKEW: Final = timedelta(minutes=5)
"""What is dated further ahead is refused (LR011)."""


def state_folder(folder: StateFolder) -> Item:
    """Whose it is, who may look into it, and whether a service has it."""
    root = folder.root
    nearest = _nearest(root)
    if not nearest.is_dir():
        found = f"{root} cannot be made: {nearest} is no folder"
        return Item(SECTION, "folder", State.PROBLEM, found, "move it away, or set `state`")
    if not os.access(nearest, os.W_OK | os.X_OK):
        cure = f"make {nearest} yours to write, or set `state` in lotabots.yaml"
        return Item(SECTION, "folder", State.PROBLEM, f"{nearest} cannot be written", cure)
    if nearest != root:
        return Item(SECTION, "folder", State.GOOD, f"{root} will be made at the first start")
    keys = folder.keys
    if wrong := _foreign(root) or (keys.exists() and (_foreign(keys) or _open_to_others(keys))):
        cure = f"chown -R {os.geteuid()} {root} && chmod 700 {keys}"
        return Item(SECTION, "folder", State.PROBLEM, wrong, cure)
    return Item(SECTION, "folder", State.GOOD, f"{root}, its keys for you only")


def service(folder: StateFolder) -> Item:
    """Whether a service runs with the folder."""
    try:
        said = folder.running()
    except NotRunningError:
        return Item(SECTION, "service", State.NOTE, "none runs")
    found = f"one runs: process {said.get('pid')}, {said.get('url')}; join it with --join"
    return Item(SECTION, "service", State.NOTE, found)


def disk(root: Path) -> Item:
    """The room that is left where the state folder is."""
    usage = shutil.disk_usage(_nearest(root))
    found = f"{_gib(usage.free)} of {_gib(usage.total)} free"
    cure = f"make room, or set `state` in lotabots.yaml to a place with more than {_gib(LITTLE)}"
    if usage.free < TOO_LITTLE:
        return Item(SECTION, "disk", State.PROBLEM, found, cure)
    if usage.free < LITTLE:
        return Item(SECTION, "disk", State.WARNING, found, cure)
    return Item(SECTION, "disk", State.GOOD, found)


def clock(now: datetime, seen: Iterable[Path]) -> Item:
    """Whether the clock is behind what was already written, as far as files can tell."""
    newest = max(_dated(seen), default=None)
    shown = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if newest is None or newest[0] - now.timestamp() < SKEW.total_seconds():
        return Item(SECTION, "clock", State.GOOD, f"{shown}; no file is from the future")
    ahead = round((newest[0] - now.timestamp()) / 60)
    found = f"{shown}, but {newest[1]} was changed {counted(ahead, 'minute')} after that"
    cure = "set the clock (`timedatectl set-ntp true`); events from the future are refused (LR011)"
    return Item(SECTION, "clock", State.WARNING, found, cure)


def _dated(seen: Iterable[Path]) -> Iterator[tuple[float, Path]]:
    for path in seen:
        with contextlib.suppress(OSError):  # a running service may just have removed it
            yield path.stat().st_mtime, path


def _foreign(path: Path) -> str:
    owner = path.stat().st_uid
    return "" if owner == os.geteuid() else f"{path} belongs to user {owner}, not to you"


def _open_to_others(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} has mode {mode:o}: others can look into it" if mode & OTHERS else ""


def _nearest(path: Path) -> Path:
    """`path`, or the first above it that exists."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
