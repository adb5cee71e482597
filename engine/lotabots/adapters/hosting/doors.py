"""The doors of the host: HTTP on unix sockets, each with its own verbs.

Who may use a door is decided by who can reach its socket: the folder is the service's own, and a
sandbox gets a door only where its rule file grants the relay. What is asked through the wrong door
is refused before anything else is looked at.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from lotabots.adapters.hosting.brake import Brake
from lotabots.adapters.hosting.releases import Origin
from lotabots.adapters.hosting.replies import DeclinedError
from lotabots.adapters.hosting.site import Promotion
from lotabots.adapters.hosting.wording import short
from lotabots.policy.doors import CHANGING, Verb, closed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from lotabots.adapters.hosting.host import Host
    from lotabots.adapters.hosting.site import Site
    from lotabots.policy.doors import Door

    _Answer = Callable[["_Visit"], Awaitable[web.Response]]
    _Body = TypeVar("_Body", bound=Struct)

log = logging.getLogger(__name__)

MAX_BODY: Final = 64 * 1024
CLOSE_S: Final = 2.0
"""How long requests under way at a door may take when the host ends."""

TURNS: Final = 2
"""Changes of a service that are asked for at one door at once: who is gone holds up nobody long."""

Name = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9._:/@+-]*\Z")]
"""What names a job, a change, a release or a folder."""

_SITE: Final = "/services/{service}/{environment}"
_ONE: Final = _SITE + "/releases/{release}"
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class ReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of what a release is made."""

    incoming: Name
    artifact: Name
    job: Name
    change: Name = ""


class PromoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who promotes, and what is withdrawn by it."""

    job: Name
    withdraw: Name = ""
    reason: str = ""


class DiscardBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who discards, and why."""

    job: Name
    reason: str = ""


class ScaleBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who scales, to what, and for how many seconds."""

    instances: int
    job: Name
    for_s: int


class StartBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who starts."""

    job: Name = ""


class _Visit(NamedTuple):
    """A request at a door; `asked` is what its body said, for the record."""

    door: Door
    host: Host
    request: web.Request
    asked: dict[str, Any]

    @property
    def site(self) -> Site:
        """The service that the path names."""
        where = self.request.match_info
        return self.host.site(where["service"], where["environment"])

    @property
    def release(self) -> str:
        """The release that the path names."""
        return self.request.match_info["release"]


class Doorway:
    """A door with its listener."""

    def __init__(self, door: Door, host: Host) -> None:
        self.door = door
        self.host = host
        app = web.Application(client_max_size=MAX_BODY)
        for method, path, verb, answer in _ROUTES:
            app.router.add_route(method, path, self._handler(verb, answer))
        app.router.add_route("*", "/{path:.*}", self._nothing)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_S
        )
        self._path: Path | None = None
        self._brake = Brake()
        self._turns: Counter[str] = Counter()

    async def open(self, path: Path) -> None:
        """Listen on the unix socket `path`, instead of whatever was there."""
        self._path = path
        await self._runner.setup()
        await web.SockSite(self._runner, _listener(path)).start()

    async def close(self) -> None:
        """Stop listening; requests under way may end, for a moment."""
        await self._runner.cleanup()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _handler(self, verb: Verb, answer: _Answer) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            visit = _Visit(self.door, self.host, request, {})
            named = {key: short(value) for key, value in request.match_info.items()}
            about = {"door": self.door.name, "verb": verb.value, **named}
            try:
                self._let_through(verb, request.match_info.get("environment", ""))
                async with self._turn(verb, f"{named.get('service')} {named.get('environment')}"):
                    response = await answer(visit)
            except DeclinedError as error:
                return await self._declined(error, about | visit.asked)
            except Exception as error:  # the door stays open for others, and says what it knows
                log.exception("door.failed", extra=about)
                status = 503 if isinstance(error, OSError) else 500
                text = "the host failed; its log says how (`door.failed`)"
                return await self._declined(DeclinedError(status, text), about | visit.asked)
            if verb in CHANGING:
                answered = msgspec.json.decode(response.text or "{}")
                self.host.record(verb.value, about | visit.asked | {"answer": answered})
            return response

        return handle

    def _let_through(self, verb: Verb, environment: str) -> None:
        if refusal := closed(self.door, verb, environment):
            raise DeclinedError(403, refusal)
        if verb in CHANGING and self.host.record.full:
            text = "what is done cannot be put on record at the moment, so nothing is; see the log"
            raise DeclinedError(503, text, code="no-records")

    async def _nothing(self, request: web.Request) -> web.Response:
        about = {"door": self.door.name, "verb": "", "path": short(request.path)}
        text = f"there is nothing at `{request.method[:16]} {request.path[:128]}`"
        return await self._declined(DeclinedError(404, text), about)

    @asynccontextmanager
    async def _turn(self, verb: Verb, site: str) -> AsyncIterator[None]:
        """What changes something waits for what came before; only so many may wait."""
        if verb not in CHANGING:
            yield
            return
        if self._turns[site] >= TURNS:
            text = f"{TURNS} requests of this door are under way; wait for them"
            raise DeclinedError(503, text, code="busy")
        self._turns[site] += 1
        try:
            await self._brake.wait()
            yield
        finally:
            self._turns[site] -= 1
            self._turns += Counter()  # forgets what is zero

    async def _declined(self, error: DeclinedError, about: dict[str, Any]) -> web.Response:
        """The answer to what is not done; also on record."""
        await self._brake.wait()
        text = short(str(error))
        fields = about | {"status": error.status, "code": error.code, "error": text}
        log.warning("door.refused", extra=fields)
        self.host.record("refused", fields)
        said = {"error": text, "code": error.code} | ({"log": error.log} if error.log else {})
        return web.json_response(said, status=error.status)


