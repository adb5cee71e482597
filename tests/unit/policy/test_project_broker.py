"""What the broker is told of a fleet: subjects, doors and streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deciding import FILES
from lotabots.model.load import load
from lotabots.policy.project_broker import (
    consumers,
    event_subject,
    is_outside_source,
    outside_account,
    server_config,
    source_of,
    streams,
    users,
)

if TYPE_CHECKING:
    from lotabots.policy.project_broker import User

FLEET = load({path: text.encode() for path, text in FILES.items()}).fleet
USERS = {user.name: user for user in users(FLEET, ("cli.ann", "ingress.git"))}


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        ("BuildBot", "lb.ev.bot.BuildBot.build.completed"),
        ("gate.release", "lb.ev.gate.release.build.completed"),
        ("cli.ann", "lb.ev.cli.ann.build.completed"),
        ("ingress.git-hub", "lb.ev.ingress.git-hub.build.completed"),
        ("schedule", "lb.ev.engine.schedule.build.completed"),
        ("engine", "lb.ev.engine.engine.build.completed"),
    ],
)
def test_a_subject_proves_its_source(source: str, subject: str):
    assert event_subject(source, "build.completed") == subject
    assert source_of(subject) == source


@pytest.mark.parametrize(
    "subject",
    ["", "lb.ev", "lb.ev.bot.BuildBot", "lb.dec.a.b.c", "xx.ev.bot.BuildBot.t", "ev.t.a.b.c"],
)
def test_other_subjects_prove_nothing(subject: str):
    assert source_of(subject) == ""


@pytest.mark.parametrize(
    "source",
    [
        "BuildBot",
        "gate.release",
        "schedule",
        "engine",
        "cli",
        "cli.",
        "cli.*",
        "cli.ann.lee",
        "cli.>",
    ],
)
def test_only_an_outside_family_with_one_name_gets_credentials(source: str):
    assert not is_outside_source(source)
    with pytest.raises(
        ValueError, match=r"cannot get credentials: an outside source is `cli.<name>`"
    ):
        users(FLEET, [source])


def test_different_sources_have_different_accounts():
    sources = ["cli.ann_lee", "cli.ann-lee", "cli.annlee", "ingress.ann_lee"]
    assert all(map(is_outside_source, sources))
    assert len({outside_account(source) for source in sources}) == 4


def test_the_doors_of_a_bot_are_what_its_actions_emit():
    assert USERS["BuildBot"].doors == {
        "lb.ev.bot.BuildBot.build.completed": "ev.build.completed",
        "lb.ev.bot.BuildBot.build.slow": "ev.build.slow",
    }
    assert USERS["BuildBot"].publish == ("ev.build.completed", "ev.build.slow")
    assert USERS["BuildBot"].subscribe == ("_INBOX_BuildBot.>",)


def test_a_bot_that_emits_nothing_has_no_doors():
    assert (USERS["ChatBot"].publish, dict(USERS["ChatBot"].doors)) == ((), {})


def test_the_doors_of_outside_sources_are_what_their_pattern_may_emit():
    assert sorted(USERS["CLI_ann"].doors) == [
        "lb.api.>",
        "lb.do.cli.ann.>",
        "lb.ev.cli.ann.approval.granted",
        "lb.ev.cli.ann.change.pushed",
    ]
    assert sorted(USERS["INGRESS_git"].doors) == ["lb.ev.ingress.git.change.pushed"]


def test_the_host_can_do_nothing_but_put_on_record_what_it_did():
    assert USERS["host"].doors == {"lb.ctl.host.>": "lb.ctl.host.>"}
    assert USERS["host"].publish == ("lb.ctl.host.>",)
    assert USERS["host"].subscribe == ("_INBOX_host.>",)


def test_every_user_but_the_engine_and_the_admin_is_outside_the_core_account():
    assert [user.name for user in USERS.values() if user.account == "LB"] == ["admin", "engine"]


def test_nobody_may_publish_an_event_of_another_family():
    for user in USERS.values():
        events = [subject for subject in core_subjects(user) if subject.startswith("lb.ev.")]
        if user.name == "engine":
            assert sorted(events) == ["lb.ev.engine.>", "lb.ev.gate.>"]
        elif user.name in ("runner", "audit", "host", "admin", "system"):
            assert events == []
        else:
            assert len({source_of(subject) for subject in events}) <= 1


def core_subjects(user: User) -> list[str]:
    """What a user may publish, by its names in the core account."""
    return list(user.doors or user.publish)


def test_every_consumer_reads_a_stream_that_is_there():
    filters = {stream.name: stream.subjects for stream in streams(FLEET)}
    for consumer in consumers(FLEET):
        assert consumer.stream in filters
        if filters[consumer.stream]:
            assert any(
                consumer.filter.startswith(subject.removesuffix(">"))
                for subject in filters[consumer.stream]
            )


def test_the_queue_of_a_bot_is_served_with_its_own_limit():
    limits = {bot.name: bot.constraints.max_concurrent_jobs for bot in FLEET.bots}
    work = {c.name: c.max_pending for c in consumers(FLEET) if c.stream == "LB_WORK"}
    assert work == limits


def test_the_caps_on_queued_jobs_are_those_of_the_roomiest_bot():
    work = next(stream for stream in streams(FLEET) if stream.name == "LB_WORK")
    assert work.max_per_subject == max(bot.constraints.max_queued_jobs for bot in FLEET.bots)


def test_a_fleet_without_bots_has_streams_all_the_same():
    assert len(streams(load({}).fleet)) == len(streams(FLEET))


def test_a_user_without_a_key_is_refused():
    with pytest.raises(KeyError):
        server_config(USERS.values(), {})
