"""JSON by HTTP or HTTPS, signed as Standard Webhooks asks; redirections are not followed."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import socket
import ssl
import time
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTP_PORT, HTTPS_PORT
from typing import TYPE_CHECKING, Any

import wording
from failure import UndeliveredError, unreachable

if TYPE_CHECKING:
    from table import Channel
    from template import Notice

SEVERITIES = ("low", "medium", "high", "critical")
# Another attempt may find it otherwise; 401, 403 and 407 when somebody has mended the secret.
PASSING = frozenset((401, 403, 407, 408, 409, 425, 429))
MAX_ANSWER = 4096
_PREFIX = "whsec_"


def compose(notice: Notice, event: dict[str, Any], *, to: str, key: str) -> bytes:
    """The same bytes for the same notification."""
    severity = event["payload"].get("severity")
    document = {
        "version": 1,
        "id": key,
        "to": to,
        "title": wording.chat(notice.subject),
        "text": wording.chat(f"{notice.subject}\n{notice.body}"),
        "event": {
            name: event[name] for name in ("id", "type", "source", "timestamp") if name in event
        },
    }
    if severity in SEVERITIES:
        document["severity"] = severity
    return json.dumps(document).encode()


def post(channel: Channel, body: bytes, *, key: str, secret: str, timeout: float) -> None:
    """Give `body` to the receiver of `channel`.

    Raises:
        UndeliveredError: it did not take it.
    """
    where = channel.destination
    headers = _headers(body, key=key, secret=secret)
    try:
        status = _ask(channel, body, headers, timeout)
    except OSError as error:
        raise unreachable(where, error) from None
    except (http.client.HTTPException, ValueError) as error:
        raise UndeliveredError(f"`{where}` does not speak HTTP ({type(error).__name__})") from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        final = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING
        raise UndeliveredError(f"`{where}` answered {status}", final=final)


def _ask(channel: Channel, body: bytes, headers: dict[str, str], timeout: float) -> int:
    connection = _ByRelay(channel, timeout=timeout)
    try:
        connection.request("POST", channel.path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read(MAX_ANSWER)
        return answer.status
    finally:
        connection.close()


class _ByRelay(http.client.HTTPConnection):
    """Connects to the relay; `Host` and the certificate are those of the host in the table."""

    def __init__(self, channel: Channel, *, timeout: float) -> None:
        super().__init__(channel.host, channel.port, timeout=timeout)
        self._channel = channel
        self.default_port = HTTP_PORT if channel.ca is None else HTTPS_PORT

    def connect(self) -> None:
        """A connection to the server, private if the channel says so."""
        channel = self._channel
        self.sock = socket.create_connection(channel.relay, self.timeout)
        if channel.ca is not None:
            context = ssl.create_default_context(cafile=str(channel.ca))
            self.sock = context.wrap_socket(self.sock, server_hostname=channel.host)


def _headers(body: bytes, *, key: str, secret: str) -> dict[str, str]:
    """The secret itself is never sent."""
    moment = str(int(time.time()))
    signed = hmac.new(_key(secret), f"{key}.{moment}.".encode() + body, sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "LotaBots-NotificationBot/1",
        "Idempotency-Key": f'"{key}"',
        "webhook-id": key,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        reason = f"the secret that signs begins with `{_PREFIX}` and is no base64 after that"
        raise UndeliveredError(reason) from None
