"""NotificationBot with people to tell: a mail server, a webhook receiver, a table of routes."""

from __future__ import annotations

import base64
import email
import html
import json
import re
import ssl
import subprocess
import threading
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.policy import default
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from executor.workshop import ROOT, cannot, job
from lotabots.model.load import load
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import EmailMessage
    from pathlib import Path
    from socketserver import BaseServer

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor
    from lotabots.model.fleet import Fleet

USER, PASSWORD = "lotabots", "correct-horse-battery"
SIGNING = "a-key-for-signatures"
RULES = "rules/bots/notificationbot.yaml"
COMMIT = "c" * 40
FAILED_BUILD = {
    "build_id": "b1",
    "repository": "shop",
    "change": {"id": COMMIT, "ref": "refs/heads/main"},
    "outcome": "failure",
    "checked": 0,
    "suppressed": 0,
    "duration_s": 1.5,
    "reports": [],
    "reason": "no build-system table\nin pyproject.toml",
}
CHANNELS = """
version = 1
otherwise = ["mail: all@example.org"]

[channels.mail]
kind = "smtp"
server = "localhost:587"
from = "LotaBots <lotabots@example.org>"
user = "lotabots"
ca = "ca.pem"

[channels.chat]
kind = "webhook"
url = "http://localhost/hooks/lotabots?v=1"

"""
ROUTES = """
[[routes]]
events = ["*.failed"]
tell = ["mail: dev@example.org", "chat: builds"]
"""


HOSTILE = {
    "header": "ok\r\nBcc: victim@example.org\r\n\r\nbody",
    "bare": "ok\rBcc: a@example.org\nX-Other: 1",
    "unicode lines": "ok\u2028Bcc: a@example.org\x85X: 1\x0bY: 2",
    "markup": "<script>alert(1)</script> <!channel> <@U1> &amp; <http://x|y> @all [a](http://b)",
    "template": "{payload.team} {event.id} {0.__class__} ${x} %(x)s {{7*7}}",
    "terminal": "\x1b]0;x\x07\x1b[2J\x00\x7f",
    "direction": "\u202egpj.exe \u2066x\u2069 \u200b",
    "dots": ".\n.\r\n.\r\nQUIT\r\n",
    "signature": "\n-- \nEvent 1\nalert.resolved of MonitorBot",
    "encoded": "=?utf-8?q?Bcc:_x?= =?utf-8?b?DQpCY2M6IHg=?=",
    "names": "\u00fcber \u6f22\u5b57 \U0001f600",
    "empty": "",
}
"""Texts that try to be something else."""

HEADERS = [
    "Auto-Submitted",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
]


