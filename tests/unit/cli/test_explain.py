"""`lotabots explain` and `lotabots generate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.checks.registry import all_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]

FOUND, USAGE = 0, 2


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.code)
def test_every_code_is_explained_by_code_and_by_name(page: object, lotabots: Lotabots) -> None:
    by_code = lotabots("explain", page.code)  # type: ignore[attr-defined]
    by_name = lotabots("explain", page.name)  # type: ignore[attr-defined]
    assert by_code.exit_code == FOUND
    assert by_code.output == by_name.output
    assert by_code.output.startswith(f"# {page.code}: ")  # type: ignore[attr-defined]
    assert "\n## " in by_code.output, "a page has sections, not just a title"


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("BuildBot", "## Must never"),
        ("buildbot", "`build.execute`"),
        ("build.completed", "## May be sent by"),
        ("gate.rollback", "## Waits for all of"),
        ("rollback", "# gate.rollback"),
        ("schedule.tick", "`payload.action`"),
        ("code.modify", "## Denied to"),
        ("production-is-approved", "## Every path to `deploy.application` on `production` passes"),
        ("what-runs-is-what-was-built", "- `build.completed`, of the same `payload.repository`"),
        ("reviews-deploy-nothing", "- from `review.completed` to `deploy`"),
        ("only-gates-ask-for-deployments", "## Only\n- `gate.*` emit `deploy.requested`"),
        ("bots-merge-nothing", "## Never\n- `*` may `change.merge`"),
        ("source-has-no-network", "## No action has all of\n- read `{source}`\n- network `*`"),
    ],
)
def test_what_the_rules_name_is_explained(
    workspace: Path, topic: str, says: str, lotabots: Lotabots
) -> None:
    done = lotabots("explain", "-C", workspace, topic)
    assert done.exit_code == FOUND
    assert says in done.output


@pytest.mark.parametrize(
    ("topic", "near"),
    [
        ("BuildBt", "`BuildBot`"),
        ("gate.rolback", "`gate.rollback`"),
        ("LB1O1", "`LB101`, `LB110` or `LB111`"),
        ("never-tru", "`never-true`"),
        ("deploy.complete", "`deploy.completed` or `docs.completed`"),
    ],
)
def test_a_misspelt_topic_is_a_usage_error_that_names_what_is_near(
    workspace: Path, topic: str, near: str, lotabots: Lotabots
) -> None:
    done = lotabots("explain", "-C", workspace, topic)
    assert done.exit_code == USAGE
    assert done.output == f"error: nothing is called `{topic}`; did you mean {near}?\n"


def test_a_topic_that_is_near_nothing_gets_told_where_names_come_from(
    workspace: Path, lotabots: Lotabots
) -> None:
    done = lotabots("explain", "-C", workspace, "zzzzzzzz")
    assert done.exit_code == USAGE
    assert done.output == (
        "error: nothing is called `zzzzzzzz`; "
        "codes stand in findings and verdicts, all other names in the files of `rules`\n"
    )


def test_a_code_that_does_not_exist_needs_no_workspace_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lotabots: Lotabots
) -> None:
    monkeypatch.chdir(tmp_path)
    done = lotabots("explain", "LR499")
    assert done.exit_code == USAGE
    assert done.output.startswith("error: nothing is called `LR499`; did you mean `LR4")


def test_generate_writes_schemas_and_then_finds_nothing_to_do(
    workspace: Path, lotabots: Lotabots
) -> None:
    assert lotabots("generate", "-C", workspace, "--check").exit_code == 1
    assert lotabots("generate", "-C", workspace).exit_code == 0
    assert (workspace / "schemas/bot.schema.json").is_file()
    assert (workspace / "schemas/payload/build.completed.schema.json").is_file()
    assert lotabots("generate", "-C", workspace, "--check").exit_code == 0


def test_generate_removes_the_schema_of_an_event_that_is_gone(
    workspace: Path, lotabots: Lotabots
) -> None:
    lotabots("generate", "-C", workspace)
    stale = workspace / "schemas/payload/no.such-event.schema.json"
    stale.write_text("{}\n")
    assert lotabots("generate", "-C", workspace, "--check").exit_code == 1
    lotabots("generate", "-C", workspace)
    assert not stale.exists()


def test_generate_keeps_its_hands_off_other_files(workspace: Path, lotabots: Lotabots) -> None:
    lotabots("generate", "-C", workspace)
    own = workspace / "schemas/notes.md"
    own.write_text("mine\n")
    lotabots("generate", "-C", workspace)
    assert own.read_text() == "mine\n"
