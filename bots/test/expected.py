"""Which tests stand in a file, found without running it: the least that must have a result.

Only what is a test without any doubt is counted. So nothing that a project does while it is
imported, and no plugin, can make tests disappear unnoticed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_BYTES = 2**20


def tests_in(path: str, source: bytes) -> frozenset[str]:
    """Ids of the tests in a file of this path, without parameters.

    A file that is no Python of this version has none; to import it fails all the same.
    """
    name = path.rpartition("/")[2]
    hidden = any(part.startswith(".") for part in path.split("/"))
    fits = name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
    if hidden or not fits or len(source) > MAX_BYTES:
        return frozenset()
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    if _says(body, "__test__"):
        return frozenset()
    return frozenset(f"{path}::{test}" for test in _tests(body))


def _tests(body: Sequence[ast.stmt]) -> Iterator[str]:
    last = {node.name: node for node in body if hasattr(node, "name")}
    for name, node in last.items():
        if _says(body, name):
            continue
        if isinstance(node, ast.ClassDef):
            if name.startswith("Test") and _is_plain(node):
                yield from (f"{name}::{test}" for test in _methods(node))
        elif _is_test(node):
            yield name


def _methods(node: ast.ClassDef) -> Iterator[str]:
    last = {one.name: one for one in node.body if hasattr(one, "name")}
    yield from (name for name, one in last.items() if _is_test(one) and not _says(node.body, name))


def _is_plain(node: ast.ClassDef) -> bool:
    """A class of tests, not a base, a mixin or something that only has such a name."""
    own = {one.name for one in node.body if hasattr(one, "name")}
    plain = not node.bases and not node.keywords and not {"__init__", "__new__"} & own
    return (
        plain
        and all(_is_mark(one) for one in node.decorator_list)
        and not _says(node.body, "__test__")
    )


def _is_test(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test")
        and all(_is_mark(one) for one in node.decorator_list)
    )


def _is_mark(node: ast.expr) -> bool:
    """``pytest.mark.something`` or ``mark.something``, called or not."""
    node = node.func if isinstance(node, ast.Call) else node
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return isinstance(node, ast.Name) and "mark" in (*names, node.id)


def _says(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a body sets or deletes `name`, or something of it."""
    return any(
        isinstance(one, ast.Name) and one.id == name and not _is_read(one, statement)
        for statement in body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete)
        for one in ast.walk(statement)
    )


def _is_read(name: ast.Name, statement: ast.stmt) -> bool:
    """Whether a name is only looked at, on the right of the sign."""
    value = getattr(statement, "value", None)
    return value is not None and any(one is name for one in ast.walk(value))
