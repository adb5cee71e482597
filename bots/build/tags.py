"""Versions that stand in the repository's tags, for backends that ask git for them.

A build has no repository and no git. What setuptools-scm (and hatch-vcs by way of it) reads instead
is a file that `git archive` can fill in; it is written here as git would.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from source import Repository

# "Git archives" in the documentation of setuptools-scm.
FILE = ".git_archival.txt"
UNFILLED = "$Format:"
ASKING = {"setuptools-scm", "hatch-vcs"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def tell(repository: Repository, commit: str, tree: Path) -> None:
    """Write what git says of `commit` into `tree`, if the project asks and does not know better.

    A source distribution knows: it has its version in ``PKG-INFO``.
    """
    file = tree / FILE
    if file.is_symlink() or (tree / "PKG-INFO").exists() or not _asks(tree):
        return
    if file.exists() and UNFILLED not in file.read_text(encoding="utf-8", errors="replace"):
        return
    described = repository.describe(commit)
    if described:
        file.write_text(f"node: {commit}\ndescribe-name: {described}\n", encoding="utf-8")


def _asks(tree: Path) -> bool:
    """Whether a build requirement of the project is one that asks."""
    try:
        said = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
        texts = [str(text) for text in said["build-system"]["requires"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False  # the backend will say what it makes of it
    names = (NAME.match(text.strip()) for text in texts)
    return bool(ASKING & {re.sub(r"[-_.]+", "-", found[0]).lower() for found in names if found})
