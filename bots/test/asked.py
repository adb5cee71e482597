"""What the tests of a project ask for besides what its wheel needs, where projects say such things.

Nobody has to say it anywhere, and much of it no test needs (linters, a pinned pytest). So it is
taken if it is there.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GROUPS = frozenset({"test", "tests", "testing", "dev"})
PYPROJECT = "pyproject.toml"
MAX_BYTES = 2**20
MAX_REQUIREMENTS = 1000
_WORD = "(?:tests?|testing|dev)"
_FILE = re.compile(
    rf"(?:requirements[/_-]{_WORD}|{_WORD}[/_-]requirements)\.(?:in|txt)", re.ASCII
)  # fmt: skip
_CONTINUED = re.compile(r"\\\r?\n")
_REMARK = re.compile(r"(?:^|\s)#.*|\s--hash.*")


def is_asking(path: str) -> bool:
    """Whether a file of this path may say what tests need."""
    return path == PYPROJECT or _FILE.fullmatch(path) is not None


def requirements(files: Mapping[str, bytes]) -> list[str]:
    """The requirements in these files, as they are written there.

    Pins come before what they were made from (``.in``), which is then not looked at any more.
    """
    found: list[str] = []
    for path in sorted(files, key=lambda name: (name.endswith(".in"), name)):
        if len(files[path]) <= MAX_BYTES:
            text = files[path].decode(errors="replace")
            found += _of_groups(text) if path == PYPROJECT else _of_lines(text)
    return found[:MAX_REQUIREMENTS]


def _of_lines(text: str) -> Iterator[str]:
    """The format of pip's requirements files; options (other files, indexes) are passed over."""
    for line in _CONTINUED.sub(" ", text).splitlines():
        said = _REMARK.sub("", line).strip()
        if said and not said.startswith("-"):
            yield said


def _of_groups(text: str) -> Iterator[str]:
    """The dependency groups of a pyproject.toml (PEP 735) whose names speak of tests."""
    try:
        groups: Any = tomllib.loads(text).get("dependency-groups")
    except (ValueError, RecursionError):
        return
    if not isinstance(groups, dict):
        return
    known = {_normal(name): entries for name, entries in groups.items()}
    todo, seen = sorted(GROUPS & known.keys()), set[str]()
    while todo:
        name = todo.pop(0)
        entries = known.get(name)
        if name in seen or not isinstance(entries, list):
            continue
        seen.add(name)
        for entry in entries:
            if isinstance(entry, str):
                yield entry
            elif isinstance(entry, dict):
                todo.append(_normal(str(entry.get("include-group"))))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
