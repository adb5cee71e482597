"""Names what a finding about form is about: ``rules/bots/b.yaml: triggers.0.when``.

The name is stable when lines move, so a finding can be recognised in the next version of a file.
It is looked up in the syntax tree by place, and only for files with findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.frozen import replace
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as TableOf

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span


def with_subjects(
    findings: Iterable[Diagnostic], trees: TableOf[str, Node]
) -> tuple[Diagnostic, ...]:
    """The findings, each with a subject; `trees` are the files by path."""
    routes: dict[str, dict[Span, str]] = {}
    named = []
    for finding in findings:
        span = finding.primary.span
        if span.path in trees and span.path not in routes:
            routes[span.path] = _routes(trees[span.path])
        route = routes.get(span.path, {}).get(span, "")
        subject = f"{span.path}: {route}" if route else span.path
        named.append(finding if finding.subject else replace(finding, subject=subject))
    return tuple(named)


def _routes(root: Node) -> dict[Span, str]:
    found: dict[Span, str] = {}
    todo: list[tuple[Node, str]] = [(root, "")]
    while todo:
        node, route = todo.pop()
        found.setdefault(node.span, route)
        if isinstance(node, Mapping):
            below = [(key.text, child) for key, child in node.entries]
            for key, _ in node.entries:
                found.setdefault(key.span, _joined(route, key.text))
        elif isinstance(node, Scalar):
            continue
        else:
            below = [(str(index), child) for index, child in enumerate(node.items)]
        todo.extend((child, _joined(route, step)) for step, child in reversed(below))
    return found


def _joined(route: str, step: str) -> str:
    return f"{route}.{step}" if route else step