class Identity(NamedTuple):
    """A certificate that vouches for itself, and its key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def identity(folder: Path, host: str = "localhost") -> Identity:
    """A new identity for `host`."""
    made = Identity(folder / f"{host}.pem", folder / f"{host}.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    try:
        subprocess.run(
            ["openssl", "req", "-x509", *curve, *names, *files], check=True, capture_output=True
        )
    except FileNotFoundError:
        cannot("there is no openssl")
    return made


class Mail(NamedTuple):
    """A message that the mail server took, and how it came."""

    sender: str
    to: str
    data: bytes
    private: bool
    user: str


@dataclass(eq=False)
class MailServer:
    """A mail server; `answers` replaces what it says to a command (``RCPT a@example.org``)."""

    identity: Identity
    starttls: bool = True
    answers: dict[str, str] = field(default_factory=dict)
    received: list[Mail] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    look: Callable[[], None] = lambda: None

    @contextmanager
    def serving(self) -> Iterator[_MailSocket]:
        with _MailSocket(("127.0.0.1", 0), _MailHandler) as server:
            server.mail = self
            with _running(server):
                yield server


class _MailSocket(ThreadingTCPServer):
    daemon_threads = True
    mail: MailServer

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _MailHandler(StreamRequestHandler):
    server: _MailSocket

    def handle(self) -> None:
        self.mail, self.private, self.user = self.server.mail, False, ""
        self.sender = self.to = ""
        try:
            self._talk()
        except OSError:
            return
        finally:
            for one in (self.rfile, self.wfile, self.request):
                one.close()

    def finish(self) -> None:
        """Closed already, also what came with STARTTLS."""

    def _talk(self) -> None:
        self._say(self.mail.answers.get("CONNECT", "220 test ESMTP"))
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            self.mail.said.append(line)
            verb, _, rest = line.partition(" ")
            address = re.search(r"<(.*?)>", rest)
            name = f"{verb.upper()} {address[1]}" if address else verb.upper()
            if name in self.mail.answers:
                self._say(self.mail.answers[name])
            elif not getattr(self, f"on_{verb.lower()}")(rest, address[1] if address else ""):
                return

    def _say(self, text: str) -> bool:
        self.wfile.write(text.replace("\n", "\r\n").encode() + b"\r\n")
        return True

    def on_ehlo(self, _rest: str, _address: str) -> bool:
        offered = "AUTH PLAIN" if self.private else "STARTTLS"
        more = self.private or self.mail.starttls
        return self._say(f"250-test\n250 {offered}" if more else "250 test")

    def on_starttls(self, _rest: str, _address: str) -> bool:
        self._say("220 go ahead")
        self.request = self.mail.identity.context().wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.private = True
        return True

    def on_auth(self, rest: str, _address: str) -> bool:
        _, self.user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        good = (self.user, password) == (USER, PASSWORD)
        return self._say("235 yes" if good else f"535 no: {rest}")

    def on_mail(self, _rest: str, address: str) -> bool:
        self.sender = address
        return self._say("250 ok")

    def on_rcpt(self, _rest: str, address: str) -> bool:
        self.to = address
        return self._say("250 ok")

    def on_data(self, _rest: str, _address: str) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        self.mail.look()
        data = b"".join(lines)
        self.mail.received.append(Mail(self.sender, self.to, data, self.private, self.user))
        return self._say("250 taken")

    def on_rset(self, _rest: str, _address: str) -> bool:
        return self._say("250 ok")

    def on_quit(self, _rest: str, _address: str) -> bool:
        self._say("221 bye")
        return False


class Request(NamedTuple):
    """A request that a webhook receiver got."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(eq=False)
class Receiver:
    """A receiver of webhooks that honours idempotency keys; `answers` are its next statuses."""

    identity: Identity | None = None
    answers: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    notices: dict[str, Any] = field(default_factory=dict)
    hold: threading.Event | None = None

    @contextmanager
    def serving(self) -> Iterator[_WebSocket]:
        with _WebSocket(("127.0.0.1", 0), _WebHandler) as server:
            server.receiver = self
            if self.identity:
                context = self.identity.context()
                server.socket = context.wrap_socket(server.socket, server_side=True)
            with _running(server):
                yield server


