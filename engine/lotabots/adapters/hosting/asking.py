"""One GET, as a health check asks it: the status, how long it took and the start of the body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from aiohappyeyeballs import AddrInfoType

    SocketOf = Callable[[AddrInfoType], socket.socket]

_BODY: Final = 1024


class Asked(NamedTuple):
    """An answer; `status` 0 means that there was none and `body` says why. `ms` is milliseconds."""

    status: int
    ms: float
    body: str

    @property
    def healthy(self) -> bool:
        """Whether the status is one of success (200 to 299)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success


async def ask(
    host: str, port: int, path: str, *, within_s: float, socket_of: SocketOf | None = None
) -> Asked:
    """GET `path` on a connection of its own; redirects are not followed.

    `socket_of` makes its socket. The body is cut at 1 KiB and read as UTF-8 with replacements.
    Never raises for what the other side does or fails to do.
    """
    clock = asyncio.get_running_loop().time
    start = clock()
    try:
        status, body = await _get(_url(host, port, path), within_s, socket_of)
    except TimeoutError:
        status, body = 0, f"no answer within {within_s:g} s"
    except (ClientError, OSError, ValueError) as error:
        status, body = 0, str(error) or type(error).__name__
    return Asked(status, round((clock() - start) * 1000, 3), body[:_BODY])


def _url(host: str, port: int, path: str) -> URL:
    if not path.startswith("/"):
        raise ValueError(f"`{path}` is not a path: it starts with `/`")
    # Put together as text: joined as URLs, a path of `//host/` would lead elsewhere.
    return URL(f"http://{f'[{host}]' if ':' in host else host}:{port}{path}")


async def _get(url: URL, within_s: float, socket_of: SocketOf | None) -> tuple[int, str]:
    async with (
        asyncio.timeout(within_s),
        ClientSession(
            connector=TCPConnector(force_close=True, socket_factory=socket_of),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            trust_env=False,
        ) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        body = b""
        while len(body) < _BODY and (piece := await answer.content.read(_BODY - len(body))):
            body += piece
        return answer.status, body.decode(errors="replace")
