"""Capabilities: dotted verbs in a tree, where a parent covers its children.

``code.modify`` covers ``code.modify.formatting``. Doing one thing may unavoidably do another:
`Capability.implies` says so, and `CapabilityTree` follows it. Whoever exercises a parent may
exercise each of its children: `CapabilityTree.closure` holds what they imply, too.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lotabots.frozen import EMPTY, Frozen
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Capability(Record, kw_only=True):
    """A declared capability; `implies` lists the capabilities that its exercise also exercises."""

    name: str
    doc: str = ""
    implies: tuple[str, ...] = ()


class Claim(Record, kw_only=True):
    """A capability on a resource: an entry of a bot's scope. `on` is a glob (only ``*``)."""

    capability: str
    on: str = "*"


class CapabilityTree(Frozen):
    """All declared capabilities by name. A dotted prefix of a declared name is declared too."""

    declared: Mapping[str, Capability] = EMPTY

    @cached_property
    def known(self) -> frozenset[str]:
        """Every declared capability and every parent of one."""
        return frozenset(parent for name in self.declared for parent in ancestors(name))

    def knows(self, name: str) -> bool:
        """Whether `name` is declared, or is the parent of a declared capability."""
        return name in self.known

    def closure(self, name: str) -> tuple[str, ...]:
        """`name` and everything its exercise may exercise, in order of discovery.

        A capability stands for all that is declared below it, so what its children imply is
        there: this is the question of what must not happen. Cycles are harmless.
        """
        return _followed(name, lambda one: (*self._above(one), *self._below.get(one, ())))

    def implied(self, name: str) -> tuple[str, ...]:
        """`name` and everything its exercise surely exercises, in order of discovery.

        Implications of a parent hold for its children, not the reverse. Cycles are harmless.
        """
        return _followed(name, self._above)

    def _above(self, name: str) -> tuple[str, ...]:
        found = (self.declared.get(ancestor) for ancestor in ancestors(name))
        return tuple(
            implied for capability in found if capability for implied in capability.implies
        )

    @cached_property
    def _below(self) -> Mapping[str, Iterable[str]]:
        """Capability -> what is implied by those that it covers; only where there is any."""
        found: dict[str, dict[str, None]] = {}
        for name, capability in self.declared.items():
            for parent in ancestors(name) if capability.implies else ():
                found.setdefault(parent, {}).update(dict.fromkeys(capability.implies))
        return found


def covers(parent: str, child: str) -> bool:
    """Whether holding (or denying) `parent` holds (or denies) `child`."""
    return child == parent or child.startswith(parent + ".")


def _followed(name: str, implies: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    found = {name: None}
    todo = [name]
    while todo:
        for implied in implies(todo.pop()):
            if implied not in found:
                found[implied] = None
                todo.append(implied)
    return tuple(found)


def ancestors(name: str) -> tuple[str, ...]:
    """`name` and its parents, nearest first: ``a.b.c`` gives ``a.b.c, a.b, a``."""
    tokens = name.split(".")
    return tuple(".".join(tokens[:n]) for n in range(len(tokens), 0, -1))


def globs_meet(first: str, second: str) -> bool:
    """Whether some resource name matches both globs (``*`` = any run of characters).

    Two globs that both hold a star meet exactly if their literal prefixes and their literal
    suffixes are compatible: the middles can be put one after the other.
    """
    if "*" not in first:
        return glob_matches(second, first)
    if "*" not in second:
        return glob_matches(first, second)
    head_a, tail_a = first.split("*", 1)[0], first.rsplit("*", 1)[1]
    head_b, tail_b = second.split("*", 1)[0], second.rsplit("*", 1)[1]
    heads = head_a.startswith(head_b) or head_b.startswith(head_a)
    return heads and (tail_a.endswith(tail_b) or tail_b.endswith(tail_a))


def glob_matches(glob: str, name: str) -> bool:
    """Whether `name` matches `glob`; linear in both lengths for any number of stars."""
    head, *middle = glob.split("*")
    if not middle:
        return glob == name
    tail = middle.pop()
    if len(name) < len(head) + len(tail) or not (name.startswith(head) and name.endswith(tail)):
        return False
    at, end = len(head), len(name) - len(tail)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def glob_covers(wide: str, narrow: str) -> bool:
    """Whether every name that matches `narrow` matches `wide`; never wrongly true.

    A star of `narrow` is replaced by a character that no name may hold, so only a star of `wide`
    can match it.
    """
    return glob_matches(wide, narrow.replace("*", "\0"))
