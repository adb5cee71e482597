"""The texts of NotificationBot fit the events that its rules route to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.notifying import HOSTILE, assert_harmless, read_mail, workspace
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
    from collections.abc import Iterator

    from lotabots.model.event import PayloadType
    from lotabots.model.fleet import Fleet

Show = Callable[[dict[str, Any]], "Shown"]
BOT = ROOT / "bots/notification"
TEMPLATES = BOT / "templates"
ENVELOPE = {"id", "type", "source", "timestamp"}
PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import mail, template, webhook
for line in sys.stdin:
    event = json.loads(line)
    notice = template.render(event)
    letter = mail.compose(notice, event, sender="A <a@example.org>", to="b@example.org", key="k")
    post = webhook.compose(notice, event, to="b", key="k")
    print(json.dumps([*notice, letter.decode("ascii"), post.decode()]), flush=True)
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


class Shown(NamedTuple):
    """What people would get to see of an event."""

    subject: str
    body: str
    mail: bytes
    webhook: bytes


@pytest.fixture(scope="module")
def show() -> Iterator[Callable[[dict[str, Any]], Shown]]:
    """The bot's own code at work, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", PROBE, str(BOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as bot:
        asking, answers = bot.stdin, bot.stdout
        assert asking
        assert answers

        def ask(event: dict[str, Any]) -> Shown:
            asking.write(json.dumps(event).encode() + b"\n")
            asking.flush()
            subject, body, mail, webhook = json.loads(answers.readline())
            return Shown(subject, body, mail.encode(), webhook.encode())

        yield ask


def event(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    envelope = {"id": "e1", "source": "A", "timestamp": "2026-01-02T03:04:05Z"}
    return {**envelope, "type": name, "payload": payload}


def test_every_event_that_the_rules_route_has_a_text_and_no_other():
    texts = {path.stem for path in TEMPLATES.iterdir()} - {"other", "footer"}
    assert sorted(texts) == routed()


@pytest.mark.parametrize("name", routed())
def test_every_place_of_a_text_is_filled_from_its_event(name: str, show: Show):
    text = (TEMPLATES / f"{name}.txt").read_text()
    subject, body, *_ = show(event(name, sample(fleet().events[name].payload, "payload")))
    assert not {"{", "}", "?"} & set(subject + body)
    # No line is left out, and four lines come after it.
    assert len(body.splitlines()) == len(text.splitlines()) - 2 + 4


@pytest.mark.parametrize("name", routed())
def test_a_text_stands_without_the_optional_members(name: str, show: Show):
    subject, body, *_ = show(event(name, {}))
    assert "payload" not in subject + body
    assert body.endswith(f"\n\n-- \nEvent e1\n{name} of A, 2026-01-02T03:04:05Z\n")


def test_an_event_without_a_text_tells_what_it_is_and_nothing_of_what_it_says(show: Show):
    names = ["new.failed", "other", "footer", "../footer", "a/b.failed", "x" * 3000]
    for subject, body, *_ in (show(event(name, {"reason": "secret"})) for name in names):
        assert subject.endswith(" of A") or "left out" in subject
        assert "there is no text" in body
        assert "secret" not in body


@pytest.mark.parametrize("new", [1, 2])
@pytest.mark.parametrize("name", ["lint.completed", "security.completed"])
def test_a_subject_reads_well_with_one_finding_and_with_more(name: str, new: int, show: Show):
    found = {"outcome": "failure", "new": new, "repository": "shop", "change": {"id": "c0ffee0"}}
    what = {"lint.completed": "violations", "security.completed": "findings"}[name]
    subject, *_ = show(event(name, found))
    assert subject == f"[failure] new {what} ({new}) in shop c0ffee0"


def test_what_is_filled_in_is_not_filled_in_again(show: Show):
    text = "{payload.team} {event.id}"
    asked = {"team": "{payload.text}", "subject": text, "text": text, "severity": "low"}
    subject, body, *_ = show(event("message.requested", asked))
    assert subject == f"[low] {text}"
    assert body.startswith(f"A message for {{payload.text}}:\n\n  {text}\n")


def test_values_of_another_type_than_declared_are_left_out(show: Show):
    odd = {"repository": ["a"], "change": "x", "failures": {"id": 1}, "counts": None}
    subject, body, *_ = show(event("test.failed", {**odd, "outcome": True}))
    assert subject == "[yes] Tests of ? ? failed"
    assert "Repository" not in body


def test_broken_unicode_is_marked(show: Show):
    asked = {"team": "a\ud800b", "subject": "\udfff", "text": "\ud800", "severity": "low"}
    subject, body, *_ = show(event("message.requested", asked))
    assert subject == "[low] \ufffd"
    assert body.startswith("A message for a\ufffdb:\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_stays_text(name: str, show: Show):
    text = HOSTILE[name]
    asked = {"team": text, "subject": text, "text": text, "severity": "high"}
    shown = show(event("message.requested", asked))
    assert_harmless(shown.mail, shown.webhook)
    if name in {"template", "markup", "names", "encoded"}:
        message = read_mail(shown.mail)
        assert message["Subject"] == f"[high] {text}"
        assert f"A message for {text}:\n" in message.get_content()


TRICKY = st.lists(
    st.one_of(st.text(max_size=20), st.sampled_from([*HOSTILE.values(), "=?", "?=", "\r\n", "@"])),
    max_size=60,
).map("".join)


@given(TRICKY, TRICKY)
def test_any_text_stays_text(show: Show, one: str, other: str):
    asked = {"team": one, "subject": other, "text": one, "severity": other}
    shown = show({**event("message.requested", asked), "id": other, "source": one})
    assert_harmless(shown.mail, shown.webhook)
    assert show({**event("message.requested", asked), "id": other, "source": one}) == shown
