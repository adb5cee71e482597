"""NotificationBot under its own rules, in the real sandbox, with a mail server and a webhook."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import subprocess
import sys
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import left_behind
from bots.notifying import (
    CHANNELS,
    FAILED_BUILD,
    HOSTILE,
    PASSWORD,
    ROUTES,
    SIGNING,
    MailServer,
    Office,
    Receiver,
    Servers,
    assert_harmless,
    both,
    identity,
    office,
    read_mail,
    statuses,
    told,
)
from executor.workshop import ROOT, command_lines, job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from executor.workshop import Outcome, Workshop


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with both(tmp_path_factory.mktemp("identity")) as made:
        yield made


@pytest.fixture
def desk(workshop: Workshop, servers: Servers) -> Office:
    return office(workshop, servers)


def test_mail_and_webhook_arrive_as_the_table_says(desk: Office):
    payload = told(desk.run())
    times = [one.pop("ms") for one in payload["deliveries"]]
    assert min(times) >= 0
    assert payload == {
        "notification_id": "job1",
        "outcome": "success",
        "checked": 2,
        "deliveries": [
            {"channel": "mail", "to": "dev@example.org", "status": "delivered"},
            {"channel": "chat", "to": "builds", "status": "delivered"},
        ],
    }
    (mail,), (request,) = desk.mail.received, desk.chat.requests
    assert mail[:2] == ("lotabots@example.org", "dev@example.org")
    assert mail[3:] == (True, "lotabots")
    message = read_mail(mail.data)
    assert message["Subject"] == f"[failure] The build of shop {'c' * 12} failed"
    assert message["Message-ID"] == "<job1@example.org>"
    assert "Reason:     no build-system table\n  | in pyproject.toml\n" in message.get_content()
    assert request.path == "/hooks/lotabots?v=1"
    notice = json.loads(request.body)
    assert (notice["to"], notice["event"]["type"]) == ("builds", "build.failed")
    assert notice["title"] == message["Subject"]


@pytest.mark.parametrize(
    "secret", [SIGNING, f"whsec_{base64.b64encode(SIGNING.encode()).decode()}"]
)
def test_a_webhook_is_signed_and_the_secret_not_sent(desk: Office, secret: str):
    desk.workshop.secrets["chat"] = secret
    told(desk.run())
    (request,) = desk.chat.requests
    name, moment = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{name}.{moment}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(SIGNING.encode(), signed, "sha256")).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["Idempotency-Key"] == f'"{name}"'
    sent = f"{request.headers}{request.body!r}"
    assert SIGNING not in sent
    assert secret not in sent


def test_a_job_that_comes_again_tells_nobody_twice(desk: Office):
    first, again = told(desk.run()), desk.run(attempt=2)
    assert told(again) == first
    assert (len(desk.mail.received), len(desk.chat.requests)) == (1, 1)
    assert [one for one in again.report.entries if one["kind"] == "connect"] == []


def test_without_its_record_the_same_bytes_come_again_under_the_same_names(desk: Office):
    told(desk.run())
    desk.forget()
    told(desk.run(attempt=2))
    first, second = desk.mail.received
    assert first == second
    assert len(desk.chat.requests) == 2
    assert len(desk.chat.notices) == 1


def test_each_notification_and_each_room_has_a_name_of_its_own(desk: Office):
    desk.table('[[routes]]\nevents = ["*"]\ntell = ["chat: a", "chat: b", "mail: a@example.org"]')
    told(desk.run())
    told(desk.run(job="job2"))
    names = {read_mail(one.data)["Message-ID"] for one in desk.mail.received}
    assert (len(names), len(desk.chat.notices)) == (2, 4)


def test_a_server_that_is_down_is_tried_again_and_only_that_one(desk: Office):
    desk.chat.answers = [503]
    first = told(desk.run(), status=75)
    assert first["outcome"] == "error"
    assert statuses(first) == {"dev@example.org": "delivered", "builds": "failed"}
    second = told(desk.run(attempt=2))
    assert second["outcome"] == "success"
    assert (len(desk.mail.received), len(desk.chat.requests)) == (1, 2)


def test_a_server_that_nobody_runs_is_an_error_that_may_pass(desk: Office):
    with MailServer(desk.mail.identity).serving() as server:
        desk.mail_port = server.port
    ran = desk.run()
    payload = told(ran, status=75)
    assert statuses(payload) == {"dev@example.org": "failed", "builds": "delivered"}
    assert "`localhost:587`" in payload["deliveries"][0]["error"]
    tried = [one for one in ran.report.entries if one["kind"] == "connect"]
    assert {one["target"]: one["result"] for one in tried} == {
        "mail:80": "failed",
        "chat:80": "granted",
    }


def test_a_receiver_that_hangs_holds_no_other(desk: Office):
    desk.chat.hold = threading.Event()
    payload = told(desk.run(timeout=7), status=75)
    desk.chat.hold.set()
    assert statuses(payload) == {"dev@example.org": "delivered", "builds": "failed"}
    assert payload["deliveries"][1]["error"] == "it was not over in time"
    desk.chat.hold = None
    assert told(desk.run(attempt=2))["outcome"] == "success"
    assert len(desk.mail.received) == len(desk.chat.notices) == 1


def test_two_runs_of_one_job_at_the_same_time_tell_once(desk: Office):
    executor = desk.executor()
    cause = job(FAILED_BUILD, type="build.failed", bot="NotificationBot", action="notify")

    async def both_runs() -> list[Outcome]:
        runs = (desk.workshop.run_async(executor, cause) for _ in range(2))
        return list(await asyncio.gather(*runs))

    first, second = asyncio.run(both_runs())
    assert told(first) == told(second)
    assert (len(desk.mail.received), len(desk.chat.requests)) == (1, 1)


@pytest.mark.parametrize("host", ["localhost", "mail.example.org"])
def test_a_certificate_that_is_not_trusted_ends_the_session(
    desk: Office, tmp_path: Path, host: str
):
    other = identity(tmp_path, host)
    desk.mail.identity = other
    if host != "localhost":  # from those who are trusted, but another one's
        (desk.folder / "ca.pem").write_bytes(other.certificate.read_bytes())
    payload = told(desk.run(), status=75)
    assert statuses(payload)["dev@example.org"] == "failed"
    assert "the certificate of" in payload["deliveries"][0]["error"]
    assert [one.split()[0].upper() for one in desk.mail.said] == ["EHLO", "STARTTLS"]


def test_https_checks_the_certificate_too(desk: Office, tmp_path: Path):
    trusted, other = desk.mail.identity, identity(tmp_path)
    errors = []
    channels = CHANNELS.replace("http:", "https:").replace('v=1"', 'v=1"\nca = "ca.pem"')
    for name, outcome in ((trusted, "delivered"), (other, "failed")):
        receiver = Receiver(name)
        with receiver.serving() as server:
            desk.chat_port = server.port
            desk.table(channels=channels)
            payload = told(desk.run(job=outcome), status=0 if outcome == "delivered" else 75)
        assert statuses(payload)["builds"] == outcome
        assert len(receiver.requests) == (outcome == "delivered")
        errors.append(payload["deliveries"][1].get("error", ""))
    assert not errors[0]
    assert "self-signed certificate" in errors[1]


def test_a_server_that_offers_no_privacy_gets_no_mail(desk: Office):
    desk.mail.starttls = False
    payload = told(desk.run(), status=75)
    assert statuses(payload)["dev@example.org"] == "failed"
    assert "STARTTLS" in payload["deliveries"][0]["error"]
    assert [one.split()[0].upper() for one in desk.mail.said] == ["EHLO"]


def test_the_table_names_hosts_and_the_relays_say_where_they_are(desk: Office, tmp_path: Path):
    desk.mail.identity = named = identity(tmp_path, "mail.example.org")
    (desk.folder / "ca.pem").write_bytes(named.certificate.read_bytes())
    chat = desk.chat = Receiver(named)
    channels = CHANNELS.replace("localhost:587", "mail.example.org:587").replace(
        'http://localhost/hooks/lotabots?v=1"', 'https://mail.example.org/hooks"\nca = "ca.pem"'
    )
    with chat.serving() as server:
        desk.chat_port = server.port
        desk.table(channels=channels)
        ran = desk.run()
    assert told(ran)["outcome"] == "success"
    assert len(desk.mail.received) == 1
    assert [one.headers["Host"] for one in chat.requests] == ["mail.example.org"]
    reached = {one["target"] for one in ran.report.entries if one["kind"] == "connect"}
    assert reached == {"mail:80", "chat:80"}


def test_no_table_leads_anywhere_else(desk: Office):
    other = Receiver()
    with other.serving() as server:
        for name in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", "192.0.2.1"):
            desk.table(channels=CHANNELS.replace("http://localhost/", f"http://{name}/"))
            assert told(desk.run(job=name))["outcome"] == "success"
            assert desk.chat.requests[-1].headers["Host"] == name
    assert other.requests == []


def test_a_channel_may_take_another_relay_that_is_granted(desk: Office):
    desk.table(channels=CHANNELS.replace('kind = "webhook"', 'kind = "webhook"\nrelay = "mail"'))
    payload = told(desk.run(), status=75)
    assert statuses(payload) == {"dev@example.org": "delivered", "builds": "failed"}
    assert desk.chat.requests == []


def test_a_receiver_that_says_no_for_good_is_not_asked_again(desk: Office):
    desk.table(
        '[[routes]]\nevents = ["*"]\n'
        'tell = ["mail: gone@example.org", "mail: here@example.org", "chat: builds"]'
    )
    desk.mail.answers = {"RCPT gone@example.org": "550-no such\n550 user \x1b[31m"}
    payload = told(desk.run())
    assert payload["outcome"] == "failure"
    assert statuses(payload) == {
        "gone@example.org": "refused",
        "here@example.org": "delivered",
        "builds": "delivered",
    }
    error = payload["deliveries"][0]["error"]
    assert error == "`localhost:587` answered 550: no such user \ufffd[31m"
    assert told(desk.run(attempt=2)) == payload
    assert [one.to for one in desk.mail.received] == ["here@example.org"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [(204, "delivered"), (302, "refused"), (400, "refused"), (401, "failed"), (429, "failed")],
)
def test_the_answer_of_a_webhook_says_whether_to_try_again(desk: Office, answer: int, status: str):
    desk.chat.answers = [answer]
    payload = told(desk.run(), status=75 if status == "failed" else 0)
    assert statuses(payload)["builds"] == status
    assert [one.path for one in desk.chat.requests] == ["/hooks/lotabots?v=1"]


@pytest.mark.parametrize(
    ("command", "answer", "status"),
    [
        ("CONNECT", "421 too busy", "failed"),
        ("CONNECT", "554 go away", "failed"),
        ("RCPT dev@example.org", "451 later", "failed"),
        ("DATA", "554 looks like spam", "refused"),
        ("MAIL lotabots@example.org", "550 not you", "refused"),
    ],
)
def test_the_answer_of_a_mail_server_says_whether_to_try_again(
    desk: Office, command: str, answer: str, status: str
):
    desk.mail.answers = {command: answer}
    payload = told(desk.run(), status=75 if status == "failed" else 0)
    assert statuses(payload) == {"dev@example.org": status, "builds": "delivered"}
    assert answer[:3] in payload["deliveries"][0]["error"]


def test_secrets_are_nowhere_but_where_they_belong(desk: Office):
    lines: list[str] = []
    desk.mail.look = lambda: lines.extend(command_lines(PASSWORD) + command_lines(SIGNING))
    desk.workshop.secrets["chat"] = SIGNING
    good = desk.run()
    desk.workshop.secrets["smtp"] = wrong = "wrong-but-secret"
    bad = desk.run(job="job2")
    assert lines == []
    error = told(bad, status=75)["deliveries"][0]["error"]
    assert "did not accept the user and the secret (535)" in error
    kept = left_behind(desk.workshop) + b"".join(good.lines + bad.lines)
    kept += repr((good, bad)).encode()
    kept += b"".join(one.read_bytes() for one in (desk.workshop.folder / "state").rglob("*.jsonl"))
    plain = [f"\0lotabots\0{one}" for one in (PASSWORD, wrong)]
    for secret in (PASSWORD, SIGNING, wrong, *plain):
        assert secret.encode() not in kept
        assert base64.b64encode(secret.encode()).rstrip(b"=") not in kept


@pytest.mark.parametrize("name", ["header", "dots", "encoded", "terminal"])
def test_hostile_text_stays_text_on_the_wire(desk: Office, name: str):
    """The other texts, and any other: test_notification_texts.py."""
    payload = {"team": "a", "subject": HOSTILE[name], "text": HOSTILE[name], "severity": "high"}
    desk.table('[[routes]]\nevents = ["*"]\ntell = ["mail: a@example.org", "chat: a"]')
    told(desk.run("message.requested", payload))
    (mail,), (request,) = desk.mail.received, desk.chat.requests
    assert (mail.sender, mail.to) == ("lotabots@example.org", "a@example.org")
    assert_harmless(mail.data, request.body)
    assert [one.split()[0].upper() for one in desk.mail.said] == [
        *("EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")
    ]


def test_huge_text_is_cut_and_says_so(desk: Office):
    text = "\u6f22" * 4096
    told(desk.run("message.requested", {**_message("x"), "subject": text, "text": text}))
    (mail,) = desk.mail.received
    message = read_mail(mail.data)
    assert len(message["Subject"]) < 200
    assert "[3096 characters left out]" in message.get_content()
    assert max(map(len, mail.data.split(b"\r\n"))) < 998


def test_a_long_list_is_cut_and_says_so(desk: Office):
    failures = [{"id": f"t{n}", "message": "no"} for n in range(40)]
    told(desk.run("test.failed", {**FAILED_BUILD, "failures": failures}))
    lines = read_mail(desk.mail.received[0].data).get_content().split("\n")
    assert [one for one in lines if one.startswith("  ")] == [
        *(f"  t{n}: no" for n in range(10)),
        "  ... and 30 more",
    ]


def _message(text: str) -> dict[str, Any]:
    return {"team": "a", "subject": text, "text": text, "severity": "low"}


def test_the_table_and_nothing_else_says_who_is_told(desk: Office):
    desk.table("""
