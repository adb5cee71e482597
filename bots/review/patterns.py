"""Patterns in Python code that a reader would stop at, but for what LintBot and SecurityBot find.

The rules are those of ruff where it has them under the same name.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from comment import Spot, comment
from source import DEFINITIONS, dotted, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comment import Comment
    from source import Module

DEBUGGERS = (
    "breakpoint",
    "pdb.set_trace",
    "ipdb.set_trace",
    "pudb.set_trace",
    "debugpy.breakpoint",
)
BLIND = ("Exception", "BaseException")
TASKS = ("asyncio.create_task", "asyncio.ensure_future")
ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
BLOCKS = ("body", "orelse", "finalbody")
OPENED = ("open", "io.open")


class Rule(NamedTuple):
    """How serious it is, what it says and what to do."""

    severity: str
    message: str
    suggestion: str


RULES = {
    "T100": Rule("high", "A debugger is started here", "Remove it before this is merged"),
    "BLE001": Rule(
        "medium",
        "Any error is caught here and nobody learns of it",
        "Catch the errors that are expected, or log or raise this one",
    ),
    "SIM115": Rule(
        "medium",
        "A file is opened and nothing here closes it",
        "Open it with `with`, so that it is closed on every way out",
    ),
    "RUF006": Rule(
        "medium",
        "Nothing keeps this task: it can vanish before it is done",
        "Keep what is returned until the task is done, or use `asyncio.TaskGroup`",
    ),
    "ASYNC251": Rule(
        "medium",
        "`time.sleep` stops every task of the event loop",
        "Use `await asyncio.sleep(...)`",
    ),
    "unreachable": Rule("medium", "This is never reached", "Remove it, or what ends before it"),
}


def found(module: Module, path: str) -> list[Comment]:
    """All patterns in a module, in the order of lines."""
    nodes = [
        *_debuggers(module.tree),
        *_blind(module.tree),
        *_left_open(module.tree),
        *_tasks(module.tree),
        *_sleeps(module.tree),
        *_unreachable(module.tree),
    ]
    comments = []
    for rule, node in nodes:
        said = RULES[rule]
        line, end = node.lineno, node.end_lineno or node.lineno
        spot = Spot(path, line, end, module.text(line))
        comments.append(comment(rule, said.severity, spot, said.message, said.suggestion))
    return sorted(comments, key=lambda one: one.order)


Place = tuple[str, "ast.stmt | ast.expr | ast.ExceptHandler"]


def _debuggers(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in DEBUGGERS:
            yield "T100", node


def _blind(tree: ast.Module) -> Iterator[Place]:
    """``except Exception`` that raises nothing, calls nothing and does not look at the error.

    A bare ``except`` is LintBot's (E722); ``pass`` and ``continue`` are SecurityBot's (S110, S112).
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if not any(dotted(one) in BLIND for one in kinds):
            continue
        inside = [one for part in node.body for one in (part, *ast.walk(part))]
        told = (ast.Raise, ast.Call, ast.Assert)
        uses = any(isinstance(one, ast.Name) and one.id == node.name for one in inside)
        others = isinstance(node.body[0], ast.Pass | ast.Continue) and len(node.body) == 1
        if not others and not uses and not any(isinstance(one, told) for one in inside):
            yield "BLE001", node


def _left_open(tree: ast.Module) -> Iterator[Place]:
    """``open(...).read()``, and ``name = open(...)`` that is only used for its own methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_open(node.value):
            if node.attr not in ("close", "__enter__"):
                yield "SIM115", node.value
        elif isinstance(node, DEFINITIONS):
            yield from _kept_open(node)


def _kept_open(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Place]:
    uses: Counter[str] = Counter()
    methods: dict[str, list[str]] = {}
    for one in ast.walk(function):
        if isinstance(one, ast.Name):
            uses[one.id] += 1
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            methods.setdefault(one.value.id, []).append(one.attr)
    for node in within(function):
        if not isinstance(node, ast.Assign) or not _is_open(node.value) or len(node.targets) != 1:
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name):
            called = methods.get(target.id, [])
            if uses[target.id] - 1 == len(called) and "close" not in called:
                yield "SIM115", node.value


def _is_open(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) in OPENED


def _tasks(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        called = node.value if isinstance(node, ast.Expr) else None
        if isinstance(called, ast.Call) and dotted(called.func) in TASKS:
            yield "RUF006", called


def _sleeps(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            for one in within(node):
                if isinstance(one, ast.Call) and dotted(one.func) == "time.sleep":
                    yield "ASYNC251", one


def _unreachable(tree: ast.Module) -> Iterator[Place]:
    """What follows a statement that leaves its block; but a `yield` makes a generator there."""
    for node in ast.walk(tree):
        for name in BLOCKS:
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            ends = next((n for n, one in enumerate(block) if isinstance(one, ENDS)), len(block))
            rest = block[ends + 1 :]
            made = (ast.Yield, ast.YieldFrom)
            if rest and not any(isinstance(one, made) for part in rest for one in ast.walk(part)):
                yield "unreachable", rest[0]
