"""Proposes layout as a patch, and proves of every file that layout is all that changes.

The proof does not trust the formatter: both versions are parsed, and their syntax trees must be
equal (but for the indentation of docstrings) and their comments the same. A file without the
proof is left out of the patch, and it is said why.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import subprocess
import tokenize
import warnings
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError
from findings import KNOWN
from linter import RULES

from commits import ENV

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from linter import Ruff
    from sources import Source, Sources

OLDEST = "--target-version=py311"  # what is written must be read by every supported Python
MAX_FILE = 256 * 1024  # a syntax tree needs up to a hundred times as much memory
MAX_PATCH = 4 * 2**20  # both versions of all files in it: the patch is not larger
DIFF = (
    *("diff", "--no-index", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--src-prefix=", "--dst-prefix=", "--"),
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Proposal(NamedTuple):
    """`patch` is empty if there is nothing to change; `files` are in it, `dropped` are not."""

    patch: bytes
    files: tuple[str, ...]
    dropped: dict[str, str]


def propose(
    ruff: Ruff, git: str, sources: Sources, *, of: Iterable[Source], work: Path
) -> Proposal:
    """Format the files `of` the commit; both versions are written below `work`."""
    before, after = work / "a", work / "b"
    names = [_copied(sources, source, before, after) for source in of if not source.is_script]
    if not names:
        return Proposal(b"", (), {})
    format_ = ("format", "--no-cache", f"--config={RULES}", OLDEST, ".")
    ruff.run(*format_, cwd=after, allowed=(0,))
    files: list[str] = []
    dropped: dict[str, str] = {}
    size = 0
    for name in sorted(names):
        old, new = (before / name).read_bytes(), (after / name).read_bytes()
        if old == new:
            continue
        large = size + len(old) + len(new) > MAX_PATCH
        if len(old) > MAX_FILE:
            why = f"it is larger than {MAX_FILE} bytes"
        else:
            why = "the patch would be too large" if large else _reason(old, new)
        size += 0 if why else len(old) + len(new)
        if why:
            dropped[name] = why
            (after / name).write_bytes(old)
        else:
            files.append(name)
    return Proposal(_patch(git, work) if files else b"", tuple(files), dropped)


def difference(before: bytes, after: bytes) -> str:
    """Why the two are not the same program with the same comments; empty if they are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trees = [_tree(data) for data in (before, after)]
            comments = [_comments(data) for data in (before, after)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        return f"it cannot be parsed here: {type(error).__name__}"
    if trees[0] != trees[1]:
        return "more than its layout would change"
    return "" if comments[0] == comments[1] else "its comments would change"


def _reason(before: bytes, after: bytes) -> str:
    """Why a file is not to be in the patch, which shows its lines to whoever reads events."""
    if KNOWN.search(before.decode(errors="replace")):
        return "it holds what looks like a secret"
    return difference(before, after)


def _copied(sources: Sources, source: Source, *folders: Path) -> str:
    data = (sources.folder / source.written).read_bytes()
    for folder in folders:
        path = folder / source.written
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return source.written


def _tree(data: bytes) -> bytes:
    """The digest of a file's syntax tree: two trees at once would need too much memory."""
    tree = ast.parse(data, type_comments=False)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.kind = None  # u"" and "" are the same text
        if isinstance(node, DOCUMENTED) and node.body:
            _clean_docstring(node.body[0])
    return hashlib.sha256(ast.dump(tree).encode(errors="surrogatepass")).digest()


def _clean_docstring(node: ast.stmt) -> None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        text = node.value.value
        if isinstance(text, str):
            lines = inspect.cleandoc(text).split("\n")
            node.value.value = "\n".join(line.rstrip() for line in lines).strip()


def _comments(data: bytes) -> list[str]:
    """Their texts without the space around them; a formatter may move one past another."""
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    return sorted(
        token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT
    )


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