[[routes]]
events = ["message.requested"]
where = {team = "shop"}
tell = ["mail: shop@example.org"]

[[routes]]
events = ["message.*", "alert.*"]
where = {severity = "critical"}
tell = ["mail: on-call@example.org", "mail: shop@example.org"]

[[routes]]
events = ["alert.escalated"]
tell = ["mail: next@example.org"]
""")

    def receivers(event: str, action: str = "notify", **payload: str) -> list[str]:
        name = f"{event}{payload}"
        return list(statuses(told(desk.run(event, payload, action=action, job=name))))

    shop = {"team": "shop", "severity": "low", "to": "x@example.org", "channel": "chat"}
    assert receivers("message.requested", **shop) == ["shop@example.org"]
    shop["severity"] = "critical"
    both = ["shop@example.org", "on-call@example.org"]
    assert receivers("message.requested", **shop) == both
    assert receivers("message.requested", team="a") == ["all@example.org"]
    assert receivers("alert.escalated", "escalate", alert_id="1") == ["next@example.org"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("version = 1", "version = 2", "reads tables of version 1"),
        ("version = 1", "version = ", "Invalid value"),
        ("otherwise", "others", "the table lacks `otherwise`"),
        ('["mail: all@example.org"]', "[]", "`otherwise` tells 1 to 50 receivers"),
        ('"mail: all@example.org"', '"mial: all@example.org"', "is not `channel: receiver`"),
        ("all@example.org", "all@example.org, b@example.org", "is no mail address"),
        ("all@example.org", "all", "`all` is no mail address"),
        ('"smtp"', '"imap"', '`kind` is "smtp" or "webhook"'),
        ('ca = "ca.pem"', "", "channel `mail` lacks `ca`"),
        ('"ca.pem"', '"../ca.pem"', "`ca` is the name of a file beside the table"),
        ('"ca.pem"', '"none.pem"', "`ca` is the name of a file beside the table"),
        ('ca = "ca.pem"', 'ca = "ca.pem"\nverify = false', "channel `mail` has no `verify`"),
        ("localhost:587", "localhost:99999", "`server` is not host:port"),
        ("lotabots@example.org>", "lotabots>", "`from` is no mail address"),
        ("LotaBots <", "Lota\\nBcc: x <", "`from` is plain text"),
        ('kind = "smtp"', 'kind = "smtp"\nrelay = "pager"', "relay `pager` is not among"),
        ('kind = "webhook"', 'kind = "webhook"\nrelay = 1', "`relay` is plain text"),
        ("http:", "https:", "`ca` belongs to a URL of HTTPS"),
        ("http:", "file:", "no URL of HTTP or HTTPS"),
        ("http://localhost", "http://a:b@localhost", "no user and no fragment"),
        ("hooks/", "hooks /", "`url` is no URL"),
        ("[[routes]]", "[routes]", "`routes` is a list"),
        ("events", "event", "a route lacks `events`"),
    ],
)
def test_a_table_with_a_mistake_tells_nobody(desk: Office, before: str, after: str, said: str):
    assert before in CHANNELS + ROUTES
    desk.table(ROUTES.replace(before, after), channels=CHANNELS.replace(before, after))
    places = {"channels": str(desk.folder), "state": "/nowhere"}
    asked = {"paths": {"places": places, "relays": {"mail": "mail:80", "chat": "chat:80"}}}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", ROOT / "bots/notification"],
        input=json.dumps({**asked, "event": {"type": "build.failed", "payload": {}}}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nobody was told: channels.toml: ")
    assert said in done.stderr
    assert desk.mail.said == desk.chat.requests == []


def test_a_missing_table_fails_the_job(desk: Office):
    (desk.folder / "channels.toml").unlink()
    ran = desk.run()
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log.startswith("nobody was told: channels.toml: ")


def test_as_many_channels_as_a_table_may_have_fit_into_the_limits(desk: Office):
    channel = '[channels.c{n}]\nkind = "webhook"\nurl = "http://localhost/{n}"\n'
    more = "".join(channel.replace("{n}", str(n)) for n in range(7))
    mail = CHANNELS.partition("[channels.chat]")[0]
    tell = json.dumps(["mail: a@example.org", *(f"c{n}: a" for n in range(7))])
    desk.table(f'[[routes]]\nevents = ["*"]\ntell = {tell}', channels=mail + more)
    assert told(desk.run())["outcome"] == "success"
    assert (len(desk.mail.received), len(desk.chat.notices)) == (1, 7)


def test_what_a_run_that_was_cut_off_wrote_is_not_believed(desk: Office):
    told(desk.run())
    (path,) = (desk.workshop.folder / "state/NotificationBot").iterdir()
    assert path.name == f"{sha256(b'job1').hexdigest()}.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.rstrip()[:-3])
    told(desk.run(attempt=2))
    told(desk.run(attempt=3))
    assert len(desk.mail.received) + len(desk.chat.requests) == 3


def test_old_records_are_removed(desk: Office):
    told(desk.run())
    (path,) = (desk.workshop.folder / "state/NotificationBot").iterdir()
    os.utime(path, (0, 0))
    told(desk.run(job="job2"))
    assert not path.exists()