async def _body(visit: _Visit, kind: type[_Body]) -> _Body:
    try:
        data = await visit.request.read()
        body = msgspec.json.decode(data or b"{}", type=kind)
    except web.HTTPRequestEntityTooLarge as error:
        raise DeclinedError(413, f"a body has at most {MAX_BODY} bytes") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DeclinedError(422, f"the body is not what this verb takes: {error}") from error
    if reason := getattr(body, "reason", ""):
        body = msgspec.structs.replace(body, reason=short(reason))
    visit.asked.update(msgspec.to_builtins(body))
    return body


def _listener(path: Path) -> socket.socket:
    """A listening socket; a long path is reached by way of its open folder."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, _FOLDER)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)
    path.chmod(0o600)
    return listener


async def _status(visit: _Visit) -> web.Response:
    # Not escaped, which would make six bytes of a letter: who asks reads only so many.
    return web.json_response(visit.site.status(), dumps=partial(json.dumps, ensure_ascii=False))


async def _release(visit: _Visit) -> web.Response:
    site, body = visit.site, await _body(visit, ReleaseBody)
    made = await site.release(body.incoming, Origin(body.artifact, body.change, body.job))
    return web.json_response({"release": made}, status=201)


async def _start(visit: _Visit) -> web.Response:
    site, _ = visit.site, await _body(visit, StartBody)
    await site.start_again(visit.release, visit.door)
    return web.json_response({"release": visit.release})


async def _check(visit: _Visit) -> web.Response:
    return web.json_response(await visit.site.check(visit.release))


async def _promote(visit: _Visit) -> web.Response:
    site, body = visit.site, await _body(visit, PromoteBody)
    wish = Promotion(visit.release, body.job, body.withdraw, body.reason)
    return web.json_response(await site.promote(wish, visit.door))


async def _discard(visit: _Visit) -> web.Response:
    site, body = visit.site, await _body(visit, DiscardBody)
    await site.discard(visit.release, job=body.job, reason=body.reason)
    return web.json_response({"release": visit.release})


async def _scale(visit: _Visit) -> web.Response:
    site, body = visit.site, await _body(visit, ScaleBody)
    return web.json_response(await site.scale(body.instances, job=body.job, for_s=body.for_s))


async def _targets(visit: _Visit) -> web.Response:
    return web.json_response(visit.host.targets())


async def _probe(visit: _Visit) -> web.Response:
    return web.json_response(await visit.host.probe(visit.request.match_info["target"]))


async def _metrics(visit: _Visit) -> web.Response:
    return web.Response(text=visit.host.metrics(), content_type="text/plain")


_ROUTES: Final[tuple[tuple[str, str, Verb, _Answer], ...]] = (
    ("GET", _SITE, Verb.STATUS, _status),
    ("POST", f"{_SITE}/releases", Verb.RELEASE, _release),
    ("POST", f"{_ONE}/start", Verb.START, _start),
    ("POST", f"{_ONE}/check", Verb.CHECK, _check),
    ("POST", f"{_ONE}/promote", Verb.PROMOTE, _promote),
    ("POST", f"{_ONE}/discard", Verb.DISCARD, _discard),
    ("POST", f"{_SITE}/scale", Verb.SCALE, _scale),
    ("GET", "/targets", Verb.TARGETS, _targets),
    ("GET", "/probe/{target}", Verb.PROBE, _probe),
    ("GET", "/metrics", Verb.METRICS, _metrics),
)
