"""The shortest text with and without given parts: a search over a product automaton.

The state of the search is where the text so far stands in the tree of refused beginnings and in an
Aho-Corasick machine of all other parts, plus which wanted parts it has seen. States are made when
they are reached; characters that occur in no part are all alike, so one of them stands for all.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.condition.budget import ENDLESS
from lotabots.condition.verdict import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lotabots.condition.budget import Budget

MAX_STEPS: Final = 200_000
"""Characters tried in one search, a matter of some tenths of a second."""


class Parts(NamedTuple):
    """What a text must begin with (`head`), contain, end with; and must not; and must not be."""

    head: str
    contains: tuple[str, ...]
    ends: tuple[str, ...]
    not_starts: tuple[str, ...]
    not_contains: tuple[str, ...]
    not_ends: tuple[str, ...]
    not_equal: tuple[str, ...]


def shortest(
    parts: Parts, max_length: int, *, max_steps: int = MAX_STEPS, budget: Budget = ENDLESS
) -> str | Unknown | None:
    """A shortest text of at most `max_length` characters; None is a proof that there is none.

    Raises:
        SpentError: beyond `budget`, which other searches may share.
    """
    budget.spend(_size(parts))
    search = _Search(parts)
    start = search.start()
    if start is None or len(parts.head) > max_length:
        return None
    came_from: dict[_State, tuple[_State, str] | None] = {start: None}
    queue = deque([(start, len(parts.head))])
    while queue:
        state, length = queue.popleft()
        if search.accepts(state):
            return parts.head + _spelled(state, came_from)
        if length == max_length:
            continue
        for char in search.alphabet:
            following = search.step(state, char)
            if following is not None and following not in came_from:
                came_from[following] = (state, char)
                queue.append((following, length + 1))
        budget.spend(len(search.alphabet))
        max_steps -= len(search.alphabet)
        if max_steps < 0:
            return Unknown("the parts of the texts fit together in too many ways to try them all")
    return None


def _size(parts: Parts) -> int:
    """Characters to make the machine of: the steps that takes."""
    return len(parts.head) + sum(len(text) for group in parts[1:] for text in group)


class _State(NamedTuple):
    """Node in the tree of beginnings (or `_OFF`), node in the machine, bits of the seen parts."""

    beginning: int
    node: int
    seen: int


_OFF: Final = -1


class _Tree:
    """Texts as a tree of characters; `ends` maps a node to the bits of the texts that end there."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.children: list[dict[str, int]] = [{}]
        self.ends: dict[int, int] = {}
        for index, text in enumerate(texts):
            node = 0
            for char in text:
                if char not in self.children[node]:
                    self.children[node][char] = len(self.children)
                    self.children.append({})
                node = self.children[node][char]
            self.ends[node] = self.ends.get(node, 0) | 1 << index


class _Machine:
    """Aho-Corasick: after each character, the bits of all texts that end there."""

    def __init__(self, texts: Sequence[str]) -> None:
        tree = _Tree(texts)
        self._children = tree.children
        self._fallback = [0] * len(tree.children)
        self._known: dict[tuple[int, str], int] = {}
        self.bits = [tree.ends.get(node, 0) for node in range(len(tree.children))]
        queue = deque([0])
        while queue:
            parent = queue.popleft()
            for char, node in self._children[parent].items():
                self._fallback[node] = self.step(self._fallback[parent], char) if parent else 0
                self.bits[node] |= self.bits[self._fallback[node]]
                queue.append(node)

    def step(self, node: int, char: str) -> int:
        """The node after one more character. Long ways down are walked once and remembered."""
        walked: list[int] = []
        while node and char not in self._children[node] and (node, char) not in self._known:
            walked.append(node)
            node = self._fallback[node]
        found = self._known.get((node, char))
        if found is None:
            found = self._children[node].get(char, 0)
        for one in walked:
            self._known[one, char] = found
        return found


class _Search:
    """The product: which states there are, which characters lead on, which states are done."""

    def __init__(self, parts: Parts) -> None:
        self._head = parts.head
        # Only what begins like `head` can still be hit; the rest of it is what the tree holds.
        size = len(parts.head)
        refused = [one[size:] for one in parts.not_starts if one.startswith(parts.head)]
        equal = [one[size:] for one in parts.not_equal if one.startswith(parts.head)]
        self._hopeless = any(parts.head.startswith(one) for one in parts.not_starts)
        self._beginnings = _Tree([*refused, *equal])
        self._refused = (1 << len(refused)) - 1
        inside = (parts.contains, parts.not_contains, parts.ends, parts.not_ends)
        self._machine = _Machine([text for group in inside for text in group])
        self._contains, self._not_contains, self._ends, self._not_ends = _masks(inside)
        used = set("".join((*refused, *equal, *(text for group in inside for text in group))))
        self.alphabet = (_fresh(used), *sorted(used))

    def start(self) -> _State | None:
        """The state after `head`; None if `head` itself is refused."""
        state: _State | None = _State(_OFF, 0, self._machine.bits[0] & self._contains)
        for char in self._head:
            state = self.step(state, char) if state is not None else None
        if state is None or self._hopeless or self._machine.bits[state.node] & self._not_contains:
            return None
        return state._replace(beginning=0)

    def step(self, state: _State, char: str) -> _State | None:
        """The state after one more character; None if the text is refused from there on."""
        beginning = state.beginning
        if beginning != _OFF:
            beginning = self._beginnings.children[beginning].get(char, _OFF)
            if self._beginnings.ends.get(beginning, 0) & self._refused:
                return None
        node = self._machine.step(state.node, char)
        bits = self._machine.bits[node]
        if bits & self._not_contains:
            return None
        return _State(beginning, node, state.seen | bits & self._contains)

    def accepts(self, state: _State) -> bool:
        """Whether the text so far is one that is looked for."""
        bits = self._machine.bits[state.node]
        return (
            state.seen == self._contains
            and bits & self._ends == self._ends
            and not bits & self._not_ends
            and not self._beginnings.ends.get(state.beginning, 0)
        )


def _masks(groups: Sequence[Sequence[str]]) -> list[int]:
    """For each group the bits of its texts, all texts being numbered in one row."""
    masks, shift = [], 0
    for group in groups:
        masks.append(((1 << len(group)) - 1) << shift)
        shift += len(group)
    return masks


def _fresh(used: set[str]) -> str:
    """A character that is not in `used`; a readable one if there is one."""
    from string import ascii_letters, digits  # noqa: PLC0415 - `validate` seldom searches, and it compiles a pattern

    readable = next((char for char in "x" + ascii_letters + digits if char not in used), None)
    return readable or next(char for char in map(chr, range(0x4E00, 0xD800)) if char not in used)


def _spelled(state: _State, came_from: dict[_State, tuple[_State, str] | None]) -> str:
    chars: list[str] = []
    step = came_from[state]
    while step is not None:
        state, char = step
        chars.append(char)
        step = came_from[state]
    return "".join(reversed(chars))
