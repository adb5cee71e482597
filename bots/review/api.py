"""What the change took from those who use its modules: objects, parameters, ways to call.

The names of the rules are griffe's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import signature
from comment import Spot, comment, whole
from source import is_python, is_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from change import Changed
    from comment import Comment
    from project import Tree
    from signature import Signature
    from source import Class, Function, Module

HOMES = ("", "src", "lib", "python")
TRANSPARENT = ("staticmethod", "classmethod")


class Pair(NamedTuple):
    """A changed file with what it was and what it is, as far as it could be parsed."""

    changed: Changed
    old: Module | None
    new: Module | None


class Altered(NamedTuple):
    """A function of module `module` (its name now) that takes other arguments than before."""

    module: str
    name: str
    old: Signature
    new: Signature


class Breaks(NamedTuple):
    """What is not as it was.

    `gone` are names by module, `objects` the public ones among them that were defined there,
    `plain` the classes that only their `__init__` makes.
    """

    comments: list[Comment]
    gone: dict[str, frozenset[str]]
    objects: set[str]
    modules: list[str]
    altered: list[Altered]
    plain: set[tuple[str, str]]


def compare(pairs: list[Pair], before: Tree, after: Tree) -> Breaks:
    """What broke in all changed modules."""
    found = Breaks([], {}, set(), [], [], set())
    kept = after.modules()
    for pair in pairs:
        was = before.module(pair.changed.old.path) if pair.changed.old else ""
        now = after.module(pair.changed.path) if pair.changed.new else ""
        if pair.old is None or not _counts(pair.changed):
            continue
        if was != now and was not in kept:
            found.modules.append(was)
            found.comments.extend(_module_gone(pair.changed, pair.old, was))
        elif was == now and pair.new is not None:
            found.comments.extend(_objects(pair.changed, pair.old, pair.new, was, found))
    return found


def _counts(changed: Changed) -> bool:
    """Whether anybody may rely on what is in the file."""
    return bool(changed.old) and is_python(changed.path) and not is_test(changed.path)


def _is_public(module: str, path: str) -> bool:
    """Whether others import a file: as a part of a package, or as a module of its own."""
    hidden = any(part.startswith("_") for part in module.split("."))
    return bool(module) and not hidden and ("." in module or path.rpartition("/")[0] in HOMES)


def _module_gone(changed: Changed, old: Module, was: str) -> Iterator[Comment]:
    public = [name for name in (*old.functions, *old.classes) if old.is_public(name)]
    if changed.old and _is_public(was, changed.old.path) and public:
        moved = changed.new is not None
        yield comment(
            "object-removed",
            "medium",
            whole(changed.path, side="right" if moved else "left", text=was),
            f"The public module `{was}` is {'called otherwise now' if moved else 'gone'}",
            "Keep the old name for one more version, and say in it what to use instead",
        )


def _objects(
    changed: Changed, old: Module, new: Module, module: str, found: Breaks
) -> Iterator[Comment]:
    is_public = _is_public(module, changed.path)
    gone = frozenset() if new.is_open else old.names - new.names
    if gone:
        found.gone[module] = gone
    found.plain.update((module, one.name) for one in new.classes.values() if one.is_plain)
    for name, was in old.functions.items():
        now = new.functions.get(name)
        if now is not None and now.signature != was.signature:
            if _comparable(was) and _comparable(now):
                found.altered.append(Altered(module, name, was.signature, now.signature))
            if is_public and old.is_public(name):
                yield from _parameters(changed.path, was, now)
    defined: list[Class | Function] = [*old.classes.values(), *old.functions.values()]
    for one in defined:
        owner, _, method = one.name.partition(".")
        lost = _lost(one.name, old, new) if method else owner in gone
        if lost and is_public and old.is_public(one.name):
            found.objects.add(method or owner)
            spot = Spot(changed.path, one.line, one.line, one.text, "left")
            said = f"The public `{one.name}` of `{module}` is gone"
            hint = "Keep it for one more version, and say in it what to use instead"
            yield comment("object-removed", "medium", spot, said, hint)


def _lost(name: str, old: Module, new: Module) -> bool:
    """Whether a method is gone and no base can have it."""
    owner, _, method = name.partition(".")
    known, now = old.classes.get(owner), new.classes.get(owner)
    return bool(known and now and now.alone and known.alone and method not in now.members)


def _comparable(function: Function) -> bool:
    return set(function.decorators) <= set(TRANSPARENT)


def _called(function: Function) -> Signature:
    """The parameters that callers give: a method gets its first one by itself."""
    is_method = "." in function.name and "staticmethod" not in function.decorators
    return function.signature.bound() if is_method else function.signature


def _parameters(path: str, old: Function, new: Function) -> Iterator[Comment]:
    broken = signature.broken(_called(old), _called(new))
    if broken and old.decorators == new.decorators:
        said = "; ".join(words for _, words in broken[:3])
        yield comment(
            broken[0][0],
            "medium",
            Spot(path, new.line, new.line, new.text),
            f"Callers of the public `{old.name}` may break: {said}",
            "Give what is new a default at the end, and keep what was there for one more version",
        )
