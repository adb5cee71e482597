"""YAML's errors of syntax in our words: where exactly, what is wrong, and the likely cure.

libyaml says what its parser state lacked ("did not find expected key"); a person wants to know
which character is at fault. So each of its problems is looked up in a table, and the text around
the place decides between the usual causes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.diagnostics.codes import SYNTAX
from lotabots.diagnostics.diagnostic import Label
from lotabots.syntax.text import span_of

if TYPE_CHECKING:
    from yaml._yaml import Mark as CMark
    from yaml.error import Mark, MarkedYAMLError

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span


class _Cause(NamedTuple):
    message: str
    help: str = ""


_QUOTE: Final = "put the text in quotes"
_INDENT: Final = "line it up with the other keys or items of the same level, with spaces"
_TAB: Final = _Cause("a tab cannot indent YAML", "indent with spaces")
_NO_COLON: Final = _Cause("expected `:` after this key", "write `key: value`, with a space")
_UNCLOSED: Final = _Cause("the quote is never closed", "add the closing quote")
_ESCAPE: Final = _Cause(
    "this is not an escape of YAML", r"write `\\` for a backslash, or use single quotes"
)
_INDICATOR: Final = _Cause("a name must follow this character", _QUOTE)
_DIRECTIVE: Final = _Cause("this directive is not known", "remove the line that starts with `%`")
_TAG: Final = _Cause("this tag cannot be read", "remove the tag, or put the text in quotes")

_SECOND_COLON: Final = _Cause("a second `:` in this line", _QUOTE + " if the `:` belongs to it")
_COLON_IN_TEXT: Final = _Cause(
    "unexpected `:` inside a text of several lines",
    "check the indentation: the text above goes on into this line",
)
_ESCAPES: Final = frozenset(
    {
        "found unknown escape character",
        "did not find expected hexdecimal number",
        "found invalid Unicode character escape code",
    }
)
_COLON_MISSING: Final = "could not find expected ':'"
_MISPLACED: Final = frozenset(
    {
        "did not find expected key",
        "did not find expected '-' indicator",
        "did not find expected node content",
        "did not find expected <document start>",
    }
)

# Where the mark of the problem is the place to look at.
_AT_PROBLEM: Final = {
    "block sequence entries are not allowed in this context": _Cause(
        "a list item cannot start here", "start the list on its own line, or use `[...]`"
    ),
    "mapping keys are not allowed in this context": _Cause("`?` cannot start a key here", _QUOTE),
    "found a tab character that violates indentation": _TAB,
    "found a tab character where an indentation space is expected": _TAB,
    "did not find expected comment or line break": _Cause(
        "unexpected text after the `|` or `>` of a block", "start the text on the next line"
    ),
    "found undefined tag handle": _TAG,
    "found incompatible YAML document": _DIRECTIVE,
}
# Where the place to look at is where the unfinished thing began.
_AT_START: Final = {
    _COLON_MISSING: _NO_COLON,
    "found unexpected end of stream": _UNCLOSED,
    "found unexpected document indicator": _UNCLOSED,
    "did not find expected alphabetic or numeric character": _INDICATOR,
    "could not find expected directive name": _DIRECTIVE,
    "found unknown directive name": _DIRECTIVE,
    "did not find the expected '>'": _TAG,
    "did not find expected '!'": _TAG,
    "did not find expected tag URI": _TAG,
}


def translate(error: MarkedYAMLError, path: str, text: str) -> Diagnostic:
    """The finding for an error of the YAML parser in `text`."""
    at = _index(error.problem_mark, text)
    start = at if error.context_mark is None else _index(error.context_mark, text)
    problem = error.problem or "the text is not YAML"
    if problem in _AT_START:
        end = _end_of_line(text, start) if problem == _COLON_MISSING else start + 1
        return _finding(path, text, _AT_START[problem], start, end)
    if problem in _ESCAPES:
        begin = max(text.rfind("\\", 0, at + 1), 0)
        return _finding(path, text, _ESCAPE, begin, max(begin + 2, at + 1))
    if problem.startswith("did not find expected ',' or"):
        return _unclosed(path, text, start, at)
    return _finding(path, text, _cause(problem, text, at), at, at + 1)


def _index(mark: Mark | CMark | None, text: str) -> int:
    return len(text) if mark is None else min(mark.index, len(text))


def _end_of_line(text: str, start: int) -> int:
    return start + len(text[start:].splitlines()[0].rstrip()) if start < len(text) else start


def _unclosed(path: str, text: str, start: int, at: int) -> Diagnostic:
    """A list or a mapping between brackets that goes on wrongly, or never ends."""
    what, close = ("list", "]") if text[start : start + 1] == "[" else ("mapping", "}")
    opened = Label(span_of(path, text, start, start + 1), "opened here")
    stuck = Label(_one(path, text, at), f"expected `,` or `{close}`")
    same_line = "\n" not in text[start:at]
    return SYNTAX.at(
        stuck if same_line and at < len(text) else opened,
        f"the {what} between brackets is not closed",
        related=(opened if same_line and at < len(text) else stuck,),
        help=f"add `,` or `{close}`, or put a text with special characters in quotes",
    )


def _finding(path: str, text: str, cause: _Cause, start: int, end: int) -> Diagnostic:
    span = span_of(path, text, start, end) if end - start > 1 else _one(path, text, start)
    return SYNTAX.at(Label(span), cause.message, help=cause.help)


def _one(path: str, text: str, at: int) -> Span:
    """The character at `at`; nothing at the end of a line or of the file."""
    return span_of(path, text, at, at if text[at : at + 1] in "\r\n" else at + 1)


def _cause(problem: str, text: str, at: int) -> _Cause:
    if problem in _AT_PROBLEM:
        return _AT_PROBLEM[problem]
    before = text[:at].splitlines()[-1] if at and text[at - 1] not in "\r\n" else ""
    character = text[at : at + 1]
    if problem == "mapping values are not allowed in this context":
        return _SECOND_COLON if ":" in before else _COLON_IN_TEXT
    if problem == "found character that cannot start any token":
        if character == "\t":
            return _TAB
        shown = "a backtick" if character == "`" else f"`{character}`"
        return _Cause(f"a text cannot start with {shown}", _QUOTE)
    if problem in _MISPLACED:
        return _misplaced(problem, before, character)
    return _Cause(problem, "see the lines above as well: an earlier mistake may show here")


def _misplaced(problem: str, before: str, character: str) -> _Cause:
    if not character:
        return _Cause("the file ends where a value must follow", "write it, or close the brackets")
    if character in "]},:":
        return _Cause(f"unexpected `{character}`", "remove it, or put the text in quotes")
    if problem == "did not find expected node content":
        return _Cause("a value is missing here", "write the value")
    if not before.strip():
        return _Cause("the indentation fits nothing above", _INDENT)
    return _Cause("unexpected text after the value", "put the whole value in quotes")
