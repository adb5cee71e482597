"""Findings for programs: one JSON document with a version.

Places are 1-based and counted in characters; the end of a place is exclusive. A later version
may add members; one that changes the meaning of a member has another `version`.
"""

from __future__ import annotations

import json
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from lotabots.diagnostics.codes import CODES
from lotabots.diagnostics.diagnostic import Severity
from lotabots.diagnostics.fingerprint import fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span

VERSION: Final = 1
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
_OWN_NAMES: Final = MappingProxyType({code.code: code.name for code in CODES})


def render(diagnostics: Sequence[Diagnostic], *, names: Mapping[str, str] = _NO_NAMES) -> str:
    """The document as ASCII text without a line feed at its end.

    `names` are the short names of codes that this layer does not know: those of the checks.
    """
    return json.dumps(document(diagnostics, names=names), indent=2)


def document(
    diagnostics: Sequence[Diagnostic], *, names: Mapping[str, str] = _NO_NAMES
) -> dict[str, Any]:
    """The document as plain data."""
    prints = fingerprints(diagnostics)
    return {
        "version": VERSION,
        "findings": [
            _finding(found, names.get(found.code, _OWN_NAMES.get(found.code)), fingerprint)
            for found, fingerprint in zip(diagnostics, prints, strict=True)
        ],
        "summary": _summary(diagnostics),
    }


def _finding(found: Diagnostic, name: str | None, fingerprint: str) -> dict[str, Any]:
    return {
        "code": found.code,
        **({"name": name} if name is not None else {}),
        "severity": found.severity.value,
        "message": found.message,
        "subject": found.subject,
        "help": found.help,
        "notes": list(found.notes),
        "example": found.example,
        "location": _location(found.primary.span),
        "label": found.primary.text,
        "related": [{**_location(label.span), "text": label.text} for label in found.related],
        "fingerprint": fingerprint,
    }


def _location(span: Span) -> dict[str, Any]:
    return span._asdict()


def _summary(diagnostics: Sequence[Diagnostic]) -> dict[str, int]:
    by_severity = Counter(found.severity for found in diagnostics)
    return {
        **{f"{severity.value}s": by_severity[severity] for severity in Severity},
        "files": len({found.primary.span.path for found in diagnostics}),
    }
