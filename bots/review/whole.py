"""What is to be said about a change as a whole: its size, its dependencies, its documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import project
from comment import Spot, comment, whole
from source import is_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api import Breaks, Pair
    from change import Changed
    from comment import Comment
    from project import Tree

    from commits import Repository

LARGE = 400  # lines; beyond it reviews find less (SmartBear's study of 2,500 reviews at Cisco)
LARGE_FILE = 500 * 1000  # bytes, as pre-commit's check-added-large-files has it
RISE, NOTICED = 5, 8
LINTED = 12  # above it LintBot speaks (C901), once
DISTINCT = re.compile(r"\w*(?:_|[a-z][A-Z])\w*")
SHORTEST = 6
HASHED = b"--hash=sha256:"  # of a requirements file
MAX_DOCUMENTS = 10


def size(changes: list[Changed]) -> Iterator[Comment]:
    """More than a reader can take in at once; what tools write or what is gone does not count."""
    counted = [one for one in changes if one.after and not is_written_by_tools(one)]
    lines = sum(one.added + one.removed for one in counted)
    if lines > LARGE and len(counted) > 1:
        largest = max(counted, key=lambda one: (one.added + one.removed, one.path))
        said = f"The change has {lines} lines in {len(counted)} files"
        yield comment("large-change", "low", whole(largest.path), said, "Split it, if it has parts")
    for one in changes:
        if one.status == "added" and one.new is not None and one.new.size > LARGE_FILE:
            said = f"A file of {one.new.size // 1000} kB was added"
            hint = "Keep large files elsewhere: the history keeps them for ever"
            yield comment("check-added-large-files", "low", whole(one.path), said, hint)


def is_written_by_tools(changed: Changed) -> bool:
    """Whether nobody reads a file line by line: locks, snapshots, minified code."""
    name = changed.path.rpartition("/")[2]
    if HASHED in (changed.after or b""):
        return True
    locks = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum")
    return name.endswith((".lock", ".min.js", ".min.css", ".svg", ".snap")) or name in locks


def unread(changes: list[Changed], why: dict[str, str]) -> Iterator[Comment]:
    """Files that could not be looked at, though they are code."""
    for one in changes:
        reason = why.get(one.path) or (one.unread if is_python(one.path) else "")
        if reason:
            spot = whole(one.path, text=reason)
            yield comment("unread-file", "medium", spot, f"This was not looked at: {reason}")


def complexity(pair: Pair) -> Iterator[Comment]:
    """Functions that have many more ways through them than before."""
    if pair.old is None or pair.new is None:
        return
    for name, now in pair.new.functions.items():
        was = pair.old.functions.get(name)
        if was is None or now.complexity - was.complexity < RISE or now.complexity < NOTICED:
            continue
        if was.complexity <= LINTED < now.complexity:
            continue
        spot = Spot(pair.changed.path, now.line, now.end, now.text)
        said = f"`{name}` became more complex: {was.complexity} before, {now.complexity} now"
        yield comment(
            "complexity-rose", "low", spot, said, "Split what was added from what was there"
        )


def changelog(changes: list[Changed], breaks: Breaks, after: Tree) -> Iterator[Comment]:
    """Callers may break, and the list of changes does not say so."""
    listed = [path for path in after.entries if project.is_changelog(path)]
    touched = any(project.is_changelog(one.path) for one in changes)
    if listed and not touched and breaks.comments:
        first = min(breaks.comments, key=lambda one: one.order).finding
        shown = min(listed, key=lambda path: (len(path), path))
        said = f"What others may rely on changed, and `{shown}` does not say so"
        hint = "Add an entry that says what to do"
        yield comment(
            "changelog-not-touched",
            "low",
            whole(first.path, side="left" if first.path not in after.entries else "right"),
            said,
            hint,
        )


def documents(breaks: Breaks, repository: Repository, after: Tree) -> list[Comment]:
    """Documents that still speak of what is gone; only of names that are no usual words."""
    gone = {one for one in breaks.objects if len(one) >= SHORTEST and DISTINCT.fullmatch(one)}
    if not gone:
        return []
    code = [one for path, one in after.entries.items() if is_python(path)]
    for _, data in project.contents(repository, code):
        gone -= project.words(data)
    pages = [one for path, one in after.entries.items() if project.is_document(path)]
    comments = []
    for entry, data in project.contents(repository, pages):
        for number, line in enumerate(data.split(b"\n"), 1):
            for name in sorted(project.words(line) & gone):
                text = line.decode(errors="replace").strip()
                spot = Spot(entry.path, number, number, text)
                said = f"This speaks of `{name}`, which is gone"
                comments.append(
                    comment("docs-mention-removed", "low", spot, said, "Say what is now")
                )
    return comments[:MAX_DOCUMENTS]
