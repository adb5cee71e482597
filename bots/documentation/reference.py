"""The reference of a project's Python code: what its public names say of themselves.

Files are parsed and never imported. Every word is the project's own: names, signatures, docstrings.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from findings import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FILE = 512 * 1024  # a syntax tree needs up to a hundred times as much memory
MAX_READ = 12 * 2**20
INIT = "__init__"
HOMES = ("", "src", "lib", "python")  # where a module needs no package
TESTS = {"tests", "test", "testing"}
SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#])")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Item(NamedTuple):
    """A function, a method or an attribute; `kind` says which."""

    kind: str
    name: str
    signature: str
    doc: str
    line: int


class Class(NamedTuple):
    """A class and its public members."""

    name: str
    signature: str
    doc: str
    line: int
    members: tuple[Item, ...]


class Module(NamedTuple):
    """A module that others import."""

    name: str
    path: str
    doc: str
    items: tuple[Item, ...]
    classes: tuple[Class, ...]


def is_public(path: str, name: str) -> bool:
    """Whether others import the module `name`: no tests, no scripts, nothing with an underscore."""
    *folders, file = path.split("/")
    stem = file.removesuffix(".py")
    tests = TESTS & set(folders) or stem.startswith("test_") or stem == "conftest"
    hidden = any(part.startswith(("_", ".")) for part in (*folders, stem) if part != INIT)
    alone = "." in name or stem == INIT or "/".join(folders) in HOMES
    return path.endswith(".py") and bool(name) and alone and not tests and not hidden


def module_name(path: str, paths: frozenset[str]) -> str:
    """The name by which others import a file; what is above its packages is no part of it."""
    *parts, name = path.split("/")
    stem = name.removesuffix(".py")
    names = [] if stem == INIT else [stem]
    while parts and "/".join([*parts, f"{INIT}.py"]) in paths:
        names.insert(0, parts.pop())
    return ".".join(names)


def read(path: str, data: bytes, name: str) -> Module | str:
    """The module in a file; or why it cannot be read."""
    if len(data) > MAX_FILE:
        return f"it is larger than {MAX_FILE} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        return _module(tree, path, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"it cannot be parsed: {type(error).__name__}"


def document(modules: list[Module], unread: Mapping[str, str]) -> dict[str, Any]:
    """The reference for programs."""
    return {
        "version": 1,
        "modules": [
            {
                **one._asdict(),
                "items": [item._asdict() for item in one.items],
                "classes": [
                    {**each._asdict(), "members": [item._asdict() for item in each.members]}
                    for each in one.classes
                ],
            }
            for one in modules
        ],
        "unread": dict(sorted(unread.items())),
    }


def page(modules: list[Module]) -> str:
    """The reference for people, in Markdown. Docstrings stay as they are, whatever is in them."""
    lines = ["# API reference", ""]
    for module in modules:
        lines += [f"## `{module.name}`", "", *_said(module.doc)]
        for item in module.items:
            lines += [f"### `{item.signature}`", "", *_said(item.doc)]
        for one in module.classes:
            lines += [f"### `{one.signature}`", "", *_said(one.doc)]
            for item in one.members:
                lines += [f"#### `{one.name}.{item.signature}`", "", *_said(item.doc)]
    return "\n".join(lines).rstrip() + "\n"


def summary(module: Module) -> list[str]:
    """A module in a list, for a block of a page: signature and first line of what is public."""
    rows = [(one.signature, one.doc) for one in module.items]
    rows += [(one.signature, one.doc) for one in module.classes]
    return [
        f"- `{signature}`" + (f": {escaped(doc.splitlines()[0])}" if doc else "")
        for signature, doc in rows
    ]


def escaped(text: str) -> str:
    """Text that means nothing to Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _said(doc: str) -> Iterator[str]:
    if doc:
        runs = re.findall(r"`+", doc)
        fence = "`" * max(3, 1 + max(map(len, runs), default=0))
        yield from (f"{fence}text", *doc.splitlines(), fence, "")


def _module(tree: ast.Module, path: str, name: str) -> Module:
    exports = _exports(tree)
    items: list[Item] = []
    classes: list[Class] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _shown(node.name, exports):
            classes.append(_class(node))
        else:
            items += [one for one in _items(node) if _shown(one.name, exports)]
    return Module(name, path, _doc(tree), tuple(items), tuple(classes))


def _shown(name: str, exports: frozenset[str] | None) -> bool:
    return not name.startswith("_") if exports is None else name in exports


def _exports(tree: ast.Module) -> frozenset[str] | None:
    """`__all__`, if it is a plain list of texts."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Assign) and any(_named(one, "__all__") for one in targets):
            try:
                return frozenset(str(one) for one in ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None


def _named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _class(node: ast.ClassDef) -> Class:
    bases = ", ".join(ast.unparse(one) for one in (*node.bases, *node.keywords))
    shown = f"class {node.name}({bases})" if bases else f"class {node.name}"
    members = [one for inner in node.body for one in _items(inner)]
    public = tuple(one for one in members if one.name == INIT or not one.name.startswith("_"))
    return Class(node.name, _line(shown), _doc(node), node.lineno, public)


def _items(node: ast.stmt) -> Iterator[Item]:
    if isinstance(node, DEFINITIONS):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
        shown = f"{prefix}{node.name}({ast.unparse(node.args)}){returns}"
        yield Item("function", node.name, _line(shown), _doc(node), node.lineno)
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        shown = f"{node.target.id}: {ast.unparse(node.annotation)}"
        yield Item("attribute", node.target.id, _line(shown), "", node.lineno)


def _line(text: str) -> str:
    """One line for a code span: no backtick ends it early, no known form of a secret is in it."""
    return KNOWN.sub("<masked>", " ".join(text.split()).replace("`", "'"))


def _doc(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return KNOWN.sub("<masked>", ast.get_docstring(node) or "")
