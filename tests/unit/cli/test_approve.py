"""What `lotabots approve` says, and what it puts into an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lotabots.cli.approve import filled, in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

COMMIT = "c0ffee0" * 5 + "12345"


def row(*needs: str) -> dict[str, Any]:
    payload = {"purpose": "release", "change": {"id": COMMIT}}
    return {
        "gate": "gate.release",
        "doc": "To production when a person says so",
        "key": {"payload.change.id": COMMIT},
        "has": [{"part": "staging", "event": "e1", "at": "2026-03-01T12:00:00Z"}],
        "missing": ["approval.granted"],
        "since": "2026-03-01T12:00:00Z",
        "until": "2026-03-02T12:00:00Z",
        "approval": {"event": "approval.granted", "payload": payload, "needs": list(needs)},
        "name": ["release", COMMIT[:12]],
    }


def said(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"approvals": list(rows), "left_out": 0, "near": [], "gates_behind": False} | more


def test_what_waits_is_listed_with_what_to_type() -> None:
    assert in_words(said(row())).splitlines() == [
        "release: To production when a person says so",
        f"  change.id {COMMIT}",
        "    has staging since 2026-03-01 12:00:00Z",
        "    waits for approval.granted until 2026-03-02 12:00:00Z",
        f"    to approve: lotabots approve release {COMMIT[:12]}",
    ]


def test_no_value_of_an_event_becomes_an_option_of_what_is_typed() -> None:
    hostile = row() | {"name": ["release", "--as=cli.bob"]}
    assert in_words(said(hostile)).endswith(": lotabots approve -- release --as=cli.bob")


def test_an_empty_list_says_so_and_one_that_is_cut_off_too() -> None:
    assert in_words(said()) == "nothing waits for a person"
    assert in_words(said(row(), left_out=3)).endswith("\n(3 more left out)")
    assert in_words(said(gates_behind=True)) == "not all events were read for this yet; ask again"


def test_the_approver_is_who_types_and_no_one_has_to_say_so() -> None:
    assert filled(row("approver"), [], sender="cli.ann") == {
        "purpose": "release",
        "change": {"id": COMMIT},
        "approver": "ann",
    }


def test_members_are_added_where_their_path_says() -> None:
    given = [("why", "it is due"), ("change.note", "see above")]
    assert filled(row("why"), given, sender="cli.ann") == {
        "purpose": "release",
        "change": {"id": COMMIT, "note": "see above"},
        "why": "it is due",
    }


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([], "`approval.granted` says more than what waits: add --set why=VALUE"),
        (
            [("why", "x"), ("purpose", "rollback")],
            '`purpose` is settled by what waits: it is "release"',
        ),
        (
            [("why", "x"), ("purpose.x", 1)],
            "`purpose.x` is not a member: what is before the last dot is a value",
        ),
    ],
)
def test_what_is_missing_or_settled_is_refused(
    given: list[tuple[str, Any]], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        filled(row("why"), given, sender="cli.ann")
    assert (ended.value.code, capsys.readouterr().err) == (2, f"error: {fault}\n")


def test_without_a_service_nothing_is_approved(
    workspace: Path, lotabots: Callable[..., Result]
) -> None:
    done = lotabots("approve", "-C", workspace, "release")
    assert (done.exit_code, "start one with `lotabots run`" in done.output) == (2, True)
