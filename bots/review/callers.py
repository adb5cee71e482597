"""Who in the project still uses what the change took: imports and calls that cannot work any more.

Only what is certain is said: a name that is bound twice in a file, an import that may fail, a call
with ``*`` or ``**``, a module whose name is not its own are left alone. The rules are pylint's.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import project
import signature
import source
from comment import Spot, comment
from source import UnreadError, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api import Altered, Breaks
    from comment import Comment
    from project import Tree
    from source import Module

    from commits import Repository

MAX_COMMENTS = 100
MAX_PARSED = 16 * 2**20  # bytes of files that may use what broke
INIT = "__init__"


class Broken(NamedTuple):
    """What no longer works, by full name: calls, names, modules."""

    calls: dict[str, Altered]
    names: frozenset[str]
    modules: frozenset[str]

    def places(self) -> list[tuple[str, str]]:
        """The last part of each full name, and what is before it."""
        full = sorted({*self.calls, *self.names, *self.modules})
        return [(last, owner) for owner, _, last in (name.rpartition(".") for name in full)]


class User(NamedTuple):
    """A file of the project: what it is called, and which name in it stands for what."""

    path: str
    module: Module
    meanings: dict[str, str]


def found(breaks: Breaks, repository: Repository, after: Tree) -> tuple[list[Comment], bool]:
    """Uses in the project that the change broke, in order; and whether all of it was looked at."""
    broken = _broken(breaks, after)
    places = broken.places()
    if not places:
        return [], True
    files = [one for path, one in after.entries.items() if source.is_python(path)]
    comments: list[Comment] = []
    size = 0
    for entry, data in project.contents(repository, files):
        if not _concerns(places, project.words(data), after.module(entry.path)):
            continue
        size += len(data)
        if size > MAX_PARSED or len(comments) > MAX_COMMENTS:
            return comments[:MAX_COMMENTS], False
        try:
            module = source.read(data)
        except UnreadError:
            continue  # it is said elsewhere if the change touched it
        user = User(entry.path, module, _meanings(module, entry.path, after))
        comments += [*_imports(user, broken, after), *_uses(user, broken)]
    return comments[:MAX_COMMENTS], True


def _concerns(places: list[tuple[str, str]], words: set[str], module: str) -> bool:
    """Whether a file with these words can use anything: it names it, and where it is from.

    Within its own package ``from . import`` is enough.
    """
    for name, owner in places:
        if name in words:
            last = owner.rpartition(".")[2]
            if not last or last in words or f"{module}.".startswith(f"{owner}."):
                return True
    return False


def _broken(breaks: Breaks, after: Tree) -> Broken:
    modules, known = after.modules(), after.known()
    calls = {}
    for one in breaks.altered:
        if _is_own(one.module) and one.module in modules:
            name, _, method = one.name.partition(".")
            if not method:
                calls[f"{one.module}.{name}"] = one
            elif method == INIT and (one.module, name) in breaks.plain:
                bound = one._replace(old=one.old.bound(), new=one.new.bound())
                calls[f"{one.module}.{name}"] = bound
    names = {
        f"{module}.{name}"
        for module, gone in breaks.gone.items()
        for name in gone
        if _is_own(module) and module in modules and f"{module}.{name}" not in known
    }
    lost = {one for one in breaks.modules if _is_own(one) and one not in known}
    return Broken(calls, frozenset(names), frozenset(lost))


def _is_own(module: str) -> bool:
    """Whether a name can only be that of the project's module."""
    return bool(module) and module.partition(".")[0] not in sys.stdlib_module_names


def _meanings(module: Module, path: str, after: Tree) -> dict[str, str]:
    """Full names by the names that a file has for them; a name with two meanings has none."""
    own = after.module(path)
    meant: dict[str, set[str]] = {}
    times: Counter[str] = Counter()
    for node in ast.walk(module.tree):
        for name, meaning in _bound(node, own, is_package=path.endswith(f"{INIT}.py")):
            meant.setdefault(name, set()).add(meaning)
            times[name] += 1
    for name in (*module.functions, *module.classes):
        if meant.get(name) == {""} and times[name] == 1:
            meant[name] = {f"{own}.{name}"}
    return {name: min(many) for name, many in meant.items() if len(many) == 1 and "" not in many}


