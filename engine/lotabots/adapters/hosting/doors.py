"""The doors of the host: HTTP on unix sockets, each with its own verbs.

Who may use a door is decided by who can reach its socket: the folder is the service's own, and a
sandbox gets a door only where its rule file grants the relay. What is asked through the wrong door
is refused before anything else is looked at.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from lotabots.adapters.hosting.releases import Origin
from lotabots.adapters.hosting.site import CHANGING, DeclinedError, Promotion
from lotabots.policy.hosting import Verb, closed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from lotabots.adapters.hosting.host import Host
    from lotabots.policy.hosting import Door

    _Answer = Callable[["Doorway", web.Request], Awaitable[web.Response]]
    _Body = TypeVar("_Body", bound=Struct)

log = logging.getLogger(__name__)

MAX_BODY: Final = 64 * 1024
CLOSE_S: Final = 2.0
"""How long requests under way at a door may take when the host ends."""

_SITE: Final = "/services/{service}/{environment}"
_ONE: Final = _SITE + "/releases/{release}"
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class ReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of what a release is made."""

    incoming: str
    artifact: str
    job: str
    change: str = ""


class PromoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who promotes, and what is withdrawn by it."""

    job: str
    withdraw: str = ""
    reason: str = ""


class DiscardBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who discards, and why."""

    job: str
    reason: str = ""


class ScaleBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who scales, and to what."""

    instances: int
    job: str


class StartBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who starts."""

    job: str = ""


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
            about = {"door": self.door.name, "verb": verb.value, **request.match_info}
            try:
                self._let_through(verb, about.get("environment", ""))
                response = await answer(self, request)
            except DeclinedError as error:
                return self._declined(error, about | request.get("asked", {}))
            except OSError as error:
                log.exception("door.failed", extra=about)
                return self._declined(DeclinedError(503, f"the state folder: {error}"), about)
            if verb in CHANGING:
                self.host.record(verb.value, about | _said(request, response))
            return response

        return handle

    def _let_through(self, verb: Verb, environment: str) -> None:
        if refusal := closed(self.door, verb, environment):
            raise DeclinedError(403, refusal)

    async def _nothing(self, request: web.Request) -> web.Response:
        about = {"door": self.door.name, "verb": "", "path": request.path[:256]}
        text = f"there is nothing at `{request.method[:16]} {request.path[:128]}`"
        return self._declined(DeclinedError(404, text), about)

    def _declined(self, error: DeclinedError, about: dict[str, Any]) -> web.Response:
        """The answer to what is not done; also on record."""
        fields = about | {"status": error.status, "error": str(error)}
        log.warning("door.refused", extra=fields)
        self.host.record("refused", fields)
        said = {"error": str(error)} | ({"log": error.log} if error.log else {})
        return web.json_response(said, status=error.status)


def _said(request: web.Request, response: web.Response) -> dict[str, Any]:
    """What a verb was asked with and answered, for the record; `job` among it."""
    asked = request.get("asked", {})
    answered = msgspec.json.decode(response.body) if isinstance(response.body, bytes) else {}
    return {**asked, "answer": answered}


async def _body(request: web.Request, kind: type[_Body]) -> _Body:
    try:
        data = await request.read()
        body = msgspec.json.decode(data or b"{}", type=kind)
    except web.HTTPRequestEntityTooLarge as error:
        raise DeclinedError(413, f"a body has at most {MAX_BODY} bytes") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DeclinedError(422, f"the body is not what this verb takes: {error}") from error
    request["asked"] = msgspec.to_builtins(body)
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


async def _status(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    return web.json_response(way.host.site(where["service"], where["environment"]).status())


async def _release(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    body = await _body(request, ReleaseBody)
    made = await site.release(body.incoming, Origin(body.artifact, body.change, body.job))
    return web.json_response({"release": made}, status=201)


async def _start(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    await _body(request, StartBody)
    await site.start_again(where["release"], way.door)
    return web.json_response({"release": where["release"]})


async def _check(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    return web.json_response(await site.check(where["release"]))


async def _promote(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    body = await _body(request, PromoteBody)
    wish = Promotion(where["release"], body.job, body.withdraw, body.reason)
    return web.json_response(await site.promote(wish, way.door))


async def _discard(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    body = await _body(request, DiscardBody)
    await site.discard(where["release"], job=body.job, reason=body.reason)
    return web.json_response({"release": where["release"]})


async def _scale(way: Doorway, request: web.Request) -> web.Response:
    where = request.match_info
    site = way.host.site(where["service"], where["environment"])
    body = await _body(request, ScaleBody)
    return web.json_response(await site.scale(body.instances, job=body.job))


async def _targets(way: Doorway, _request: web.Request) -> web.Response:
    return web.json_response(way.host.targets())


async def _probe(way: Doorway, request: web.Request) -> web.Response:
    return web.json_response(await way.host.probe(request.match_info["target"]))


async def _metrics(way: Doorway, _request: web.Request) -> web.Response:
    return web.Response(text=way.host.metrics(), content_type="text/plain")


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
