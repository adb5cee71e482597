"""IncidentBot under its own rules, in the real sandbox."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import unicodedata
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from bots.incidents import ALERT, POLICY, ROLLED_BACK, Event, Room, alert, over, resolved
from bots.notifying import HOSTILE
from executor.workshop import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

ACKNOWLEDGED = {"alert_id": "a1", "acknowledged_by": "ann"}
ESCALATED = {"alert_id": "a1", "severity": "critical"}
FINDING = {
    "alert_id": "s1",
    "repository": "shop",
    "rule": "GHSA-1",
    "severity": "critical",
    "message": "a hole",
    "fingerprint": "abc",
}
VIOLATION = {
    "framework": "SOC 2",
    "control": "tests",
    "resource": "shop",
    "severity": "high",
    "message": "no tests",
    "fingerprint": "def",
    "evidence": [],
}


@pytest.fixture
def room(workshop: Workshop) -> Room:
    return Room.of(workshop)


def test_two_alerts_of_a_service_are_one_incident(room: Room):
    (created,) = room.said(alert())["incident.created"]
    (updated,) = room.said(alert(2, alert_id="a2", rule="latency-anomaly", severity="critical"))[
        "incident.updated"
    ]
    (other,) = room.said(alert(3, environment="staging"))["incident.created"]
    assert created == {
        "incident_id": created["incident_id"],
        "fingerprint": "shop|production",
        "title": "error-burst of shop in production",
        "severity": "high",
        "ticket_uri": created["ticket_uri"],
        "alerts": 1,
        "timeline_entries": 1,
        "reports": created["reports"],
    }
    assert re.fullmatch(r"INC-20260102-[0-9a-f]{10}", created["incident_id"])
    assert updated == {
        "incident_id": created["incident_id"],
        "fingerprint": "shop|production",
        "status": "open",
        "timeline_entries": 2,
    }
    assert other["incident_id"] != created["incident_id"]
    assert room.rows("SELECT severity FROM incident ORDER BY environment") == [
        ("critical",), ("high",)
    ]  # fmt: skip


def test_the_ticket_says_what_is_known_and_is_named_by_its_digest(room: Room):
    (created,) = room.said(alert())["incident.created"]
    ticket = json.loads(room.file(created, "ticket.json"))
    assert {one["kind"] for one in created["reports"]} == {"incident-ticket"}
    assert ticket == {
        "version": 1,
        "incident_id": created["incident_id"],
        "fingerprint": "shop|production",
        "title": "error-burst of shop in production",
        "severity": "high",
        "service": "shop",
        "environment": "production",
        "status": "open",
        "opened_at": "2026-01-02T03:04:05+00:00",
        "alerts": ["a1"],
        "timeline": [
            {
                "at": "2026-01-02T03:04:05+00:00",
                "kind": "alert",
                "source": "MonitorBot",
                "text": "high: error-burst: error_share = 0.5 (alert a1)",
                "event": "event-1",
            }
        ],
    }
    assert created["ticket_uri"].startswith("ni:///sha-256;")
    assert created["incident_id"].replace("-", r"\-") in room.file(created, "ticket.md")


@pytest.mark.parametrize(("event", "fingerprint", "title"), [
    (Event("security.alert", FINDING), "security|abc", "GHSA-1 in shop"),
    (Event("compliance.violation", VIOLATION), "compliance|def",
     "SOC 2 tests does not hold for shop"),
    (Event("deploy.unstable",
           {"service": "shop", "environment": "production", "severity": "high"}),
     "shop|production", "deployments of shop in production fail again and again"),
    (Event("incident.reported", {"title": "all is slow", "severity": "low", "fingerprint": "slow"}),
     "slow", "all is slow"),
])  # fmt: skip
def test_whatever_the_rules_send_opens_an_incident_once(
    room: Room, event: Event, fingerprint: str, title: str
):
    (created,) = room.said(event)["incident.created"]
    assert (created["fingerprint"], created["title"]) == (fingerprint, title)
    assert room.status(event._replace(minute=1)) == "open"


def test_an_incident_goes_through_its_states_and_only_a_person_resolves_it(room: Room):
    incident = room.opened(alert())
    room.said(alert(1, alert_id="a2"))
    assert room.status(Event("alert.acknowledged", ACKNOWLEDGED, 5)) == "acknowledged"
    assert room.status(over(10)) == "acknowledged"
    assert room.status(over(20, alert_id="a2")) == "mitigated"
    assert room.status(over(21, alert_id="a2")) == "mitigated"
    assert room.status(alert(30, alert_id="a3")) == "acknowledged"
    done = Event("deploy.completed", ROLLED_BACK, 40)
    failed = Event("deploy.completed", {**ROLLED_BACK, "outcome": "failure"}, 39)
    assert room.status(failed) == "acknowledged"
    assert room.status(done) == "mitigated"
    (report,) = room.said(resolved(incident, 65, resolution="a fix"))["incident.postmortem"]
    assert report["incident_id"] == incident
    assert report["timeline_entries"] == 10
    (file,) = report["reports"]
    assert (report["post_mortem"], file["kind"]) == (file["digest"], "post-mortem")
    text = room.file(report, "post-mortem.md")
    assert "| took charge | 5 min 00 s | 2026\\-01\\-02T03\\:09\\:05\\+00\\:00 | ann |" in text
    assert "| or something ended the harm | 40 min 00 s |" in text
    assert "| declared it resolved | 1 h 05 min |" in text
    assert "## Root cause\n\n*To be written by a person.*" in text
    assert "## Resolution\n\na fix" in text
    assert room.rows("SELECT status, resolved_by FROM incident") == [("resolved", "ann")]
    assert room.opened(alert(70)) != incident


def test_an_incident_without_an_alert_is_acknowledged_by_its_own_id(room: Room):
    report = {"title": "all is slow", "severity": "high", "fingerprint": "slow"}
    incident = room.opened(Event("incident.reported", report))
    payload = {"alert_id": incident, "acknowledged_by": "ann"}
    assert room.status(Event("alert.acknowledged", payload, 1)) == "acknowledged"


@pytest.mark.parametrize("event", [
    Event("alert.acknowledged", ACKNOWLEDGED), over(0), Event("deploy.completed", ROLLED_BACK),
])  # fmt: skip
def test_what_is_about_no_incident_changes_nothing(room: Room, event: Event):
    assert room.said(event) == {}
    assert room.rows("SELECT count(*) FROM incident") == [(0,)]
    assert "no unresolved incident" in room.ran[0].log


def test_the_policy_says_who_is_asked_level_by_level(room: Room):
    room.opened(alert(severity="critical"))
    asked = []
    for minute in (15, 30, 45):
        said = room.said(Event("alert.escalated", ESCALATED, minute))
        asked.append([one["team"] for one in said["message.requested"]])
        assert said["incident.updated"][0]["status"] == "open"
    assert asked == [["shop-team"], ["on-call"], ["on-call"]]
    (message,) = said["message.requested"]
    assert message["severity"] == "critical"
    assert "Nobody has taken charge of it." in message["text"]
    room.opened(alert(alert_id="b", service="till"))
    second = Event("alert.escalated", {**ESCALATED, "alert_id": "b"}, 60)
    assert [one["team"] for one in room.said(second)["message.requested"]] == ["on-call"]
    both = room.said(second._replace(minute=70))["message.requested"]
    assert [one["team"] for one in both] == ["second-line", "management"]


MISTAKES = [
    ("version = 2\notherwise = [['a']]", "reads policies of version 1"),
    ("version = 1", "the policy lacks `otherwise`"),
    ("version = 1\notherwise = []", "`otherwise` is a list of 1 to 10 lists"),
    ("version = 1\notherwise = [[]]", "`otherwise` has a level without a team"),
    ("version = 1\notherwise = [[7]]", "`otherwise` has at most 10 names"),
    ('version = 1\notherwise = [["a\\nb"]]', "`otherwise` has at most 10 names"),
    (f"{POLICY}\nteam = 'x'", "a route has an unknown key `team`"),
    ("otherwise = ", "responders.toml"),
]


def test_a_policy_with_a_mistake_asks_nobody(room: Room):
    room.opened(alert(severity="critical"))
    for policy, said in MISTAKES:
        room.policy(policy)
        assert room.said(Event("alert.escalated", ESCALATED, 15, "up"), status=1) == {}
        assert said in room.ran[-1].log
    room.policy(POLICY)
    again = room.said(Event("alert.escalated", ESCALATED, 15, "up"))
    assert [one["team"] for one in again["message.requested"]] == ["shop-team"]


def test_without_a_policy_nobody_is_asked_and_all_else_works(room: Room):
    room.workshop.places = {}
    assert "`{responders}` has no place" in room.executor.refusal("IncidentBot", "coordinate")
    assert room.opened(alert())


def test_an_escalation_that_comes_before_its_incident_is_tried_again(room: Room):
    event = Event("alert.escalated", ESCALATED, 15, "e")
    assert room.said(event, status=75) == {}
    room.opened(alert())
    assert len(room.said(event)["message.requested"]) == 1


def test_an_event_that_comes_again_says_the_same_and_changes_nothing(room: Room):
    events = [
        alert(id="open", severity="critical"),
        alert(1, id="more", alert_id="a2"),
        Event("alert.acknowledged", ACKNOWLEDGED, 2, "ack"),
        Event("alert.escalated", ESCALATED, 3, "up"),
    ]
    first = [room.said(one) for one in events]
    incident = first[0]["incident.created"][0]["incident_id"]
    events.append(resolved(incident)._replace(id="done"))
    first.append(room.said(events[-1]))
    before = room.rows("SELECT * FROM timeline"), room.rows("SELECT * FROM incident")
    assert [room.said(one) for one in events] == first
    assert (room.rows("SELECT * FROM timeline"), room.rows("SELECT * FROM incident")) == before
    assert room.rows("SELECT count(*) FROM incident") == [(1,)]


def test_the_same_events_give_the_same_bytes_elsewhere(room: Room, tmp_path: Path):
    events = [alert(id="a"), over(5)._replace(id="b")]
    first = [room.run(one).lines for one in events]
    room.store.unlink()
    room.jobs = 7
    assert [room.run(one).lines for one in events] == first
    assert not [*tmp_path.rglob("*.db-journal")]


def test_a_resolved_incident_is_not_resolved_again(room: Room):
    incident = room.opened(alert())
    room.said(resolved(incident))
    assert room.said(resolved(incident, 61, resolved_by="bob")) == {}
    assert room.rows("SELECT resolved_by FROM incident") == [("ann",)]


def test_an_incident_that_does_not_exist_is_not_resolved(room: Room):
    assert room.said(resolved("INC-1"), status=1) == {}
    assert "no incident is called 'INC-1'" in room.ran[0].log


@pytest.mark.parametrize("source", ["MonitorBot", "gate.rollback", "schedule", "engine"])
def test_what_is_no_person_resolves_nothing(room: Room, source: str):
    incident = room.opened(alert())
    assert room.said(resolved(incident)._replace(source=source), status=1) == {}
    assert "only people resolve incidents" in room.ran[-1].log
    assert room.rows("SELECT status FROM incident") == [("open",)]


def test_hostile_text_stays_text_in_tickets_and_reports(room: Room):
    pages = []
    for name, text in HOSTILE.items():
        report = {"title": text, "severity": "low", "fingerprint": name}
        (created,) = room.said(Event("incident.reported", report))["incident.created"]
        assert_plain(created["title"])
        pages.append(room.file(created, "ticket.md"))
    everything = " ".join(HOSTILE.values())
    alike = dict.fromkeys(("rule", "metric", "alert_id"), everything)
    (created,) = room.said(alert(service=f"{everything}| x |", **alike))["incident.created"]
    end = resolved(created["incident_id"], resolved_by=everything, resolution=everything)
    (report,) = room.said(end)["incident.postmortem"]
    pages += [room.file(created, "ticket.md"), room.file(report, "post-mortem.md")]
    for page in pages:
        assert_harmless(page)


def assert_plain(text: str) -> None:
    """One visible line."""
    assert all(unicodedata.category(one)[0] != "C" for one in text)
    assert not {"\u2028", "\u2029", "\n"} & set(text)


def assert_harmless(page: str) -> None:
    """A page of Markdown has our headings, our tables, our emphasis, and no links or markup."""
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    tokens = reader.parse(page)
    kinds = {one.type for one in tokens} | {
        child.type for one in tokens for child in one.children or ()
    }
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "fence",
                        "code_block", "s_open", "strong_open", "blockquote_open"}  # fmt: skip
    headings = [one for one in tokens if one.type == "heading_open"]
    assert len(headings) == page.count("\n## ") + 1
    rows = [one.type for one in tokens].count("tr_open")
    cells = [one.type for one in tokens].count("td_open")
    heads = [one.type for one in tokens].count("th_open")
    tables = [one.type for one in tokens].count("thead_open")
    assert cells == 4 * (rows - tables)
    assert heads == 4 * tables
    assert re.search(r"@\w|https?://|www\.", page) is None


def test_an_alert_storm_is_counted_and_does_not_grow_the_store(room: Room):
    incident = room.opened(alert())
    fill = textwrap.dedent("""
        WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO timeline SELECT '%s', i, '2026-01-02T03:05:00+00:00', 'alert', 'MonitorBot',
            'x', 'old-' || i FROM n
    """)
    with closing(sqlite3.connect(room.store)) as opened, opened:
        opened.execute(fill % incident)
    (updated,) = room.said(alert(5))["incident.updated"]
    assert updated["timeline_entries"] == 1001
    assert room.rows("SELECT count(*) FROM timeline") == [(1000,)]
    (report,) = room.said(resolved(incident))["incident.postmortem"]
    assert report["timeline_entries"] == 1002
    assert "2 more entries were counted, but not kept" in room.file(report, "post-mortem.md")


def test_what_is_long_over_is_removed(room: Room):
    incident = room.opened(alert())
    room.said(resolved(incident))
    year = 60 * 24 * 401
    room.opened(alert(year))
    assert [name for (name,) in room.rows("SELECT id FROM incident")] != [incident]
    assert room.rows("SELECT count(*) FROM incident") == [(1,)]
    assert room.rows("SELECT count(*) FROM timeline") == [(1,)]
    assert room.rows("SELECT count(*) FROM said") == [(1,)]


@pytest.mark.parametrize(("damage", "said"), [
    (b"this is no database at all, but some other text" * 100, "file is not a database"),
    (None, "is of version 9; this IncidentBot knows 1"),
])  # fmt: skip
def test_a_store_that_cannot_be_read_is_left_as_it_is(room: Room, damage: bytes | None, said: str):
    room.store.parent.mkdir(parents=True)
    if damage is None:
        with closing(sqlite3.connect(room.store)) as made:
            made.execute("PRAGMA user_version = 9")
    else:
        room.store.write_bytes(damage)
    before = room.store.read_bytes()
    assert room.said(alert(), status=1) == {}
    assert said in room.ran[0].log
    assert room.store.read_bytes() == before


CUT = """
import os, runpy, signal, sqlite3, sys
bot, limit = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, bot)
count, connect = 0, sqlite3.connect
class Cut(sqlite3.Connection):
    def execute(self, *arguments):
        global count
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)
sqlite3.connect = lambda *arguments, **named: connect(*arguments, factory=Cut, **named)
runpy.run_path(bot, run_name="__main__")
"""


def test_killed_at_any_statement_the_store_is_as_before_or_as_after(tmp_path: Path):
    """`kill -9` before each statement in turn; the job that comes again opens one incident."""
    script = tmp_path / "cut.py"
    script.write_text(CUT)
    said: set[bytes] = set()
    for limit in range(1, 200):
        state = tmp_path / f"state{limit}"
        out = tmp_path / f"out{limit}"
        state.mkdir()
        out.mkdir()
        work = document(state, out)
        words = [sys.executable, "-I", "-S", script, ROOT / "bots/incident"]
        cut = subprocess.run([*words, str(limit)], input=work, capture_output=True, check=False)
        assert cut.returncode in {0, -signal.SIGKILL}, cut.stderr
        assert counts(state) in ({(0, 0, 0)} if cut.returncode else {(1, 1, 1)})
        again = subprocess.run([*words, "0"], input=work, capture_output=True, check=True)
        said.add(again.stdout)
        assert counts(state) == (1, 1, 1)
        if cut.returncode == 0:
            break
    assert limit > 20
    assert len(said) == 1


def document(state: Path, out: Path) -> bytes:
    """A job as the executor gives it."""
    event = {
        "id": "e",
        "type": "alert.triggered",
        "source": "MonitorBot",
        "timestamp": "2026-01-02T03:04:05Z",
        "payload": ALERT,
    }
    paths = {"out": str(out), "places": {"state": str(state)}}
    return json.dumps({"action": "open", "event": event, "paths": paths}).encode()


def counts(state: Path) -> tuple[Any, ...]:
    """Incidents, entries and jobs that a store knows, after SQLite put it in order."""
    found = state / "incidents.db"
    if not found.exists():
        return (0, 0, 0)
    with closing(sqlite3.connect(found)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if opened.execute("PRAGMA user_version").fetchone() == (0,):
            return (0, 0, 0)
        names = ("incident", "timeline", "said")
        return tuple(
            opened.execute(f"SELECT count(*) FROM {one}").fetchone()[0]  # noqa: S608 - ours
            for one in names
        )


def test_the_store_refuses_a_second_unresolved_incident_of_a_fingerprint(room: Room):
    incident = room.opened(alert())
    with closing(sqlite3.connect(room.store)) as opened, pytest.raises(sqlite3.IntegrityError):
        opened.execute(
            "INSERT INTO incident (id, fingerprint, title, severity, service, environment,"
            " opened_at) SELECT 'other', fingerprint, title, severity, service, environment,"
            " opened_at FROM incident WHERE id = ?",
            (incident,),
        )
