"""``channels.toml``: which servers there are, and who is told about which events.

Written by people, read-only for the bot. Read strictly: a table with a mistake tells nobody
anything, and the job fails, rather than telling some and forgetting others.
"""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from failure import TableError

FILE = "channels.toml"
MAX_CHANNELS = 8
MAX_DELIVERIES = 50
MAX_NAME = 128
MAX_PORT = 65_535
_RELAYS = {"smtp": "mail", "webhook": "chat"}
_PORTS = {"http": 80, "https": 443}
_SERVER = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_SENDER = re.compile(r"[A-Za-z0-9 ._-]{1,64} <(.*)>", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,1024}", re.ASCII)
_TEXT = re.compile(r"[ -~]{1,128}", re.ASCII)


class Channel(NamedTuple):
    """A way to tell people: a mail server (`sender`, `user`), or a webhook (`path`).

    `host` and `port` are what its server is called: its certificate must name that host.
    Connections go to `relay`, which leads there. `ca` is the file with the certificates that the
    server's one must come from; None without TLS.
    """

    name: str
    host: str
    port: int
    relay: tuple[str, int]
    ca: Path | None
    path: str = ""
    sender: str = ""
    user: str = ""

    @property
    def destination(self) -> str:
        """``host:port``, as the table names it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Delivery(NamedTuple):
    """Somebody to be told, over a channel: an address, or the name of a room."""

    channel: Channel
    to: str


class Route(NamedTuple):
    """`events` are patterns of types; `where` are members that the payload must have just so."""

    events: tuple[str, ...]
    where: dict[str, Any]
    tell: tuple[Delivery, ...]


class Table(NamedTuple):
    """All routes, and who is told about what has none."""

    routes: tuple[Route, ...]
    otherwise: tuple[Delivery, ...]

    def deliveries(self, event: dict[str, Any]) -> tuple[Delivery, ...]:
        """Who is told about an event: everybody of every route that fits, once."""
        fit = [delivery for route in self.routes if _fits(route, event) for delivery in route.tell]
        return tuple(dict.fromkeys(fit or self.otherwise))


def read(folder: Path, relays: dict[str, str]) -> Table:
    """The table in `folder`; `relays` are those that the job may use, and where they are.

    Raises:
        TableError: it cannot be read or has a mistake.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise TableError(f"{FILE}: {error}") from None
    _known(document, "the table", needed=("version", "channels", "otherwise"), more=("routes",))
    if document["version"] != 1:
        raise TableError(f"{FILE}: this NotificationBot reads tables of version 1")
    channels = _channels(document["channels"], folder, relays)
    routes = tuple(_route(one, channels) for one in _list(document.get("routes", []), "`routes`"))
    table = Table(routes, _tell(document["otherwise"], channels, "`otherwise`"))
    if len({one for route in table.routes for one in route.tell}) > MAX_DELIVERIES:
        raise TableError(f"{FILE}: more than {MAX_DELIVERIES} receivers")
    return table


def _fits(route: Route, event: dict[str, Any]) -> bool:
    if not any(fnmatchcase(event["type"], pattern) for pattern in route.events):
        return False
    payload = event["payload"]
    return all(name in payload and payload[name] == value for name, value in route.where.items())


def _channels(found: object, folder: Path, relays: dict[str, str]) -> dict[str, Channel]:
    if not isinstance(found, dict) or not 0 < len(found) <= MAX_CHANNELS:
        raise TableError(f"{FILE}: `channels` are 1 to {MAX_CHANNELS} tables")
    return {name: _channel(name, one, folder, relays) for name, one in found.items()}


def _channel(name: str, found: object, folder: Path, relays: dict[str, str]) -> Channel:
    what = f"channel `{name}`"
    kind = found.get("kind") if isinstance(found, dict) else None
    if kind == "smtp":
        _known(found, what, needed=("kind", "server", "from", "ca"), more=("user", "relay"))
        return _mail_channel(name, found, folder, _relay(found, relays, what))
    if kind == "webhook":
        _known(found, what, needed=("kind", "url"), more=("ca", "relay"))
        return _webhook_channel(name, found, folder, _relay(found, relays, what))
    raise TableError(f'{FILE}: {what}: `kind` is "smtp" or "webhook"')


def _relay(found: Any, relays: dict[str, str], what: str) -> tuple[str, int]:  # noqa: ANN401 - TOML
    name = _text(found.get("relay", _RELAYS[found["kind"]]), f"{what}: `relay`")
    if name not in relays:
        raise TableError(f"{FILE}: {what}: relay `{name}` is not among the `network` grants")
    host, _, port = relays[name].rpartition(":")
    return host, int(port)