def _bound(node: ast.AST, own: str, *, is_package: bool) -> Iterator[tuple[str, str]]:
    """Names that a node binds, and the full name of what they stand for; empty if unknown."""
    if isinstance(node, ast.Import):
        for one in node.names:
            first = one.name.partition(".")[0]
            yield (one.asname, one.name) if one.asname else (first, first)
    elif isinstance(node, ast.ImportFrom):
        origin = _origin(node, own, is_package=is_package)
        for one in node.names:
            yield one.asname or one.name, f"{origin}.{one.name}" if origin else ""
    elif isinstance(node, (*source.DEFINITIONS, ast.ClassDef)):
        yield node.name, ""
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, ""
    elif isinstance(node, ast.arg):
        yield node.arg, ""
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name, ""
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, ""


def _origin(node: ast.ImportFrom, own: str, *, is_package: bool) -> str:
    """The full name of the module that names are imported from; empty if it is above the top."""
    if node.level == 0:
        return node.module or ""
    parts = own.split(".")
    up = node.level - 1 if is_package else node.level
    if up > len(parts) - 1 + is_package:
        return ""
    base = parts[: len(parts) - up]
    return ".".join([*base, *((node.module,) if node.module else ())])


def _imports(user: User, broken: Broken, after: Tree) -> Iterator[Comment]:
    own, package = after.module(user.path), user.path.endswith(f"{INIT}.py")
    tried = {id(one) for node in ast.walk(user.module.tree) if isinstance(node, ast.Try)
             for one in ast.walk(node)}  # fmt: skip
    for node in ast.walk(user.module.tree):
        if id(node) in tried:
            continue
        if isinstance(node, ast.Import):
            wanted = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, own, is_package=package)
            wanted = [origin, *(f"{origin}.{one.name}" for one in node.names)]
        else:
            continue
        for name in wanted:
            if name in broken.modules:
                said = f"The module `{name}` is not there any more"
                yield _comment("import-error", user, node, said)
            elif name in broken.names:
                module, _, last = name.rpartition(".")
                said = f"`{module}` has no `{last}` any more"
                yield _comment("no-name-in-module", user, node, said)


def _uses(user: User, broken: Broken) -> Iterator[Comment]:
    for node in ast.walk(user.module.tree):
        if isinstance(node, ast.Call):
            altered = broken.calls.get(_full(user, node.func))
            why = _misfit(node, altered) if altered else None
            if why and altered:
                name = altered.name.removesuffix(f".{INIT}")
                yield _comment(why[0], user, node, f"`{name}` was changed: this call {why[1]}")
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            full = _full(user, node)
            if full in broken.names:
                module, _, last = full.rpartition(".")
                yield _comment("no-member", user, node, f"`{module}` has no `{last}` any more")


def _full(user: User, node: ast.AST) -> str:
    first, dot, rest = dotted(node).partition(".")
    meaning = user.meanings.get(first, "")
    return f"{meaning}{dot}{rest}" if meaning else ""


def _misfit(node: ast.Call, altered: Altered) -> tuple[str, str] | None:
    """Why a call does not fit now; None if that is not certain, or if it never did."""
    named = [one.arg for one in node.keywords]
    if any(isinstance(one, ast.Starred) for one in node.args) or None in named:
        return None
    call = signature.Call(len(node.args), tuple(one for one in named if one))
    return None if signature.misfit(call, altered.old) else signature.misfit(call, altered.new)


def _comment(rule: str, user: User, node: ast.stmt | ast.expr, said: str) -> Comment:
    end = node.end_lineno or node.lineno
    spot = Spot(user.path, node.lineno, end, user.module.text(node.lineno))
    return comment(rule, "high", spot, said, "Change this use, too, or keep what it needs")
