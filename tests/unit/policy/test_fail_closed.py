"""A rule that is wrong or too wide never allows more: `validate` says it, and `decide` refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deciding import NOW, raw_event, stamp_of
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from lotabots.policy.decision import Verdict

DEPLOYER, EVENTS = "rules/bots/deployer.yaml", "rules/events.yaml"
CAPABILITIES, GATES = "rules/capabilities.yaml", "rules/gates.yaml"
FILES = {
    "rules/fleet.yaml": "fleet: {name: small, version: 1.0.0}\n",
    CAPABILITIES: """\
capabilities:
  build: Make artifacts
  test: Run tests
  deploy: Put artifacts into service
  deploy.staging: Into staging
  deploy.production: {doc: Into production, implies: [data.delete]}
  data.delete: Delete data
""",
    EVENTS: """\
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {id: string}}
  build.done: {emitters: [Builder], payload: {id: string}}
  test.done: {emitters: [Tester], payload: {id: string}}
  approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {id: string}}
  release.requested: {emitters: [gate.release], payload: {id: string}}
""",
    "rules/bots/builder.yaml": """\
bot: {name: Builder, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions: [{name: build, capability: build, command: build, emits: [build.done]}]
outputs: [{type: message, event: build.done, destination: Tester}]
""",
    "rules/bots/tester.yaml": """\
bot: {name: Tester, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.done, from: Builder}]
actions: [{name: test, capability: test, command: test, emits: [test.done]}]
outputs: [{type: message, event: test.done, destination: gate.release}]
""",
    GATES: """\
gates:
  - name: release
    all: [{pattern: test.done, from: Tester}, {pattern: approval.granted}]
    join_on: [payload.id]
    within: 1h
    then: {emit: release.requested}
""",
    DEPLOYER: """\
bot: {name: Deployer, version: 1.0.0}
scope: [deploy]
boundaries: [{deny: data.delete}]
triggers: [{type: event, pattern: release.requested, from: gate.release}]
actions: [{name: deploy, capability: deploy.staging, command: deploy}]
""",
    "graphs/dependencies.yaml": """\
edges:
  - {from: Builder, to: Tester}
  - {from: Tester, to: gate.release}
  - {from: gate.release, to: Deployer}
""",
}


def changed(*changes: tuple[str, str, str]) -> dict[str, str]:
    """`FILES` with words replaced; each must be there."""
    files = dict(FILES)
    for path, old, new in changes:
        assert old in files[path], old
        files[path] = files[path].replace(old, new)
    return files


def found(files: dict[str, str]) -> list[tuple[str, str, str]]:
    """Code, place and message of every finding."""
    checked = run(load({path: text.encode() for path, text in files.items()}))
    return [(d.code, str(d.primary.span), d.message) for d in checked.diagnostics]


def verdict(
    files: dict[str, str],
    *,
    kind: str = "release.requested",
    source: str = "gate.release",
    destination: str = "*",
) -> Verdict:
    """The only verdict about an event; that of its destination, if it has one."""
    policy = compile_policy(run(load({path: text.encode() for path, text in files.items()})))
    raw = raw_event(kind, source, payload={"id": "c1"}, destination=destination)
    verdicts = decide_bytes(policy, State(), raw, stamp_of(source), NOW).decision.verdicts
    (only,) = (one for one in verdicts if destination in ("*", one.target))
    return only


def refusal(files: dict[str, str]) -> tuple[str, str]:
    """Code and reason of the refusal to deploy."""
    refused = verdict(files)
    assert isinstance(refused, Reject)
    return refused.code, refused.reason


def test_the_fleet_that_the_mistakes_are_made_in_is_clean() -> None:
    assert found(FILES) == []
    assert isinstance(verdict(FILES), Dispatch)


WIDE = (DEPLOYER, "capability: deploy.staging", "capability: deploy")


def test_a_wide_capability_exercises_what_its_children_imply() -> None:
    (finding,) = found(changed(WIDE))
    assert finding == (
        "LB303",
        f"{DEPLOYER}:5:38",
        "the action `deploy` breaks a boundary of `Deployer` by implying `data.delete`",
    )
    assert refusal(changed(WIDE)) == ("LR105", "`Deployer` must never do `data.delete`")


def test_who_sets_off_a_wide_capability_sets_off_what_its_children_imply() -> None:
    tester = "rules/bots/tester.yaml"
    moved = changed(
        WIDE,
        (DEPLOYER, "boundaries: [{deny: data.delete}]", "boundaries: []"),
        (tester, "scope: [test]", "scope: [test]\nboundaries: [{deny: data.delete}]"),
    )
    ((code, place, _),) = found(moved)
    assert (code, place) == ("LB601", f"{tester}:3:21")


ASKS = (
    DEPLOYER,
    "boundaries: [{deny: data.delete}]",
    "boundaries: [{deny: deploy.staging, unless: approval}]",
)
GRANTED = (
    "approval.granted: {external: true, approval: true, emitters: [cli.*], payload: {id: string}}"
)


@pytest.mark.parametrize("emitters", ["cli.*", "cli.ann", "cli.**", "ingress.pager"])
def test_an_approval_comes_from_people(emitters: str) -> None:
    files = changed(ASKS, (EVENTS, GRANTED, GRANTED.replace("cli.*", emitters)))
    assert found(files) == []
    assert isinstance(verdict(files), Dispatch)


@pytest.mark.parametrize(
    "other",
    ["Tester", "gate.release", "schedule", "engine", "'**'", "'*'", "'*.*'", "gate.*", "ingress.*"],
)
def test_an_approval_that_others_may_send_is_none(other: str) -> None:
    files = changed(ASKS, (EVENTS, GRANTED, GRANTED.replace("cli.*", f"cli.*, {other}")))
    name = other.strip("'")
    message = f"`approval.granted` is a person's decision, but `{name}` is not only people"
    assert [said for code, _, said in found(files) if code == "LB305"] == [message]
    assert refusal(files)[0] == "LR106"


@pytest.mark.parametrize("emitters", [" emitters: [],", ""])
def test_an_approval_that_nobody_is_named_for_is_none(emitters: str) -> None:
    files = changed(ASKS, (EVENTS, GRANTED, GRANTED.replace(" emitters: [cli.*],", emitters)))
    message = "`approval.granted` is a person's decision, but it does not say who may send it"
    assert message in [said for code, _, said in found(files) if code == "LB305"]
    assert refusal(files)[0] == "LR106"


def test_a_gate_cannot_approve() -> None:
    files = changed(
        ASKS,
        (EVENTS, GRANTED, GRANTED.replace("cli.*", "gate.yes").replace("external: true, ", "")),
        (
            GATES,
            "gates:\n",
            """gates:
  - name: yes
    any: [{pattern: change.pushed}]
    join_on: [payload.id]
    within: 1h
    then: {emit: approval.granted}
