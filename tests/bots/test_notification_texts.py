"""The texts of NotificationBot fit the events that its rules route to it."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from bots.notifying import workspace
from executor.workshop import ROOT
from lotabots.model.event import (
    BooleanType,
    EnumType,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
)
from lotabots.model.load import load

if TYPE_CHECKING:
    from lotabots.model.event import PayloadType
    from lotabots.model.fleet import Fleet

BOT = ROOT / "bots/notification"
TEMPLATES = BOT / "templates"
ENVELOPE = {"id", "type", "source", "timestamp"}
PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import template
for line in sys.stdin:
    print(json.dumps(template.render(json.loads(line))))
"""


@cache
def fleet() -> Fleet:
    return load(workspace()).fleet


def routed() -> list[str]:
    (bot,) = fleet().bots
    patterns = [trigger.pattern for trigger in bot.triggers]
    return sorted(
        name for name in fleet().events if any(fnmatchcase(name, one) for one in patterns)
    )


def sample(kind: PayloadType, name: str = "x") -> Any:  # noqa: ANN401 - JSON
    """A value of a type with every optional member; each text is its own path."""
    match kind:
        case ObjectType():
            return {one.name: sample(one.type, f"{name}.{one.name}") for one in kind.fields}
        case ListType():
            return [sample(kind.item, name)]
        case EnumType():
            return kind.values[0]
        case BooleanType():
            return True
        case IntegerType() | NumberType():
            return 7
    return f"<{name}>"


def rendered(*events: dict[str, Any]) -> list[tuple[str, str]]:
    """Subjects and bodies, of the bot's own program."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, str(BOT)],
        input="\n".join(map(json.dumps, events)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(subject, body) for subject, body in map(json.loads, done.stdout.splitlines())]


def event(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    envelope = {"id": "e1", "source": "A", "timestamp": "2026-01-02T03:04:05Z"}
    return {**envelope, "type": name, "payload": payload}


def test_every_event_that_the_rules_route_has_a_text_and_no_other():
    texts = {path.stem for path in TEMPLATES.iterdir()} - {"other", "footer"}
    assert sorted(texts) == routed()


@pytest.mark.parametrize("name", routed())
def test_every_place_of_a_text_is_filled_from_its_event(name: str):
    text = (TEMPLATES / f"{name}.txt").read_text()
    ((subject, body),) = rendered(event(name, sample(fleet().events[name].payload, "payload")))
    assert not {"{", "}", "?"} & set(subject + body)
    # No line is left out, and four lines come after it.
    assert len(body.splitlines()) == len(text.splitlines()) - 2 + 4


@pytest.mark.parametrize("name", routed())
def test_a_text_stands_without_the_optional_members(name: str):
    ((subject, body),) = rendered(event(name, {}))
    assert "payload" not in subject + body
    assert body.endswith(f"\n\n-- \nEvent e1\n{name} of A, 2026-01-02T03:04:05Z\n")


def test_an_event_without_a_text_tells_what_it_is_and_nothing_of_what_it_says():
    names = ["new.failed", "other", "footer", "../footer", "a/b.failed", "x" * 3000]
    for subject, body in rendered(*(event(name, {"reason": "secret"}) for name in names)):
        assert subject.endswith(" of A") or "left out" in subject
        assert "there is no text" in body
        assert "secret" not in body


def test_what_is_filled_in_is_not_filled_in_again():
    text = "{payload.team} {event.id}"
    asked = {"team": "{payload.text}", "subject": text, "text": text, "severity": "low"}
    ((subject, body),) = rendered(event("message.requested", asked))
    assert subject == f"[low] {text}"
    assert body.startswith(f"A message for {{payload.text}}:\n\n  {text}\n")


def test_values_of_another_type_than_declared_are_left_out():
    odd = {"repository": ["a"], "change": "x", "failures": {"id": 1}, "counts": None}
    ((subject, body),) = rendered(event("test.failed", {**odd, "outcome": True}))
    assert subject == "[yes] Tests of ? ? failed"
    assert "Repository" not in body


def test_broken_unicode_is_marked():
    asked = {"team": "a\ud800b", "subject": "\udfff", "text": "\ud800", "severity": "low"}
    ((subject, body),) = rendered(event("message.requested", asked))
    assert subject == "[low] \ufffd"
    assert body.startswith("A message for a\ufffdb:\n")
