"""What a codec is, and the sentences in which one complains.

Reading never raises and never stops at the first fault: a reader that cannot make a value adds a
finding and gives None, and whoever asked carries on without that value. No value of the model is
None, so None needs no companion.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from lotabots.diagnostics.codes import INVALID_VALUE
from lotabots.diagnostics.diagnostic import Diagnostic, Label
from lotabots.diagnostics.span import Span
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

Findings = list[Diagnostic]
Places = dict[str, Span]
Definitions = dict[str, Any]
"""The ``definitions`` of the schema that is being written."""

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
"""Plain scalars that YAML 1.2 reads as null. No key of a rule file may be null."""

LONGEST_SHOWN = 60


class Style(Enum):
    """How much `Codec.write` says."""

    SPARSE = auto()
    """Leave out what is the default: how a person would write the file."""

    FULL = auto()
    """Spell out every default: the normalised form that is digested."""


class Codec(NamedTuple, Generic[T]):
    """How one kind of value is read from a node, written as plain data, and described.

    `read` takes the node, the list that collects findings, the places of the enclosing record and
    the route of the value below that record. `write` gives JSON-able data without floats that
    `read` turns back into an equal value. `schema` gives draft-07 and may add definitions.
    """

    read: Callable[[Node, Findings, Places, str], T | None]
    write: Callable[[T, Style], Any]
    schema: Callable[[Definitions], dict[str, Any]]


def expected(node: Node, findings: Findings, what: str, cure: str) -> None:
    """Report that `what` was expected where `node` stands; `cure` is the help."""
    findings.append(
        INVALID_VALUE.at(
            Label(node.span, "no value" if is_null(node) else ""),
            f"expected {what}, found {found(node)}",
            help=cure,
        )
    )


def invalid(span: Span, findings: Findings, message: str, cure: str) -> None:
    """Report a value that has the right kind and still cannot be meant; `cure` is the help."""
    findings.append(INVALID_VALUE.at(Label(span), message, help=cure))


def is_null(node: Node) -> bool:
    """Whether the node is a null, which includes a key with nothing behind it."""
    return isinstance(node, Scalar) and node.plain and node.text in NULLS


def found(node: Node) -> str:
    """What stands at `node`, in words."""
    if isinstance(node, Mapping):
        return "a mapping" if node.entries else "an empty mapping"
    if not isinstance(node, Scalar):
        return "a list" if node.items else "an empty list"
    if is_null(node):
        return "nothing"
    if not node.text:
        return "an empty text"
    return quoted(node.text) if node.plain else f"the text {quoted(node.text)}"


def quoted(text: str) -> str:
    """User text in backticks, on one line, cut to a readable length."""
    line = " ".join(text.split()) if text.isprintable() else ascii(text)[1:-1]
    return f"`{line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + '…'}`"


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """``did you mean `x`?``, or nothing if nothing known is close."""
    close = closest(text, known)
    return f"did you mean `{close}`?" if close else ""


def closest(text: str, known: Iterable[str]) -> str:
    """The known word that `text` is most likely a misspelling of, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a faulty file pays for it

    close = get_close_matches(text[:LONGEST_SHOWN], sorted(known), n=1)
    return close[0] if close else ""


def one_of(words: Iterable[str]) -> str:
    """```a`, `b` or `c```."""
    *most, last = [f"`{word}`" for word in words]
    return f"{', '.join(most)} or {last}" if most else last
