"""What YAML allows and a rule file does not, and keys that come twice: the words for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lotabots.diagnostics.codes import DUPLICATE_KEY, FORBIDDEN_YAML
from lotabots.diagnostics.diagnostic import Label
from lotabots.syntax.text import span_of

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.syntax.nodes import Node, Scalar

_DIRECTIVE: Final = r"(?m)^%[^\r\n]*"
_WRITE_OUT: Final = "write the value out where it is needed"


def repeated_key(first: Scalar, second: Scalar) -> Diagnostic:
    """A key that its mapping already has; YAML would silently keep the last value."""
    return DUPLICATE_KEY.at(
        Label(second.span, "again here"),
        f"key `{second.text}` is given twice in one mapping",
        subject=second.text,
        related=(Label(first.span, "first here"),),
        help="keep one of the two",
    )


def key(node: Node) -> Diagnostic:
    """A list or a mapping as a key, which is mostly a template without quotes."""
    return FORBIDDEN_YAML.at(
        Label(node.span),
        "a key must be text, not a list or a mapping",
        help="put quotes around a text that starts with `{` or `[`",
    )


def merge_key(node: Scalar) -> Diagnostic:
    """The key ``<<``, which brings in keys that a reader of the place does not see."""
    return FORBIDDEN_YAML.at(
        Label(node.span), "merge key `<<` is not allowed", help="write the merged keys out"
    )


def node_property(span: Span, text: str) -> Diagnostic:
    """An anchor (``&name``) or a tag (``!name``) in front of a value."""
    if text.startswith("&"):
        message, cure = f"anchor `{text}` is not allowed", _WRITE_OUT
    else:
        message, cure = f"tag `{text}` is not allowed", "remove the tag"
    return FORBIDDEN_YAML.at(
        Label(span), message, help=f"{cure}, or quote the text if it starts with `{text[0]}`"
    )


def alias(span: Span, name: str, anchored: Node | None) -> Diagnostic:
    """An alias (``*name``); `anchored` is what it stands for."""
    return FORBIDDEN_YAML.at(
        Label(span),
        f"alias `*{name}` is not allowed",
        related=(Label(anchored.span, "stands for this"),) if anchored else (),
        help=f"{_WRITE_OUT}, or quote the text if it starts with `*`",
    )


def directive(path: str, text: str) -> Diagnostic:
    """A ``%YAML`` or ``%TAG`` line before the document."""
    found = re.search(_DIRECTIVE, text)
    start, end = found.span() if found else (0, 0)
    return FORBIDDEN_YAML.at(
        Label(span_of(path, text, start, end)),
        f"directive `{text[start:end]}` is not allowed",
        help="remove the line: rule files are always YAML 1.2",
    )


def second_document(span: Span, first: Node) -> Diagnostic:
    """A second document in the file."""
    return FORBIDDEN_YAML.at(
        Label(span, "a second document starts here"),
        "a rule file holds one document",
        related=(Label(first.span, "the first document"),),
        help="remove the `---`, or move what follows to a file of its own",
    )
