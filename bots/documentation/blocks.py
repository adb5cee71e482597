"""Fills the generated blocks of pages, proves that nothing else changes, and makes the patch.

Only Markdown files that hold markers are touched. Of each file both versions are read anew, and
what is outside the blocks must be the same, line for line; what cannot be proven is left out and
named.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import reference
from failure import UnfitError
from findings import KNOWN
from page import UnreadError

from commits import ENV

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from changelog import Changes
    from page import Block, Page, Reader
    from reference import Module

MAX_PATCH = 4 * 2**20
DIFF = (
    *("diff", "--no-index", "--no-color", "--no-ext-diff", "--no-textconv", "--text"),
    *("--src-prefix=", "--dst-prefix=", "--"),
)
LEVELS = (2, 3)


class Known(NamedTuple):
    """What blocks are made from."""

    modules: Mapping[str, Module]
    changes: Changes


class Proposal(NamedTuple):
    """`patch` is empty if nothing has to change; `dropped` says what could not be done."""

    patch: bytes
    files: tuple[str, ...]
    blocks: int
    dropped: dict[str, str]


def propose(
    pages: Mapping[str, Page], known: Known, *, reader: Reader, git: str, work: Path
) -> Proposal:
    """Fill the blocks of all pages; both versions of what changes are written below `work`."""
    files: list[str] = []
    dropped = {path: one.fault for path, one in pages.items() if one.fault}
    count = 0
    size = 0
    for path in sorted(path for path, one in pages.items() if one.blocks):
        count += len(pages[path].blocks)
        before = "\n".join(pages[path].lines).encode()
        after, problems = _filled(pages[path], known)
        if problems:
            dropped[path] = "; ".join(problems)
        with suppress(UnreadError):  # what a block brings can change the anchors that another names
            after, _ = _filled(reader.read(after), known)
        size += len(before) + len(after)
        if before == after:
            continue
        large = size > MAX_PATCH
        why = "the patch would be too large" if large else unproven(reader, path, before, after)
        why = why or _write(path, before, after, work)
        if why:
            dropped[path] = why
        else:
            files.append(path)
    return Proposal(_patch(git, work) if files else b"", tuple(files), count, dropped)


def unproven(reader: Reader, path: str, before: bytes, after: bytes) -> str:
    """Why it is not proven that only blocks of a document differ; empty if it is."""
    if not path.endswith(".md"):
        return "it is no Markdown file"
    try:
        old, new = reader.read(before), reader.read(after)
    except UnreadError as error:
        return str(error)
    if KNOWN.search(after.decode(errors="replace")):
        return "it holds what looks like a secret"
    marked = [(one.kind, one.argument) for one in old.blocks]
    if new.fault or not marked or marked != [(one.kind, one.argument) for one in new.blocks]:
        return "its markers would change"
    return "" if old.outside() == new.outside() else "more than its blocks would change"


def _write(path: str, before: bytes, after: bytes, work: Path) -> str:
    """Write both versions; why that cannot be done."""
    for folder, data in (("a", before), ("b", after)):
        target = work / folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as error:
            return f"it cannot be written: {error.strerror}"
    return ""


def _filled(page: Page, known: Known) -> tuple[bytes, list[str]]:
    """The page with new blocks; a block that cannot be made stays as it is."""
    lines: list[str] = []
    problems = []
    start = 0
    end = "\r" if page.lines[0].endswith("\r") else ""
    for block in page.blocks:
        lines += page.lines[start : block.first]
        made = _made(page, block, known)
        if isinstance(made, str):
            problems.append(f"line {block.first}: {made}")
            lines += page.lines[block.first : block.last]
        else:
            body = [f"{one}{end}" for one in made]
            lines += [end, *body, end] if body else []
        start = block.last
    return "\n".join([*lines, *page.lines[start:]]).encode(), problems


def _made(page: Page, block: Block, known: Known) -> list[str] | str:
    """The lines of a block; or why there are none."""
    if block.kind == "api" and block.argument:
        module = known.modules.get(block.argument)
        if module is None:
            return f"there is no public module `{block.argument}`"
        return reference.summary(module)
    if block.kind == "changelog" and not block.argument:
        return known.changes.lines()
    if block.kind == "contents" and not block.argument:
        return _contents(page)
    asked = f"{block.kind} {block.argument}".strip()
    return f"nothing makes `{asked}`"


def _contents(page: Page) -> list[str]:
    """The headings below the title that are not in a block themselves."""
    inside = {line for one in page.blocks for line in range(one.first, one.last)}
    return [
        f"{'  ' * (one.level - LEVELS[0])}- [{reference.escaped(one.text)}](#{one.anchor})"
        for one in page.headings
        if one.level in LEVELS and one.line - 1 not in inside
    ]


def _patch(git: str, work: Path) -> bytes:
    """A patch for ``git apply``: the folders are called `a` and `b` for it."""
    done = subprocess.run(
        [git, *DIFF, "a", "b"],
        cwd=work,
        env=ENV,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 1:  # 0 would be "no difference"
        said = done.stderr.decode(errors="replace").strip()
        raise UnfitError(f"git diff ended with {done.returncode}: {said}")
    return done.stdout
