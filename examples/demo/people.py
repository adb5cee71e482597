"""The people of the shop: a mail server and a chat's webhook receiver, both on loopback.

Both speak TLS with a certificate of their own and know who may talk to them: the mail server asks
for a password, the receiver checks the signature of every request.
"""

from __future__ import annotations

import base64
import email
import hashlib
import hmac
import json
import secrets
import ssl
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from socketserver import BaseServer

USER = "lotabots"
MAIL, CHAT = "mail", "chat"
"""What the bot calls the two servers."""

CHANNELS = f"""\
version = 1
otherwise = ["mail: team@example.org"]

[channels.mail]
kind = "smtp"
server = "{{mail}}"
from = "LotaBots <lotabots@example.org>"
user = "{USER}"
ca = "ca.pem"

[channels.chat]
kind = "webhook"
url = "https://{{chat}}/hooks/lotabots"
ca = "ca.pem"

[[routes]]
events = ["*.failed", "lint.completed", "security.completed"]
tell = ["mail: developers@example.org", "chat: changes"]

[[routes]]
events = ["deploy.completed"]
tell = ["chat: releases"]

[[routes]]
events = ["alert.*", "security.alert"]
tell = ["mail: on-call@example.org", "chat: alerts"]
"""


class Message(NamedTuple):
    """A mail or a webhook that arrived; `ident` is the same if it comes again."""

    kind: str
    ident: str
    to: str
    subject: str


@dataclass
class People:
    """What arrived, and what a bot needs to reach them."""

    mail_port: int
    chat_port: int
    password: str
    signing: str
    received: list[Message] = field(default_factory=list)

    @property
    def secrets(self) -> dict[str, str]:
        """Variables of the service's environment."""
        return {"LOTABOTS_SECRET_SMTP": self.password, "LOTABOTS_SECRET_CHAT": self.signing}


@contextmanager
def listening(folder: Path, *, mail: str, chat: str) -> Iterator[People]:
    """Both servers; `folder` becomes the bot's place `channels`.

    `mail` and `chat` are ``host:port`` as the bot's table names them.
    """
    folder.mkdir()
    keys = folder.with_name(f"{folder.name}-keys")
    keys.mkdir(mode=0o700)
    hosts = sorted({place.rpartition(":")[0] for place in (mail, chat)})
    public, secret = certificate.make(keys, hosts)
    (folder / "ca.pem").write_bytes(public.read_bytes())
    (folder / "channels.toml").write_text(CHANNELS.format(mail=mail, chat=chat), encoding="utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, secret)
    with ExitStack() as stack:
        post = stack.enter_context(_MailServer(("127.0.0.1", 0), _MailHandler))
        hooks = stack.enter_context(_ChatServer(("127.0.0.1", 0), _ChatHandler))
        ports = post.server_address[1], hooks.server_address[1]
        people = People(*ports, secrets.token_urlsafe(16), secrets.token_urlsafe(32))
        for server in (post, hooks):
            server.people, server.context = people, context
            stack.enter_context(_running(server))
        yield people


class _MailServer(ThreadingTCPServer):
    daemon_threads = True
    people: People
    context: ssl.SSLContext


class _MailHandler(StreamRequestHandler):
    """As much of SMTP as a mail needs (RFC 5321), with STARTTLS and AUTH PLAIN."""

    server: _MailServer
    timeout = 30
    private = known = False
    to = ""

    def handle(self) -> None:
        """Talk until the other side ends it."""
        try:
            self.say("220 demonstration ESMTP")
            while self.answer(self.rfile.readline(4096).decode("utf-8", "replace").strip()):
                pass
        except OSError:
            return

    def answer(self, line: str) -> bool:
        """Answer one command; whether more may come."""
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if verb == "STARTTLS":
            self.go_private()
        elif verb == "DATA" and self.known:
            self.take()
        else:
            self.say(self.reply(verb, rest))
        return verb not in {"QUIT", ""}

    def reply(self, verb: str, rest: str) -> str:
        if verb == "EHLO":
            return f"250-demonstration\n250 {'AUTH PLAIN' if self.private else 'STARTTLS'}"
        if verb == "AUTH" and self.private:
            _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
            self.known = (user, password) == (USER, self.server.people.password)
            return "235 yes" if self.known else "535 no"
        if verb == "QUIT":
            return "221 bye"
        if not self.known:
            return "530 who are you?"
        if verb == "RCPT":
            self.to = rest.partition("<")[2].partition(">")[0]
        return "250 ok" if verb in {"MAIL", "RCPT", "RSET", "NOOP"} else "502 no"

    def go_private(self) -> None:
        self.say("220 go ahead")
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.private = True

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        message = email.message_from_bytes(b"".join(lines), policy=default)
        mail = Message(MAIL, str(message["Message-ID"]), self.to, str(message["Subject"]))
        self.server.people.received.append(mail)
        self.say("250 taken")

    def say(self, text: str) -> None:
        self.wfile.write(text.replace("\n", "\r\n").encode() + b"\r\n")

    def finish(self) -> None:
        """Close also what came with STARTTLS."""
        for one in (self.rfile, self.wfile, self.request):
            one.close()


class _ChatServer(ThreadingHTTPServer):
    people: People
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - a socket
        """Speak TLS, in the thread of this connection."""
        with self.context.wrap_socket(request, server_side=True) as private:
            super().finish_request(private, client_address)

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no error of ours."""


class _ChatHandler(BaseHTTPRequestHandler):
    """Takes webhooks that are signed as https://www.standardwebhooks.com/ describes."""

    server: _ChatServer
    timeout = 30

    def do_POST(self) -> None:
        """Take a webhook whose signature is ours, refuse any other."""
        people = self.server.people
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ident, at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        signed = hmac.digest(
            people.signing.encode(), f"{ident}.{at}.".encode() + body, hashlib.sha256
        )
        wanted = f"v1,{base64.b64encode(signed).decode('ascii')}"
        good = hmac.compare_digest(wanted, self.headers.get("webhook-signature", ""))
        if good:
            notice = json.loads(body)
            people.received.append(Message(CHAT, ident, notice["to"], notice["title"]))
        self.send_response(204 if good else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: the end report does."""


@contextmanager
def _running(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
