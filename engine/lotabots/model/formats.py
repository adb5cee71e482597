"""The named text formats of payload fields, as regular expressions.

One table for the generated JSON Schemas and for the engine's own decoder. The expressions mean the
same in Python and in ECMAScript (``$`` does not: Python lets a line feed follow), are anchored at
both ends, and are matched in time linear in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_END: Final = r"(?![\s\S])"
_OFFSET: Final = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_DATE: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"

PATTERNS: Final[Mapping[str, str]] = {
    "commit": r"^([0-9a-f]{40}|[0-9a-f]{64})" + _END,
    "digest": r"^sha256:[0-9a-f]{64}" + _END,
    "email": r"^[^@\s]{1,64}@[^@\s]{1,255}" + _END,
    "timestamp": "^" + _DATE + "T" + _TIME + _OFFSET + _END,
    "uri": r"^[a-z][a-z0-9+.-]{0,31}:[^\s]+" + _END,
    "version": r"^[0-9]{1,9}(\.[0-9]{1,9}){0,3}([-+][0-9A-Za-z.+-]{1,64})?" + _END,
}
"""Format -> expression. RFC 3339 for `timestamp`, full Git hashes for `commit`."""
