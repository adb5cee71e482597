"""The syntax tree of a rule file: scalars, sequences and mappings that know their places.

The trees are built by `lotabots.syntax.compose`. A plain scalar keeps its text: what it means (a
name, a number, a truth value) is decided by the decoder that knows which type is expected, under
the YAML 1.2 core schema. So `on`, `yes` and `1.10` stay text until somebody asks for text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lotabots.diagnostics.span import Span


class Scalar(NamedTuple):
    """A leaf. `plain` is false for quoted and block scalars, which are always text."""

    text: str
    plain: bool
    span: Span


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    span: Span


class Mapping(NamedTuple):
    """A mapping; keys are scalars, in the order of the file, never repeated."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span


Node = Scalar | Sequence | Mapping
