"""What a change did to which file: read from the trees of two commits, not from git's attributes.

A path that is gone and one that is new are the same file if they share most of their lines.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError

from commits import ENV, FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commits import Entry, Repository

MAX_FILES = 2_000
MAX_BYTES = 2 * 2**20
MAX_READ = 6 * 2**20  # of dense Python it takes 40 s and 400 MiB
MAX_COMPARED = 16 * 2**20
TOO_MUCH = f"the change has more than {MAX_FILES} files or {MAX_READ} bytes"
LINK, BYTES = "it is a link or a submodule", "it is not text"
SEEN = (LINK, BYTES)  # of these there is nothing more to be seen than that they changed
SIMILAR = 0.6
BINARY = 8_000  # as git has it: a file with a zero byte among the first is no text
HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0")


class Hunk(NamedTuple):
    """Lines that were replaced by lines; line numbers begin with 1, a count may be 0."""

    old: int
    removed: int
    new: int
    added: int


class Changed(NamedTuple):
    """A file of the change; `before` and `after` are its bytes, None if they are not looked at."""

    old: Entry | None
    new: Entry | None
    before: bytes | None
    after: bytes | None
    hunks: tuple[Hunk, ...]
    unread: str

    @property
    def path(self) -> str:
        """Where it is; where it was, if it is gone."""
        return next(one.path for one in (self.new, self.old) if one is not None)

    @property
    def status(self) -> str:
        """`added`, `removed`, `renamed` or `modified`."""
        if self.old is None or self.new is None:
            return "added" if self.old is None else "removed"
        return "modified" if self.old.raw == self.new.raw else "renamed"

    @property
    def skipped(self) -> bool:
        """Whether nothing but its name was looked at though there is more to see."""
        return bool(self.unread) and self.unread not in SEEN

    @property
    def added(self) -> int:
        """How many lines came."""
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        """How many lines went."""
        return sum(hunk.removed for hunk in self.hunks)

    def touches(self, first: int, last: int) -> bool:
        """Whether any of the lines `first` to `last`, as they are now, came with the change."""
        return any(
            hunk.added and hunk.new <= last and first < hunk.new + hunk.added for hunk in self.hunks
        )


def read(
    repository: Repository, git: Sequence[str], before: Sequence[Entry], after: Sequence[Entry]
) -> list[Changed]:
    """What is different between two commits, in the order of paths."""
    known = {(entry.raw, entry.mode, entry.object) for entry in before}
    kept = {(entry.raw, entry.mode, entry.object) for entry in after}
    old = {
        entry.raw: entry for entry in before if (entry.raw, entry.mode, entry.object) not in kept
    }
    new = {
        entry.raw: entry for entry in after if (entry.raw, entry.mode, entry.object) not in known
    }
    first = sorted({*old, *new}, key=lambda raw: (not raw.endswith(b".py"), raw))
    looked_at = first[:MAX_FILES]
    wanted = [one[raw] for raw in looked_at for one in (old, new) if raw in one]
    data = _contents(repository, wanted)
    origin = _renames([old[raw] for raw in old.keys() - new.keys()],
                      [new[raw] for raw in new.keys() - old.keys()], data)  # fmt: skip
    moved = set(origin.values())
    changed = []
    for raw in sorted({*old, *new} - moved):
        pair = old.get(origin.get(raw, raw)), new.get(raw)
        changed.append(_changed(git, pair, data))
    return changed


def is_text(data: bytes) -> bool:
    """Whether lines mean anything in it."""
    return b"\0" not in data[:BINARY]


def _contents(repository: Repository, entries: Iterable[Entry]) -> dict[str, bytes]:
    """The bytes of plain files that are not too large, by object, until they are too many.

    The same bytes in two files count twice, since both are looked at.
    """
    plain: dict[str, Entry] = {}
    left = MAX_READ
    for one in entries:
        if one.mode in FILES and one.size <= MAX_BYTES:
            left -= one.size
            if left < 0:
                break
            plain[one.object] = one
    return {entry.object: data for entry, data in repository.contents(plain.values())}


def _changed(
    git: Sequence[str], pair: tuple[Entry | None, Entry | None], data: Mapping[str, bytes]
) -> Changed:
    old, new = pair
    why = next((why for one in pair if one and (why := _why_not(one, data))), "")
    if why:
        return Changed(old, new, None, None, (), why)
    before, after = (data[one.object] if one else None for one in pair)
    if old is not None and new is not None:
        hunks = _hunks(git, old, new) if old.object != new.object else ()
    else:
        was, now = _count(before), _count(after)
        hunks = (Hunk(min(was, 1), was, min(now, 1), now),) if was or now else ()
    return Changed(old, new, before, after, hunks, "")


def _why_not(entry: Entry, data: Mapping[str, bytes]) -> str:
    if entry.mode not in FILES:
        return LINK
    if entry.object not in data:
        too_large = entry.size > MAX_BYTES
        return f"it is larger than {MAX_BYTES} bytes" if too_large else TOO_MUCH
    return "" if is_text(data[entry.object]) else BYTES


def _count(data: bytes | None) -> int:
    return 0 if not data else data.count(b"\n") + (not data.endswith(b"\n"))


def _hunks(git: Sequence[str], old: Entry, new: Entry) -> tuple[Hunk, ...]:
    """Where two files differ. Git is given objects and no path: no attribute can apply to them."""
    done = subprocess.run(
        [*git, *DIFF, old.object, new.object], capture_output=True, check=False, env=ENV
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise UnfitError(f"git diff ended with {done.returncode}: {said}")
    hunks = []
    left = 0  # lines of a hunk's content, which may look like anything
    for line in done.stdout.split(b"\n"):
        if left:
            left -= not line.startswith(b"\\")
        elif match := HUNK.match(line):
            first, removed, second, added = (
                1 if one is None else int(one) for one in match.groups()
            )
            hunks.append(Hunk(first, removed, second, added))
            left = removed + added
    return tuple(hunks)


def _renames(
    gone: Sequence[Entry], come: Sequence[Entry], data: Mapping[str, bytes]
) -> dict[bytes, bytes]:
    """Where new files were before: the same bytes, or most of the same lines."""
    origin: dict[bytes, bytes] = {}
    left = {entry.raw: entry for entry in sorted(gone, key=lambda one: one.raw)}
    rest = []
    for entry in sorted(come, key=lambda one: one.raw):
        same = [raw for raw, one in left.items() if one.object == entry.object and entry.size]
        if same:
            origin[entry.raw] = left.pop(same[0]).raw
        elif entry.object in data and is_text(data[entry.object]):
            rest.append(entry)
    olds = {raw: one for raw, one in left.items() if is_text(data.get(one.object, b"\0"))}
    pairs = [
        (one, entry)
        for one in olds.values()
        for entry in rest
        if one.raw.rpartition(b".")[2] == entry.raw.rpartition(b".")[2]
    ]
    if sum(one.size + entry.size for one, entry in pairs) > MAX_COMPARED:
        return origin
    lines = {one.object: Counter(data[one.object].split(b"\n")) for pair in pairs for one in pair}
    scored = sorted(
        (-_similar(lines[one.object], lines[entry.object]), one.raw, entry.raw)
        for one, entry in pairs
    )
    for score, raw, now in scored:
        if -score >= SIMILAR and raw in olds and now not in origin:
            origin[now] = raw
            del olds[raw]
    return origin


def _similar(one: Counter[bytes], other: Counter[bytes]) -> float:
    """How much of both is in both, in bytes of lines that say something."""
    shared = sum((one & other)[line] * len(line.strip()) for line in one & other)
    whole = sum(count * len(line.strip()) for line, count in (one + other).items())
    return 2 * shared / whole if whole else 0.0
