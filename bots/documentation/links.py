"""Whether links lead anywhere: to files, folders and anchors of the same commit, and no further."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from findings import Finding

from commits import LINK, SUBMODULE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from page import Page

    from commits import Entry

TOOL, RULE = "documentation", "broken-link"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
LINES = re.compile(r"L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?")


class Links(NamedTuple):
    """`checked` links were followed within the commit; `external` and `unfollowed` were not."""

    checked: int
    external: int
    unfollowed: int
    broken: list[Finding]


class Places(NamedTuple):
    """What is in a commit: paths of files, of folders, and of what leads elsewhere."""

    files: frozenset[str]
    folders: frozenset[str]
    elsewhere: frozenset[str]


def places(entries: Sequence[Entry]) -> Places:
    """What links can lead to."""
    files = frozenset(one.path for one in entries if one.mode not in (LINK, SUBMODULE))
    other = frozenset(one.path for one in entries if one.mode in (LINK, SUBMODULE))
    folders = {""}
    for path in (*files, *other):
        parts = path.split("/")
        folders |= {"/".join(parts[:end]) for end in range(1, len(parts))}
    return Places(files, frozenset(folders), other)


def check(pages: Mapping[str, Page], found: Places) -> Links:
    """Follow all links of all pages, in order."""
    checked = external = unfollowed = 0
    broken = []
    for path in sorted(pages):
        for link in pages[path].links:
            if SCHEME.match(link.target):
                external += 1
                continue
            why = _why_broken(path, link.target, pages, found)
            unfollowed += why is None
            checked += why is not None
            if why:
                broken.append(
                    Finding(TOOL, RULE, path, link.line, why, link.target, "low", link.target)
                )
    return Links(checked, external, unfollowed, broken)


def _why_broken(path: str, target: str, pages: Mapping[str, Page], found: Places) -> str | None:
    """Why a link leads nowhere; empty if it leads somewhere, None if that cannot be known."""
    name, _, fragment = target.partition("#")
    name, fragment = unquote(name.partition("?")[0]), unquote(fragment)
    if not name and not fragment:
        return "" if target.startswith("#") else "the link is empty"
    folder = "" if name.startswith("/") else posixpath.dirname(path)
    whole = posixpath.normpath(posixpath.join(folder, name.lstrip("/"))) if name else path
    whole = "" if whole == "." else whole
    if whole == ".." or whole.startswith("../"):
        return "it leads out of the project"
    parts = whole.split("/")
    if any("/".join(parts[:end]) in found.elsewhere for end in range(1, len(parts) + 1)):
        return None  # a link or a submodule: where it leads is not in the commit, or not its own
    if whole not in found.files and (whole not in found.folders):
        return "there is no such file"
    if name.endswith("/") and whole in found.files:
        return "it is a file, and no folder"
    return _why_no_anchor(whole, fragment, pages) if fragment else ""


def _why_no_anchor(path: str, fragment: str, pages: Mapping[str, Page]) -> str | None:
    if path not in pages:
        return None if not LINES.fullmatch(fragment) else ""
    if {fragment, fragment.lower()} & pages[path].anchors or LINES.fullmatch(fragment):
        return ""
    return "the file has no such heading or anchor"
