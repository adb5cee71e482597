"""What the commands say that enable, disable and roll out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.cli.switching import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]


def test_what_was_done_is_told_with_whose_word_it_is_and_why() -> None:
    word = {"by": "cli.ann", "reason": "loses \x1b carts"}
    assert told("ABot is disabled", word) == "ABot is disabled, by cli.ann: loses \\x1b carts"
    assert told("ABot is enabled", word | {"reason": ""}) == "ABot is enabled, by cli.ann"


def test_a_bot_is_not_disabled_without_a_reason(workspace: Path, lotabots: Lotabots) -> None:
    done = lotabots("disable", "-C", workspace, "TestBot")
    assert (done.exit_code, "Missing option '--reason'" in done.output) == (2, True)


@pytest.mark.parametrize("words", [[], ["core", "--rules"]])
def test_a_rollout_is_a_phase_or_that_of_the_rules(
    words: list[str], workspace: Path, lotabots: Lotabots
) -> None:
    done = lotabots("rollout", "-C", workspace, *words)
    assert (done.exit_code, "give either PHASE or `--rules`" in done.output) == (2, True)
