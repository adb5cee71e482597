"""Names for findings that stay the same while lines move, so that a tool can follow each one."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.diagnostics.diagnostic import Diagnostic


def fingerprints(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """A hexadecimal SHA-256 for each finding, of its code, its file and what it is about.

    Never of a line number. Findings that agree in all of that are told apart by their order.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    result: list[str] = []
    for found in diagnostics:
        key = (found.code, found.primary.span.path, found.subject or found.message)
        text = "\0".join((*key, str(seen[key])))
        seen[key] += 1
        # A name may hold what UTF-8 cannot, and a report must not fail for it.
        result.append(sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest())
    return tuple(result)
