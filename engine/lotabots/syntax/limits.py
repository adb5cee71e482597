"""How large a rule file may be: far above any honest file, far below what hurts."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 1024 * 1024
"""Size of one file. GitHub shows no diff above it either; a rule nobody can read is no rule."""

MAX_DEPTH: Final = 32
"""Collections inside each other; the model's deepest is about ten."""

MAX_NODES: Final = 100_000
"""Scalars, lists and mappings of one file, an alias counted as often as it is used."""

MAX_SCALAR: Final = 64 * 1024
"""Characters of one scalar."""

MAX_FINDINGS: Final = 100
"""Findings of one file; a file with more is of another kind, or hostile."""
