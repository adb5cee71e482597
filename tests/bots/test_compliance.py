"""ComplianceBot under its own rules, in the real sandbox, before logs of the real writers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from bots.compliances import COMMIT, FOREIGN, OTHER, POLICY, REFUSED, SEED, WHEEL, Office, scan
from bots.notifying import HOSTILE
from lotabots.audit.note import verifier_of

if TYPE_CHECKING:
    from executor.workshop import Workshop

RESOURCE = "shop/production/r-cccc"
OF_DEPLOYMENTS = {
    "tests-passed", "lint-clean", "code-scanned", "dependencies-scanned", "approved",
    "artifact-is-the-tested-one", "no-old-critical-advisories",
}  # fmt: skip


@pytest.fixture
def office(workshop: Workshop) -> Office:
    return Office.of(workshop)


def test_a_release_that_went_the_whole_way_holds_every_control(office: Office):
    found = office.check(office.system.release())
    assert found.flagged == []
    assert found.summary == {
        "outcome": "success", "checked": 8, "suppressed": 0, "violations": 0
    }  # fmt: skip
    assert found.statuses == {
        **dict.fromkeys(OF_DEPLOYMENTS | {"audit-log-whole"}, "holds"),
        "approved-by-another": "not checked",
        "backups-fresh": "not checked",
    }
    report = json.loads(found.file(".json"))
    assert report["metrics"]["share"] == 1
    assert report["metrics"]["deployments"] == 1
    assert report["audit_log"]["entries"] == 8
    assert "8 of 8 checked controls hold" in found.file(".md")


@pytest.mark.parametrize(("without", "controls"), [
    ("build", ["artifact-is-the-tested-one"]),
    ("test", ["tests-passed", "artifact-is-the-tested-one"]),
    ("lint", ["lint-clean"]),
    ("code", ["code-scanned"]),
    ("parts", ["dependencies-scanned", "no-old-critical-advisories"]),
    ("approval", ["approved"]),
])  # fmt: skip
def test_a_release_that_skipped_a_step_is_a_violation(
    office: Office, without: str, controls: list[str]
):
    deployment = office.system.release(without=without)
    found = office.check(deployment)
    assert sorted(one for one, _ in found.flagged) == sorted(controls)
    assert found.summary["outcome"] == "failure"
    assert found.summary["violations"] == len(controls)
    first = next(
        one for one in found.payloads("compliance.violation")
        if one["control"] != "no-old-critical-advisories"
    )  # fmt: skip
    assert first["resource"] == RESOURCE
    assert first["evidence"] == [deployment]
    assert first["framework"].startswith(("SOC 2", "ISO/IEC 27001:2022"))


def test_what_came_after_the_deployment_is_no_evidence_for_it(office: Office):
    deployment = office.system.release(without="approval")
    payload = {"repository": "shop", "change": {"id": COMMIT}, "purpose": "release"}
    office.system.happens("approval.granted", payload)
    assert office.check(deployment).flagged == [("approved", RESOURCE)]


def test_an_artifact_that_was_not_tested_is_a_violation(office: Office):
    found = office.check(office.system.release(artifact=FOREIGN))
    assert found.flagged == [("artifact-is-the-tested-one", RESOURCE)]


def test_who_wrote_a_change_cannot_be_the_only_one_who_approves_it(office: Office):
    own = office.system.release(author="cli.bob", approver="cli.bob")
    other = office.system.release(commit=OTHER, author="cli.ann", approver="cli.bob")
    found = office.check(own)
    assert found.flagged == [("approved-by-another", RESOURCE)]
    assert office.check(other).statuses["approved-by-another"] == "violated"
    payload = {"repository": "shop", "change": {"id": COMMIT}, "purpose": "release"}
    office.system.happens("approval.granted", payload, source="cli.eve")
    assert office.check().statuses["approved-by-another"] == "violated"


def test_results_that_are_not_clean_are_no_evidence(office: Office):
    system = office.system
    failed = {"repository": "shop", "change": {"id": COMMIT}, "outcome": "failure"}
    system.happens("security.completed", scan("code", new=1))
    system.happens("lint.completed", {**failed, "new": 3})
    counts = {"counts": {"total": 0}, "artifact": {"digest": FOREIGN}}
    system.happens("test.completed", {**failed, "outcome": "success", **counts})
    where = {"action": "deploy", "environment": "production", "service": "shop", "release": "r"}
    digest = {"artifact": {"digest": FOREIGN}, "outcome": "success"}
    found = office.check(system.happens("deploy.completed", {**failed, **digest, **where}))
    assert {one for one, _ in found.flagged} == OF_DEPLOYMENTS


def test_events_that_the_engine_refused_are_no_evidence(office: Office):
    system = office.system
    change = {"repository": "shop", "change": {"id": COMMIT}, "purpose": "release"}
    system.happens("approval.granted", change, source="BuildBot", decided=REFUSED)
    found = office.check(system.release(without="approval"))
    assert found.flagged == [("approved", RESOURCE)]


def test_a_word_that_somebody_else_repeats_is_not_theirs(office: Office):
    system = office.system
    payload = {"repository": "shop", "change": {"id": COMMIT}, "purpose": "release"}
    system.happens("approval.granted", payload, source="cli.ann")
    word = system.last
    system.happens("approval.granted", payload, source="cli.bob", decided=REFUSED, replayed=word)
    found = office.check(system.release(without="approval", author="cli.ann"))
    assert found.flagged == [("approved-by-another", RESOURCE)]


def test_staging_and_rollbacks_are_not_judged_as_releases(office: Office):
    base = {"repository": "shop", "change": {"id": OTHER}, "outcome": "success", "release": "r"}
    more = {"artifact": {"digest": FOREIGN}, "service": "shop"}
    for action, environment in (("deploy", "staging"), ("rollback", "production")):
        where = {"action": action, "environment": environment}
        office.system.happens("deploy.completed", {**base, **more, **where})
    assert office.check(office.system.release()).flagged == []


def test_only_the_window_of_the_policy_is_checked(office: Office):
    office.system.release(without="test")
    found = office.check(after=60 * 24 * 29)
    assert ("tests-passed", RESOURCE) in found.flagged
    found = office.check(after=60 * 24 * 31)
    assert found.statuses["tests-passed"] == "not checked"


def test_critical_advisories_may_be_open_for_a_while_only(office: Office):
    system = office.system
    system.release()
    system.happens("security.completed", scan("dependencies", critical=2))
    system.happens("security.completed", scan("dependencies", critical=1), minutes=60 * 24 * 13)
    held = office.check(after=60)
    assert held.statuses["no-old-critical-advisories"] == "holds"
    late = office.check(after=60 * 24 * 2)
    assert late.flagged == [("no-old-critical-advisories", "repository/shop")]
    assert "open since 2026-01-02T" in late.payloads("compliance.violation")[0]["message"]
    system.happens("security.completed", scan("dependencies"), minutes=60 * 24)
    assert office.check(after=1).statuses["no-old-critical-advisories"] == "holds"
    assert office.check(after=60 * 24 * 15).flagged == [
        ("no-old-critical-advisories", "repository/shop")
    ]


def test_backups_are_fresh_or_missed(office: Office):
    office.policy("version = 1\n[parameters]\nbackup_hours = 24\nbackup_targets = ['orders']\n")
    office.system.happens("backup.completed", {"target": "shop", "outcome": "success"})
    office.system.happens("backup.failed", {"target": "shop", "outcome": "error"}, minutes=600)
    first = office.check(after=600)
    assert first.flagged == [("backups-fresh", "backup/orders")]
    assert office.check(after=1000).flagged == [("backups-fresh", "backup/shop")]


def test_a_violation_is_flagged_once_and_again_when_it_comes_back(office: Office):
    system = office.system
    missed = ("backups-fresh", "backup/shop")
    system.happens("backup.completed", {"target": "shop", "outcome": "success"})
    assert office.check(after=60 * 30).flagged == [missed]
    second = office.check(after=60 * 31)
    assert (second.flagged, second.summary["violations"]) == ([], 1)
    system.happens("backup.completed", {"target": "shop", "outcome": "success"}, minutes=60 * 32)
    assert office.check(after=1).summary["violations"] == 0
    assert office.check(after=60 * 30).flagged == [missed]


def test_the_numbers_are_kept_over_time(office: Office):
    office.system.release(without="lint")
    office.check(after=1)
    office.system.release(commit=OTHER)
    report = json.loads(office.check(after=2).file(".json"))
    kept = [(one["deployments"], one["violations"]) for one in report["history"]]
    assert kept == [(1, 1), (2, 1)]
    assert report["metrics"] == report["history"][-1]


def test_exceptions_have_a_reason_and_an_end(office: Office):
    office.policy("""
