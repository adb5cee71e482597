"""How much work all analyses of one run may take together, counted in steps: never in time.

The same fleet always spends the same steps, so the answers do not depend on the machine.
"""

from __future__ import annotations

from math import inf
from typing import Final

MEETING: Final = 8
"""Steps that it takes to meet two boxes; a step is one character tried in a search for a text."""


class SpentError(Exception):
    """The budget is spent; the answer stays unknown."""


class Budget:
    """Steps that are left."""

    def __init__(self, steps: float) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take `steps` away before doing the work.

        Raises:
            SpentError: there are not so many left; then nothing is left for smaller work either.
        """
        self.left -= steps
        if self.left < 0:
            raise SpentError


ENDLESS: Final = Budget(inf)
"""For a question that stands alone: only the bounds of each question hold."""