""",
        ),
        (
            "graphs/dependencies.yaml",
            "edges:\n",
            "edges:\n  - {from: gate.yes, to: gate.release}\n",
        ),
    )
    assert [code for code, _, _ in found(files)] == ["LB304", "LB305"]
    assert refusal(files)[0] == "LR106"


@pytest.mark.parametrize(
    ("boundary", "name"),
    [
        ("{deny: data.delte}", "data.delte"),
        ("{deny: data.delete, except: [data.delete.tmp]}", "data.delete.tmp"),
        ("{deny: data.delte, unless: approval}", "data.delte"),
    ],
)
def test_a_bot_with_a_misspelt_boundary_is_refused_everything(boundary: str, name: str) -> None:
    files = changed((DEPLOYER, "{deny: data.delete}", boundary))
    assert ("LB103", f"unknown capability `{name}`") in [(c, said) for c, _, said in found(files)]
    assert refusal(files) == ("LR012", f"unknown capability `{name}` (LB103)")
    addressed = verdict(files, kind="change.pushed", source="ingress.git", destination="Deployer")
    assert addressed.code == "LR012"


def test_an_action_that_implies_an_unknown_capability_is_refused() -> None:
    staging = "deploy.staging: {doc: Into staging, implies: [data.delte]}"
    files = changed((CAPABILITIES, "deploy.staging: Into staging", staging))
    assert [code for code, _, _ in found(files)] == ["LB103"]
    refused = verdict(files)
    assert isinstance(refused, Reject)
    assert (refused.code, refused.reason) == ("LR012", "unknown capability `data.delte` (LB103)")
    assert str(refused.rule.span) == f"{CAPABILITIES}:5:49"


def test_an_action_of_an_unknown_capability_is_refused_although_the_scope_has_it_too() -> None:
    files = changed((DEPLOYER, "deploy.staging", "delpoy"), (DEPLOYER, "[deploy]", "[delpoy]"))
    assert [code for code, _, _ in found(files)] == ["LB103"]
    assert refusal(files) == ("LR012", "unknown capability `delpoy` (LB103)")


@pytest.mark.parametrize("name", ["deploy", "deploy.staging", "build"])
def test_an_exception_that_is_not_below_its_boundary_is_none(name: str) -> None:
    boundary = f"{{deny: deploy.staging, except: [{name}]}}"
    files = changed((DEPLOYER, "{deny: data.delete}", boundary))
    assert (
        "LB306",
        f"{DEPLOYER}:3:46",
        f"`{name}` is not a part of `deploy.staging`, so it cannot be an exception",
    ) in found(files)
    assert refusal(files) == ("LR105", "`Deployer` must never do `deploy.staging`")


def test_an_exception_below_its_boundary_stays_allowed() -> None:
    boundary = "{deny: deploy, except: [deploy.staging]}"
    files = changed(
        (DEPLOYER, "{deny: data.delete}", boundary), (DEPLOYER, "[deploy]", "[deploy.staging]")
    )
    assert found(files) == []
    assert isinstance(verdict(files), Dispatch)


REQUESTED = "release.requested: {emitters: [gate.release]"


@pytest.mark.parametrize("emitter", ["cli.*", "cli.ann", "'**'", "ingress.git", "'*.*'", "'*.**'"])
def test_from_outside_comes_only_what_is_external(emitter: str) -> None:
    open_door = REQUESTED.replace("gate.release", f"gate.release, {emitter}")
    name, source = emitter.strip("'"), "ingress.git" if "ingress" in emitter else "cli.ann"
    files = changed((EVENTS, REQUESTED, open_door), (DEPLOYER, ", from: gate.release", ""))
    (finding,) = (one for one in found(files) if one[0] == "LB106")
    assert finding == (
        "LB106",
        f"{EVENTS}:6:48",
        f"`{name}` lets outside sources send `release.requested`, which is not external",
    )
    refused = verdict(files, source=source)
    assert isinstance(refused, Reject)
    assert (refused.code, refused.reason) == (
        "LR005",
        f"`{source}` may not send `release.requested`, which is not external",
    )
    assert isinstance(verdict(files), Dispatch)