version = 1
[[exceptions]]
control = "lint-clean"
resource = "shop/*"
until = 2026-01-10
reason = "the linter is being replaced"
""")
    office.system.release(without="lint")
    found = office.check(after=1)
    assert found.flagged == []
    assert found.summary == {
        "outcome": "success", "checked": 8, "suppressed": 1, "violations": 0
    }  # fmt: skip
    assert found.statuses["lint-clean"] == "excepted"
    assert "the linter is being replaced" in found.file(".md")
    late = office.check(after=60 * 24 * 9)
    assert ("lint-clean", RESOURCE) in late.flagged
    assert "2026-01-10 (expired)" in late.file(".md")


EXCEPTION = "version = 1\n[[exceptions]]\ncontrol = 'lint-clean'\nresource = '*'\n"
MISTAKES = [
    ("", "lacks `version`"),
    ("version = 2", "reads policies of version 1"),
    ("version = ", "policy.toml"),
    ("version = 1\nnmae = 'x'", "has an unknown key `nmae`"),
    ("version = 1\n[parameters]\nwindow_days = 0", "`window_days` is a whole number above 0"),
    ("version = 1\n[parameters]\nbackup_targets = 'x'", "`backup_targets` is a text"),
    (EXCEPTION + "until = 2027-01-01", "an exception lacks `reason`"),
    (EXCEPTION + "until = 2027-01-01\nreason = ' '", "an exception has no reason"),
    (EXCEPTION + "until = 'never'\nreason = 'x'", "`until` of an exception is a day"),
    (EXCEPTION + "until = 9999-12-31\nreason = 'x'", "lasts longer than a year from now"),
    (
        EXCEPTION.replace("lint-clean", "x") + "until = 2027-01-01\nreason = 'x'",
        "`x`, which is no control",
    ),
    (
        (
            "version = 1\n[[controls]]\nid = 'approved'\ntitle = 't'\nseverity = 'low'\n"
            "frameworks = ['x']\nsubjects = ''\nviolations = ''"
        ),
        "there are two controls `approved`",
    ),
]


def test_with_a_mistake_in_the_policy_nothing_is_checked(office: Office):
    deployment = office.system.release()
    for policy, said in MISTAKES:
        office.policy(policy)
        ran = office.run(deployment)
        assert (ran.judged, ran.report.status) == ([], 1)
        assert said in ran.log
    office.policy(POLICY)
    assert office.check(deployment).summary["outcome"] == "success"


OWN = """
version = 1
[[controls]]
id = "own"
title = "Nobody deploys on Fridays"
severity = "low"
frameworks = ["our rules 1.2"]
subjects = "%s"
violations = "%s"
"""
NUMBER = "SELECT count(*) FROM production"
FRIDAY = "SELECT resource, 'a Friday', event FROM production WHERE strftime('%w', at) = '5'"


def test_an_operator_adds_controls_of_their_own(office: Office):
    office.policy(OWN % (NUMBER, FRIDAY))
    found = office.check(office.system.release())
    assert found.flagged == [("own", RESOURCE)]
    assert found.payloads("compliance.violation")[0]["framework"] == "our rules 1.2"


UNASKABLE = [
    ("SELECT 1", "SELECT nonsense", "no such column"),
    ("SELECT 1", "DELETE FROM fault RETURNING text, text, text", "not authorized"),
    ("SELECT 1", "ATTACH 'x' AS y", "not authorized"),
    ("SELECT 1", "SELECT load_extension('x'), '', ''", "not authorized"),
    ("SELECT 1", "SELECT hex(zeroblob(900000000)), '', ''", "too big"),
    (
        "SELECT 1",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, '', '' FROM n",
        "more than 50000 rows",
    ),
    ("SELECT 1", "SELECT 1", "is no query of resource, message and evidence"),
    ("SELECT 'x'", "SELECT 'a', 'b', 'c' WHERE 0", "is no query with one whole number"),
    (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "SELECT 'a', 'b', 'c' WHERE 0",
        "interrupted",
    ),
]


def test_a_control_that_cannot_be_asked_is_an_error_and_the_others_are(office: Office):
    controls = [
        OWN.replace('"own"', f'"own-{number}"').removeprefix("\nversion = 1") % (one[0], one[1])
        for number, one in enumerate(UNASKABLE)
    ]
    office.policy("version = 1\n" + "".join(controls))
    found = office.check(office.system.release(without="lint"))
    assert found.summary == {
        "outcome": "error", "checked": 8, "suppressed": 0, "violations": 1
    }  # fmt: skip
    results = json.loads(found.file(".json"))["controls"][-len(UNASKABLE) :]
    for (_, _, said), result in zip(UNASKABLE, results, strict=True):
        assert result["status"] == "error"
        assert said in result["problem"]


def test_nothing_to_check_is_not_well(office: Office):
    ran = office.run()
    assert (ran.judged, ran.report.status) == ([], 1)
    assert "nothing was checked: no control has anything to speak of" in ran.log


def test_without_a_record_nothing_is_checked(office: Office):
    office.system.sign()
    deployment = office.system.release()
    (office.system.record / "head.json").unlink()
    ran = office.run(deployment)
    assert (ran.judged, ran.report.status) == ([], 1)
    assert "there is no record of events" in ran.log


def test_a_deployment_that_the_record_does_not_have_yet_is_checked_later(office: Office):
    office.system.release()
    ran = office.run("a deployment of a moment ago")
    assert (ran.judged, ran.report.status) == ([], 75)
    assert "does not have the deployment yet" in ran.log


def test_a_record_that_is_behind_is_not_judged_by(office: Office):
    office.system.release()
    office.system.now -= office.system.now - office.system.now.replace(hour=0)
    office.run()
    head = json.loads((office.system.record / "head.json").read_bytes())
    office.system.now = office.system.now.replace(hour=20)
    office.system.sink.publish = lambda *_, **__: None  # type: ignore[method-assign]
    ran = office.run()
    assert (ran.judged, ran.report.status) == ([], 75)
    assert f"complete at {head['as_of']}" in ran.log


@pytest.mark.parametrize("damage", ["entry", "checkpoint", "missing", "key"])
def test_an_audit_log_that_was_changed_is_a_violation_and_proves_nothing(
    office: Office, damage: str
):
    deployment = office.system.release()
    office.system.sign()
    audit = office.system.audit
    (bundle,) = (audit / "tile/entries").rglob("8")
    if damage == "entry":
        bundle.write_bytes(bundle.read_bytes().replace(b"dispatch", b"Dispatch", 1))
    elif damage == "missing":
        bundle.unlink()
    elif damage == "checkpoint":
        path = audit / "checkpoint"
        path.write_text(path.read_text().replace("\n8\n", "\n7\n"))
    else:
        strange = verifier_of("lotabots.local/audit", b"t" * 32)
        office.policy(f'version = 1\naudit_key = "{strange}"\n')
    office.system.sign = lambda: None  # type: ignore[method-assign]
    found = office.check(deployment)
    assert ("audit-log-whole", "audit log") in found.flagged
    assert found.statuses["tests-passed"] == "not checked"
    said = [one["message"] for one in found.payloads("compliance.violation")]
    assert any("the audit log cannot be believed" in one for one in said)


def test_the_key_of_the_policy_vouches_for_the_log(office: Office):
    office.policy(f'version = 1\naudit_key = "{verifier_of("lotabots.local/audit", SEED)}"\n')
    found = office.check(office.system.release())
    assert json.loads(found.file(".json"))["audit_log"]["key_pinned"]
    assert found.statuses["audit-log-whole"] == "holds"


def test_a_long_log_is_read_to_its_end(office: Office):
    office.system.log += [("lb.ctl.engine.started", b"{}")] * 700
    found = office.check(office.system.release())
    assert found.statuses["audit-log-whole"] == "holds"
    assert json.loads(found.file(".json"))["audit_log"]["entries"] == 708


def test_an_event_without_a_decision_is_a_violation(office: Office):
    system = office.system
    name = system.happens("lint.completed", {"new": 0}, decided=None)
    found = office.check(system.release())
    assert found.flagged == [("audit-log-whole", f"event/{name}")]
    assert found.payloads("compliance.violation")[0]["evidence"] == [name]


def test_an_event_of_another_form_is_no_fact_and_said_so(office: Office):
    name = office.system.happens("lint.completed", {"repository": "shop"})
    found = office.check(office.system.release())
    assert found.flagged == [("audit-log-whole", "audit log")]
    said = found.payloads("compliance.violation")[0]["message"]
    assert said.endswith(f"event {name} has a form that is not known here")


def test_a_copy_that_was_changed_is_a_violation_and_proves_nothing(office: Office):
    deployment = office.system.release()
    (day,) = office.system.record.glob("*.jsonl")
    text = day.read_text()
    day.write_text(text.replace('\\"total\\": 5', '\\"total\\": 6'))
    found = office.check(deployment)
    assert ("audit-log-whole", "audit log") in found.flagged
    assert ("tests-passed", RESOURCE) in found.flagged


def test_a_job_that_comes_again_says_the_same_bytes(office: Office):
    deployment = office.system.release(without="lint")
    once = office.run(deployment)
    office.system.release(commit=OTHER, without="test")
    again = office.run(deployment)
    assert once.lines == again.lines
    assert len(once.lines) == 2
    memory = office.workshop.folder / "state/ComplianceBot/memory.json"
    assert len(json.loads(memory.read_bytes())["history"]) == 1


def test_the_same_facts_give_the_same_report(office: Office):
    deployment = office.system.release(without="lint")
    once = office.check(deployment)
    first = [once.file(".json"), once.file(".md")]
    (office.workshop.folder / "state/ComplianceBot/memory.json").unlink()
    again = office.check(deployment)
    assert [again.file(".json"), again.file(".md")] == first


def test_notes_that_cannot_be_read_are_left_as_they_are(office: Office):
    state = office.workshop.folder / "state/ComplianceBot"
    state.mkdir(parents=True)
    (state / "memory.json").write_text("{")
    ran = office.run(office.system.release())
    assert (ran.judged, ran.report.status) == ([], 1)
    assert "memory.json cannot be read" in ran.log
    assert (state / "memory.json").read_text() == "{"


def test_hostile_text_stays_text_in_the_report(office: Office):
    deployment = ""
    for text in HOSTILE.values():
        where = {"action": "deploy", "environment": "production", "service": f"{text}|a|"}
        change = {"repository": text, "change": {"id": COMMIT}, "outcome": "success"}
        what = {"artifact": {"digest": FOREIGN}, "release": text}
        deployment = office.system.happens("deploy.completed", {**change, **where, **what})
    found = office.check(deployment)
    assert {one for one, _ in found.flagged} == OF_DEPLOYMENTS
    assert len(found.flagged) == len(OF_DEPLOYMENTS) * len(HOSTILE)
    page = found.file(".md")
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(page)
    kinds = {one.type for one in tokens} | {
        child.type for one in tokens for child in one.children or ()
    }
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "fence",
                        "code_block", "s_open", "strong_open", "em_open"}  # fmt: skip
    assert len([one for one in tokens if one.type == "heading_open"]) == 3
    assert re.search(r"@\w|https?://|www\.", page) is None


def test_what_is_nested_too_deep_or_too_large_stops_no_check(office: Office):
    deep = b'{"type": "test.completed", "payload": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    system = office.system
    system.happens("test.completed", {}, replayed=deep, decided=REFUSED)
    lint = {"repository": "shop", "change": {"id": OTHER}, "outcome": "failure"}
    odd = system.happens("lint.completed", {**lint, "new": 10**30})
    found = office.check(system.release())
    assert found.flagged == [("audit-log-whole", "audit log")]
    message = found.payloads("compliance.violation")[0]["message"]
    assert f"event {odd} has a form that is not known here" in message


def test_the_newest_result_before_a_release_counts(office: Office):
    change = {"repository": "shop", "change": {"id": COMMIT}, "outcome": "success"}
    tested = {**change, "artifact": {"digest": WHEEL}, "counts": {"total": 5}}
    system = office.system
    system.happens("test.completed", tested)
    system.happens("lint.completed", {**change, "new": 0})
    system.happens("security.completed", scan("code"))
    system.happens("security.completed", scan("dependencies"))
    system.happens("test.failed", {**tested, "outcome": "failure"})
    system.happens("lint.completed", {**change, "outcome": "failure", "new": 2})
    system.happens("security.completed", scan("code", new=1))
    system.happens("security.completed", scan("dependencies", new=1))
    bad = system.happens(
        "deploy.completed",
        {
            **tested,
            "action": "deploy",
            "environment": "production",
            "service": "shop",
            "release": "r",
        },
    )
    found = {one for one, _ in office.check(bad).flagged}
    assert {"tests-passed", "lint-clean", "code-scanned", "dependencies-scanned"} <= found
