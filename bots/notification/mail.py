"""Mail by SMTP: STARTTLS or nothing, the server's certificate checked, a message per receiver."""

from __future__ import annotations

import quopri
import smtplib
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Any

from failure import UndeliveredError, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from table import Channel
    from template import Notice

OWN_NAME = "[127.0.0.1]"
PERMANENT = 500
MAX_SAID = 300


def compose(notice: Notice, event: dict[str, Any], *, sender: str, to: str, key: str) -> bytes:
    """The same bytes for the same notification: whoever gets them twice can tell by the id.

    Put together by hand: `EmailMessage` reads encoded words in what it is given, and a line end
    inside of one then begins a new header.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2]
    headers = {
        "From": sender,
        "To": to,
        "Subject": _header(notice.subject),
        "Date": format_datetime(datetime.fromisoformat(event["timestamp"])),
        "Message-ID": f"<{key}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "quoted-printable",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = quopri.encodestring(notice.body.encode())
    return f"{head}\r\n".encode("ascii") + body.replace(b"\n", b"\r\n")


def _header(text: str) -> str:
    """One line of text in a header; whatever might be read as more than text is encoded."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8").encode(linesep="\r\n")


class _ByRelay(smtplib.SMTP):
    """Connects to the relay; the certificate must still be that of the host in the table."""

    def __init__(self, channel: Channel, *, timeout: float) -> None:
        self._relay = channel.relay
        super().__init__(channel.host, channel.port, local_hostname=OWN_NAME, timeout=timeout)

    def _get_socket(self, _host: str, _port: int, timeout: float) -> socket.socket:
        return socket.create_connection(self._relay, timeout)


class Session:
    """A session with a mail server; nothing is said before the connection is private."""

    def __init__(self, channel: Channel, password: str, *, timeout: float) -> None:
        self._channel = channel
        self._password = password
        self._timeout = timeout
        self._smtp: smtplib.SMTP | None = None
        self._broken = ""

    def send(self, to: str, message: bytes) -> None:
        """Give the message to the server; connects first if there is no connection.

        Raises:
            UndeliveredError: the server did not take it.
        """
        if self._broken:
            raise UndeliveredError(self._broken)
        smtp = self._smtp = self._smtp or self._attempt(self._connect)
        sender = parseaddr(self._channel.sender)[1]
        self._attempt(lambda: smtp.sendmail(sender, [to], message))

    def close(self) -> None:
        """Take leave; what was sent stays sent, however that goes."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()

    def _connect(self) -> smtplib.SMTP:
        channel = self._channel
        context = ssl.create_default_context(cafile=str(channel.ca))
        smtp = _ByRelay(channel, timeout=self._timeout)
        try:
            smtp.starttls(context=context)
            if channel.user:
                smtp.login(channel.user, self._password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _attempt(self, action: Callable[[], Any]) -> Any:  # noqa: ANN401 - of the action
        """Errors about a message concern that message; any other ends the session for all."""
        try:
            return action()
        except smtplib.SMTPRecipientsRefused as error:
            ((code, said),) = error.recipients.values()
            raise self._answered(code, said) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise self._answered(error.smtp_code, error.smtp_error) from None
        except (OSError, ValueError) as error:
            undelivered = self._unusable(error)
            self._broken = str(undelivered)
            raise undelivered from None

    def _unusable(self, error: OSError | ValueError) -> UndeliveredError:
        where = self._channel.destination
        if isinstance(error, smtplib.SMTPAuthenticationError):
            # Not what it said: a server may repeat what it was given.
            reason = f"`{where}` did not accept the user and the secret ({error.smtp_code})"
            return UndeliveredError(reason)
        if isinstance(error, smtplib.SMTPResponseException):
            return UndeliveredError(str(self._answered(error.smtp_code, error.smtp_error)))
        if isinstance(error, smtplib.SMTPException):
            return UndeliveredError(f"`{where}` cannot be used: {error}")
        if isinstance(error, OSError):
            return unreachable(where, error)
        # Only its kind: the text may hold what could not be sent.
        return UndeliveredError(f"`{where}` cannot be used: {type(error).__name__}")

    def _answered(self, code: int, said: bytes | str) -> UndeliveredError:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        reason = f"`{self._channel.destination}` answered {code}: {text[:MAX_SAID]}"
        return UndeliveredError(reason, final=code >= PERMANENT)
