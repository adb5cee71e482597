"""What the front takes from a client, and which lines of a header it passes on.

Framing is judged more strictly than RFC 9112 asks: where the front and a release could read one
request as two (request smuggling), it is refused. Sources: RFC 9110 section 7.6, RFC 9112 sections
3 and 6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import HttpVersion10, HttpVersion11, hdrs
from multidict import CIMultiDict

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import CIMultiDictProxy, MultiMapping

    from lotabots.adapters.hosting.limits import Limits

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_TARGET: Final = re.compile(r"/[!\"$-~]*")  # no space, no `#`, no control or other character
_HOST: Final = re.compile(
    r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?"
)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_UNFIT: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

_HOP: Final = frozenset({
    *("connection", "keep-alive", "proxy-connection", "proxy-authenticate"),
    *("proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"),
})  # fmt: skip
_OURS: Final = frozenset({"expect", "forwarded", "host", "proxy", "via", "x-real-ip"})


class Refusal(NamedTuple):
    """A status from 400 on and the reason, which names the cure where there is one."""

    status: int
    text: str


def refusal(request: web.BaseRequest, limits: Limits) -> Refusal | None:
    """Why the front does not pass on this request; None if it does."""
    if request.version not in {HttpVersion10, HttpVersion11}:
        return Refusal(505, "the front speaks HTTP/1.1")
    if request.method not in _METHODS:
        return Refusal(405, "this method is not passed on")
    if not _TARGET.fullmatch(request.raw_path):
        return Refusal(400, "the request target is not a path: send `/...` and the host in Host")
    if hdrs.UPGRADE in request.headers:
        return Refusal(501, "other protocols are not passed on: send no Upgrade")
    return _header(request, limits) or _framing(request, limits)


def _header(request: web.BaseRequest, limits: Limits) -> Refusal | None:
    if sum(len(name) + len(value) + 4 for name, value in request.raw_headers) > limits.header:
        return Refusal(431, f"the header is larger than {limits.header} bytes")
    if any(_UNFIT.search(value) for value in request.headers.values()):
        return Refusal(400, "the header has characters that are not allowed")
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 and (hosts or request.version == HttpVersion11):
        return Refusal(400, "the header has no Host, or more than one")
    if hosts and not _HOST.fullmatch(hosts[0]):
        return Refusal(400, "Host is not a host")
    expected = request.headers.getall(hdrs.EXPECT, [])
    if expected and [one.lower() for one in expected] != ["100-continue"]:
        return Refusal(417, "only `100-continue` can be expected")
    return None


def _framing(request: web.BaseRequest, limits: Limits) -> Refusal | None:
    lengths = request.headers.getall(hdrs.CONTENT_LENGTH, [])
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, [])
    if len(lengths) + len(codings) > 1:
        return Refusal(400, "the length of the body is told more than once")
    if codings and (codings[0].lower() != "chunked" or request.version != HttpVersion11):
        return Refusal(400, "the only Transfer-Encoding is `chunked`, and only in HTTP/1.1")
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        return Refusal(400, "Content-Length is not a number")
    if lengths and int(lengths[0]) > limits.body:
        return Refusal(413, f"the body is larger than {limits.body} bytes")
    return None


def onward(request: web.BaseRequest) -> CIMultiDict[str]:
    """The header for the release.

    What a client says of the way it came (Forwarded, X-Forwarded-*) is dropped, for it cannot be
    known to be true. So is any name with an underscore: behind WSGI it reads like one with a
    hyphen, and would stand for it.
    """
    dropped = _hop_by_hop(request.headers) | _OURS
    header = CIMultiDict(
        (name, value)
        for name, value in request.headers.items()
        if (low := name.lower()) not in dropped
        and not low.startswith("x-forwarded-")
        and "_" not in name
    )
    host = request.headers.get(hdrs.HOST)
    if host is not None:
        header[hdrs.HOST] = header[hdrs.X_FORWARDED_HOST] = host
    header[hdrs.X_FORWARDED_FOR] = request.remote or "unknown"
    header[hdrs.X_FORWARDED_PROTO] = "http"
    return header


def returned(header: CIMultiDictProxy[str], reason: str | None) -> CIMultiDict[str] | None:
    """The header for the client; None if the release's cannot be passed on."""
    if any(map(_UNFIT.search, (reason or "", *header.keys(), *header.values()))):
        return None
    if len(header.getall(hdrs.CONTENT_LENGTH, ())) > 1:
        return None
    dropped = _hop_by_hop(header)
    if hdrs.TRANSFER_ENCODING in header:
        dropped |= {"content-length"}  # of the two, the coding is what the body was read by
    kept = CIMultiDict(
        (name, value) for name, value in header.items() if name.lower() not in dropped
    )
    kept.setdefault(hdrs.SERVER, "lotabots")
    return kept


def _hop_by_hop(header: MultiMapping[str]) -> frozenset[str]:
    """What is meant for the next hop alone; a client cannot talk the length of its body away."""
    if hdrs.CONNECTION not in header:
        return _HOP
    named = ",".join(header.getall(hdrs.CONNECTION)).lower().split(",")
    return _HOP | {name.strip() for name in named} - {"content-length"}
