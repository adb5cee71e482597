"""Comments in Python code: code that was commented out, and tasks that nobody will find again."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from typing import TYPE_CHECKING, NamedTuple

from comment import Spot, comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comment import Comment
    from source import Module

TASK = re.compile(r"#\s*(TODO|FIXME|XXX)\b")
REFERENCE = re.compile(
    r"https?://|#\d+|\b[A-Z][A-Z0-9]+-\d+\b|\b(?:gh|GH)-\d+\b|\bissue\s+\d+", re.ASCII
)
MAX_BLOCK = 200
SIMPLE = (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise, ast.Delete, ast.AugAssign)
COMPOUND = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
)
VALUES = (ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict, ast.Tuple, ast.Constant)


class Remark(NamedTuple):
    """A comment that has its line, or lines, for itself."""

    line: int
    texts: tuple[str, ...]

    @property
    def end(self) -> int:
        """Its last line."""
        return self.line + len(self.texts) - 1


def found(module: Module, path: str) -> list[Comment]:
    """What comments of a module should not be, in the order of lines."""
    comments = []
    alone, others = _remarks(module)
    for block in alone:
        if _is_code(block.texts):
            spot = Spot(path, block.line, block.end, module.text(block.line))
            suggestion = "Remove it: the history keeps it"
            comments.append(comment("ERA001", "low", spot, "Code is commented out", suggestion))
    for block in (*alone, *others):
        comments += _tasks(block, path)
    return sorted(comments, key=lambda one: one.order)


def _tasks(block: Remark, path: str) -> Iterator[Comment]:
    for number, text in enumerate(block.texts):
        task = TASK.search(text)
        after = [one for one in block.texts[number + 1 : number + 2] if not TASK.search(one)]
        if task and not any(REFERENCE.search(one) for one in (text, *after)):
            line = block.line + number
            yield comment(
                "TD003",
                "low",
                Spot(path, line, line, text.strip()),
                f"This {task[1]} names no issue",
                "Name the issue, or do it now",
            )


def _remarks(module: Module) -> tuple[list[Remark], list[Remark]]:
    """Comments with lines of their own in blocks, and those behind code."""
    text = io.StringIO("\n".join(module.lines))
    alone: list[Remark] = []
    others: list[Remark] = []
    try:
        for token in tokenize.generate_tokens(text.readline):
            if token.type != tokenize.COMMENT:
                continue
            line, column = token.start
            if token.line[:column].strip():
                others.append(Remark(line, (token.string,)))
            elif alone and alone[-1].end == line - 1 and len(alone[-1].texts) < MAX_BLOCK:
                alone[-1] = alone[-1]._replace(texts=(*alone[-1].texts, token.string))
            else:
                alone.append(Remark(line, (token.string,)))
    except (tokenize.TokenError, SyntaxError):
        return [], []  # it was parsed all the same: what there is of comments is not known
    return alone, others


def _is_code(texts: tuple[str, ...]) -> bool:
    """Whether a block of comments is a program, and cannot be a sentence."""
    if not all(text.startswith("#") and not text.startswith(("#!", "#:")) for text in texts):
        return False
    for strip in (1, 2):
        body = [text[strip:] if text[1:strip] in ("", " ") else text[1:] for text in texts]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse("\n".join(body))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return bool(tree.body) and all(_is_statement(one) for one in tree.body)
    return False


def _is_statement(node: ast.stmt) -> bool:
    """A statement that nobody writes as words: ``x = f()`` is, ``return value`` may be words."""
    if isinstance(node, ast.Assign):
        return isinstance(node.value, VALUES)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await)
    if isinstance(node, ast.Return):
        return isinstance(node.value, VALUES)
    if isinstance(node, ast.If):
        return all(_is_statement(one) or isinstance(one, ast.Pass) for one in node.body)
    return isinstance(node, SIMPLE + COMPOUND)
