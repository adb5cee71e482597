"""What is in a Python file: its functions, its classes, the names that it has. It is never run."""

from __future__ import annotations

import ast
import hashlib
import io
import re
import sys
import tokenize
import warnings
from typing import TYPE_CHECKING, NamedTuple

import signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signature import Signature

SUFFIXES = (".py", ".pyi", ".pyw")
MAX_BYTES = 512 * 1024  # a syntax tree needs up to a hundred times as much memory
LONE_RETURN = re.compile(rb"\r(?!\n)")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
CHECKS = re.compile(r"assert|check|expect|verify|raises|warns|fail", re.IGNORECASE)
SKIPS = re.compile(
    r"(?:pytest\.|unittest\.|\b)(?:mark\.)?(?:skip|skipif|skipIf|skipUnless|xfail)\b"
)
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


class UnreadError(Exception):
    """A file that is Python by name cannot be read as such."""


class Function(NamedTuple):
    """A function or a method; `name` is ``Class.method`` for these. `digest` is of what it does."""

    name: str
    line: int
    end: int
    text: str
    signature: Signature
    decorators: tuple[str, ...]
    complexity: int
    digest: bytes
    checks: int
    skips: int
    words: frozenset[str]


class Class(NamedTuple):
    """A class; `alone` if no base, metaclass or decorator adds to the `members` of its body."""

    name: str
    line: int
    text: str
    alone: bool
    members: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its own `__init__` decides how it is called."""
        return self.alone and "__init__" in self.members and "__new__" not in self.members


class Module(NamedTuple):
    """A file; `names` are bound in it, `exports` is its `__all__`, `open` if it may have others."""

    tree: ast.Module
    lines: tuple[str, ...]
    functions: dict[str, Function]
    classes: dict[str, Class]
    names: frozenset[str]
    exports: frozenset[str] | None
    is_open: bool

    def text(self, line: int) -> str:
        """A line without the space around it."""
        return _text(self.lines, line)

    def summary(self) -> Module:
        """Without the tree and the lines, which need much memory."""
        return self._replace(tree=ast.Module([], []), lines=())

    def is_public(self, name: str) -> bool:
        """Whether others may rely on ``name`` or ``Class.method``."""
        first, _, rest = name.partition(".")
        listed = not first.startswith("_") if self.exports is None else first in self.exports
        return listed and (not rest.startswith("_") or rest in ("__init__", "__call__"))


def is_python(path: str) -> bool:
    """Whether a path is that of Python code."""
    return path.endswith(SUFFIXES)


def is_test(path: str) -> bool:
    """Whether a path is that of tests or of what helps them."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0]
    named = stem.startswith("test_") or stem.endswith("_test") or stem == "conftest"
    return named or bool({"tests", "test", "testing"} & set(folders))


def read(data: bytes) -> Module:
    """The module in a file.

    Raises:
        UnreadError: it cannot be parsed.
    """
    if len(data) > MAX_BYTES:
        raise UnreadError(f"it is larger than {MAX_BYTES} bytes")
    if LONE_RETURN.search(data):
        raise UnreadError("it has line ends that not everybody counts")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        lines = tuple(data.decode(encoding).split("\n"))
        return _module(tree, lines)
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as error:
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        said = f"it cannot be parsed by {python}: {type(error).__name__}"
        raise UnreadError(said) from error


def within(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a function, but not what is in the functions and classes in it."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, (*DEFINITIONS, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(one))


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an expression that is nothing else; empty for any other."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks that are only sometimes run."""
    waiting = list(reversed(body))
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, (*DEFINITIONS, ast.ClassDef)):
            inner = [part for name in ("body", "orelse", "finalbody") for part in _block(one, name)]
            inner += [part for each in _block(one, "handlers") for part in _block(each, "body")]
            inner += [part for each in _block(one, "cases") for part in _block(each, "body")]
            waiting.extend(reversed(inner))


def _block(node: ast.AST, name: str) -> list[ast.stmt]:
    found: list[ast.stmt] = getattr(node, name, [])
    return found


def _module(tree: ast.Module, lines: tuple[str, ...]) -> Module:
    functions: dict[str, Function] = {}
    classes: dict[str, Class] = {}
    twice: set[str] = set()
    for node in top(tree.body):
        for name, one in _defined(node):
            twice |= {name} & (functions.keys() | classes.keys())
            if isinstance(one, ast.ClassDef):
                classes[name] = _class(one, lines)
            else:
                functions[name] = _function(name, one, lines)
    for name in twice:  # an overload or an alternative: which one counts is not known
        functions.pop(name, None)
        classes.pop(name, None)
    names, is_open = _names(tree.body)
    return Module(tree, lines, functions, classes, names, _exports(tree), is_open)


def _defined(
    node: ast.stmt,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    if isinstance(node, DEFINITIONS):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        yield node.name, node
        for inner in top(node.body):
            if isinstance(inner, DEFINITIONS):
                yield f"{node.name}.{inner.name}", inner


def _text(lines: tuple[str, ...], line: int) -> str:
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _class(node: ast.ClassDef, lines: tuple[str, ...]) -> Class:
    alone = not node.bases and not node.keywords and not node.decorator_list
    members, is_open = _names(node.body)
    return Class(node.name, node.lineno, _text(lines, node.lineno), alone and not is_open, members)


def _function(
    name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, lines: tuple[str, ...]
) -> Function:
    inside = list(ast.walk(node))
    called = [dotted(one.func) for one in inside if isinstance(one, ast.Call)]
    decorators = tuple(ast.unparse(one) for one in node.decorator_list)
    said = (*decorators, *called)
    return Function(
        name,
        node.lineno,
        node.end_lineno or node.lineno,
        _text(lines, node.lineno),
        signature.of(node.args),
        decorators,
        1 + sum(isinstance(one, BRANCHES) for one in inside),
        _digest(node),
        sum(isinstance(one, ast.Assert) for one in inside)
        + sum(bool(CHECKS.search(one.rpartition(".")[2])) for one in called),
        sum(bool(SKIPS.match(one)) for one in said),
        frozenset(one.id for one in inside if isinstance(one, ast.Name))
        | frozenset(one.attr for one in inside if isinstance(one, ast.Attribute)),
    )


def _digest(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bytes:
    """Of everything but the docstring."""
    documented = ast.get_docstring(node, clean=False) is not None
    body = node.body[1:] if documented else node.body
    parts = [ast.dump(one) for one in (node.args, *node.decorator_list, *body)]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).digest()


def _names(body: list[ast.stmt]) -> tuple[frozenset[str], bool]:
    """What a module or a class binds, and whether it may bind more than can be seen."""
    found: set[str] = set()
    is_open = False
    for node in top(body):
        if isinstance(node, (*DEFINITIONS, ast.ClassDef)):
            found.add(node.name)
            is_open = is_open or node.name == "__getattr__"
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(one.asname or one.name.partition(".")[0]) for one in node.names}
            is_open = is_open or any(one.name == "*" for one in node.names)
        for one in within(node):
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                found.add(one.id)
            is_open = is_open or (
                isinstance(one, ast.Name) and one.id in ("globals", "exec", "locals")
            )
    return frozenset(found), is_open


def _exports(tree: ast.Module) -> frozenset[str] | None:
    """`__all__`, if it is a plain list of texts."""
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
            try:
                return frozenset(str(one) for one in ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None