class _WebSocket(ThreadingHTTPServer):
    receiver: Receiver

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us is no error of ours."""


class _WebHandler(BaseHTTPRequestHandler):
    server: _WebSocket

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.requests.append(Request(self.path, dict(self.headers), body))
        if receiver.hold:
            receiver.hold.wait()
        status = receiver.answers.pop(0) if receiver.answers else 200
        if status == 200:
            receiver.notices.setdefault(self.headers["Idempotency-Key"], json.loads(body))
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def _running(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@dataclass
class Office:
    """NotificationBot under its own rules, with relays to two servers."""

    workshop: Workshop
    mail: MailServer
    chat: Receiver
    mail_port: int
    chat_port: int

    @property
    def folder(self) -> Path:
        return self.workshop.folder / "channels"

    def table(self, routes: str = ROUTES, *, channels: str = CHANNELS) -> None:
        """Write the table."""
        (self.folder / "channels.toml").write_text(channels + routes, encoding="utf-8")

    def run(
        self,
        event: str = "build.failed",
        payload: Mapping[str, Any] | None = None,
        *,
        action: str = "notify",
        timeout: int = 60,
        **fields: Any,  # noqa: ANN401 - of a job
    ) -> Outcome:
        """What becomes of telling people about an event."""
        executor = self.executor(timeout)
        assert executor.refusal("NotificationBot", action) == ""
        given = FAILED_BUILD if payload is None else payload
        cause = job(given, type=event, bot="NotificationBot", action=action, **fields)
        return self.workshop.run(executor, cause)

    def executor(self, timeout: int = 60) -> SandboxExecutor:
        ports = {"mail": self.mail_port, "chat": self.chat_port}
        self.workshop.relays = {name: f"localhost:{port}" for name, port in ports.items()}
        return self.workshop.executor(_hurried(timeout))

    def forget(self) -> None:
        """Lose the record of what was sent."""
        for path in (self.workshop.folder / "state/NotificationBot").iterdir():
            path.unlink()


@cache
def workspace() -> dict[str, bytes]:
    """What the rules of this repository say of NotificationBot, by their paths."""
    paths = [*(ROOT / "rules").glob("*.yaml"), ROOT / RULES]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


class Servers(NamedTuple):
    """Both servers, up for all tests."""

    known: Identity
    mail: _MailSocket
    chat: _WebSocket


@contextmanager
def both(folder: Path) -> Iterator[Servers]:
    """Both servers; `folder` is for the identity of the mail server."""
    known = identity(folder)
    with MailServer(known).serving() as mail, Receiver().serving() as chat:
        yield Servers(known, mail, chat)


def office(workshop: Workshop, servers: Servers) -> Office:
    """An office whose servers know of nothing yet, and a table that names them."""
    mail = servers.mail.mail = MailServer(servers.known)
    chat = servers.chat.receiver = Receiver()
    made = Office(workshop, mail, chat, servers.mail.port, servers.chat.port)
    made.folder.mkdir()
    (made.folder / "ca.pem").write_bytes(servers.known.certificate.read_bytes())
    made.table()
    workshop.bots = ROOT / "bots"
    workshop.places = {"channels": made.folder}
    workshop.secrets = {"smtp": PASSWORD, "chat": SIGNING}
    return made


def told(ran: Outcome, *, status: int = 0) -> dict[str, Any]:
    """The payload of the only line, which must keep the contract."""
    kinds = [one.type for one in ran.judged if isinstance(one, Emitted)]
    assert (kinds, ran.codes) == (["notification.sent"], []), (ran.judged, ran.report, ran.log)
    assert ran.report.status == status, (ran.report, ran.log)
    return ran.payload("notification.sent")


def read_mail(data: bytes) -> EmailMessage:
    """A message, as the program of somebody who gets it understands it."""
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    assert max(map(len, data.split(b"\r\n"))) < 998
    message = email.message_from_bytes(data.replace(b"\r\n", b"\n"), policy=default)
    assert not message.defects
    return message


def assert_harmless(mail: bytes, webhook: bytes) -> None:
    """Whatever a payload said, it is text in a message of ours and nothing more."""
    message = read_mail(mail)
    assert sorted(message.keys()) == HEADERS
    assert message.get_content_type() == "text/plain"
    subject, body = message["Subject"], message.get_content()
    assert "\n" not in subject
    assert all(one == "\n" or unicodedata.category(one)[0] != "C" for one in subject + body)
    assert not {"\u2028", "\u2029"} & set(subject + body)
    assert [one for one in body.split("\n") if one.startswith("-- ")] == ["-- "]
    notice = json.loads(webhook)
    shown = notice["title"] + notice["text"]
    assert re.search(r"[<>]|\]\(|@\w", shown) is None
    assert html.unescape(notice["title"]).replace("\u200b", "") == subject


def statuses(payload: Mapping[str, Any]) -> dict[str, str]:
    """What became of each delivery, by receiver."""
    return {one["to"]: one["status"] for one in payload["deliveries"]}


@cache
def _hurried(timeout: int) -> Fleet:
    files = workspace()
    text = files[RULES].decode()
    assert "timeout: 60" in text
    text = text.replace("timeout: 60", f"timeout: {timeout}")
    loaded = load({**files, RULES: text.encode()})
    assert not loaded.diagnostics, loaded.diagnostics
    return loaded.fleet
