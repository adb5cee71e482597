"""Answers of the analysis. Three of them: an example, no (a proof), and unknown with its reason."""

from __future__ import annotations

from typing import Any, NamedTuple

Witness = dict[str, Any]
"""An example of an event: ``{"payload": {...}, "event": {...}}``, as JSON would hold it.

Numbers are `int` or exact `Decimal`; `lotabots.condition.example.json_text` writes them.
"""


class Unknown(NamedTuple):
    """The analysis gave up within its bounds; the answer may be yes or no."""

    reason: str


Answer = Witness | Unknown | None
"""An example; or unknown; or None, a proof that there is none."""