def _mail_channel(
    name: str,
    found: Any,  # noqa: ANN401 - TOML
    folder: Path,
    relay: tuple[str, int],
) -> Channel:
    what = f"channel `{name}`"
    server = _SERVER.fullmatch(_text(found["server"], f"{what}: `server`"))
    if server is None or not 0 < int(server[2]) <= MAX_PORT:
        raise TableError(f"{FILE}: {what}: `server` is not host:port")
    sender = _text(found["from"], f"{what}: `from`")
    named = _SENDER.fullmatch(sender)
    if _ADDRESS.fullmatch(named[1] if named else sender) is None:
        raise TableError(f"{FILE}: {what}: `from` is no mail address")
    user = _text(found["user"], f"{what}: `user`") if "user" in found else ""
    ca = _ca(found["ca"], folder, what)
    host = server[1].strip("[]")
    return Channel(name, host, int(server[2]), relay, ca, sender=sender, user=user)


def _webhook_channel(
    name: str,
    found: Any,  # noqa: ANN401 - TOML
    folder: Path,
    relay: tuple[str, int],
) -> Channel:
    what = f"channel `{name}`"
    url = found["url"]
    if not isinstance(url, str) or _PRINTABLE.fullmatch(url) is None:
        raise TableError(f"{FILE}: {what}: `url` is no URL")
    try:
        parts = urlsplit(url)
        usual = _PORTS[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        raise TableError(f"{FILE}: {what}: `url` is no URL of HTTP or HTTPS") from None
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise TableError(f"{FILE}: {what}: `url` has a host, and no user and no fragment")
    private = parts.scheme == "https"
    if private != ("ca" in found):
        raise TableError(f"{FILE}: {what}: `ca` belongs to a URL of HTTPS, and only to one")
    ca = _ca(found["ca"], folder, what) if private else None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Channel(name, parts.hostname, port, relay, ca, path=path)


def _ca(found: object, folder: Path, what: str) -> Path:
    name = _text(found, f"{what}: `ca`")
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise TableError(f"{FILE}: {what}: `ca` is the name of a file beside the table")
    return path


def _route(found: object, channels: dict[str, Channel]) -> Route:
    _known(found, "a route", needed=("events", "tell"), more=("where",))
    assert isinstance(found, dict)  # noqa: S101 - just looked at
    events = tuple(_text(one, "`events`") for one in _list(found["events"], "`events`"))
    where = found.get("where", {})
    if not isinstance(where, dict) or not events:
        raise TableError(f"{FILE}: a route has `events`; `where` are members and their values")
    return Route(events, where, _tell(found["tell"], channels, f"the route of `{events[0]}`"))


def _tell(found: object, channels: dict[str, Channel], what: str) -> tuple[Delivery, ...]:
    told = tuple(_delivery(one, channels, what) for one in _list(found, what))
    if not 0 < len(told) <= MAX_DELIVERIES:
        raise TableError(f"{FILE}: {what} tells 1 to {MAX_DELIVERIES} receivers")
    return told


def _delivery(found: object, channels: dict[str, Channel], what: str) -> Delivery:
    """``"mail: ops@example.org"``: a channel and one of its receivers."""
    name, colon, to = _text(found, what).partition(":")
    channel, to = channels.get(name.strip()), to.strip()
    if not colon or channel is None:
        raise TableError(f"{FILE}: {what}: `{found}` is not `channel: receiver`")
    if channel.sender and _ADDRESS.fullmatch(to) is None:
        raise TableError(f"{FILE}: {what}: `{to}` is no mail address")
    if not to:
        raise TableError(f"{FILE}: {what}: `{found}` names nobody")
    return Delivery(channel, to)


def _known(
    found: object, what: str, *, needed: tuple[str, ...], more: tuple[str, ...] = ()
) -> None:
    if not isinstance(found, dict):
        raise TableError(f"{FILE}: {what} is a table")
    for name in needed:
        if name not in found:
            raise TableError(f"{FILE}: {what} lacks `{name}`")
    for name in found:
        if name not in (*needed, *more):
            raise TableError(f"{FILE}: {what} has no `{name}`")


def _list(found: object, what: str) -> list[Any]:
    if not isinstance(found, list):
        raise TableError(f"{FILE}: {what} is a list")
    return found


def _text(found: object, what: str) -> str:
    if not isinstance(found, str) or _TEXT.fullmatch(found) is None:
        raise TableError(f"{FILE}: {what} is plain text of at most {MAX_NAME} characters")
    return found
