"""Carries TCP connections across the wall of a private network, one granted destination each.

Inside, a destination appears under its own address: a literal address is added to the loopback, a
name gets an address of 127.77.0.0/16 and a line in the hosts file. Names are resolved outside, for
each connection. A relay never reads what it carries, so there is nothing to trick by its content.
A destination may lead to another host outside, or to a unix socket (`net.via`).
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - host names need it; later our user may not reach the library
import ipaddress
import json
import os
import select
import signal
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import kernel
from lotabots.adapters.sandbox.dialer import CONNECT_TIMEOUT_S
from lotabots.adapters.sandbox.namespace import join, listen
from lotabots.adapters.sandbox.report import RefusedError
from lotabots.adapters.sandbox.running import keep_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lotabots.adapters.sandbox.dialer import Dialer
    from lotabots.policy.project_kernel import Net

_MAX_CONNECTIONS: Final = 128
_DRAIN_LOOK_S: Final = 0.01
_CHUNK: Final = 65_536
_NAMES: Final = ipaddress.ip_address("127.77.0.0")
_LOCALHOST: Final = "127.0.0.1"
_OWN_NAMES: Final = ("localhost", "sandbox")
_UNIX: Final = "unix:"
SERVICES: Final = """\
ftp 21/tcp
ssh 22/tcp
smtp 25/tcp
domain 53/tcp
domain 53/udp
http 80/tcp
pop3 110/tcp
ntp 123/udp
imap2 143/tcp
https 443/tcp
submissions 465/tcp
submission 587/tcp
imaps 993/tcp
pop3s 995/tcp
http-alt 8080/tcp
"""
"""The services file of the sandbox: what programs call by name most; numbers and names of IANA."""


class Destination(NamedTuple):
    """`text` is the grant; connections to `inside`:`port` in the sandbox go to `host`:`port`.

    Or to where `via` says: ``host:port``, or ``unix:`` and a path.
    """

    text: str
    host: str
    port: int
    inside: str
    via: str = ""


class _Target(NamedTuple):
    """A destination as it is reported, and how it is reached."""

    text: str
    reach: Callable[[], socket.socket]


def destinations(net: Net) -> tuple[Destination, ...]:
    """The granted destinations with their addresses inside.

    Raises:
        RefusedError: a host is neither an address nor a name that can stand for one.
    """
    found: list[Destination] = []
    names: dict[str, str] = {}
    for text in dict.fromkeys(net.connect):
        host, port = _split(text)
        inside = _inside(host, names)
        found.append(Destination(text, host, port, inside, net.via.get(text, "")))
    return tuple(found)


def hosts_file(found: Sequence[Destination]) -> str:
    """The hosts file of the sandbox: itself and the granted names."""
    lines = ["127.0.0.1 localhost sandbox", "::1 localhost"]
    lines += [f"{one.inside} {one.host}" for one in found if not _is_address(one.host)]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def socket_paths(found: Sequence[Destination]) -> tuple[str, ...]:
    """The unix sockets that the destinations lead to."""
    ways = dict.fromkeys(one.via for one in found if one.via.startswith(_UNIX))
    return tuple(way.removeprefix(_UNIX) for way in ways)


def connect_outward(
    pid: int, found: Sequence[Destination], *, log: int, dialer: Dialer | None
) -> int:
    """Listen in the network of `pid` and relay to the hosts outside; the relay's process id.

    `dialer` connects to the `socket_paths`, if there are any.

    Raises:
        RefusedError: an address cannot be offered inside.
    """
    listeners = listen(pid, [(one.inside, one.port) for one in found])
    targets = list(_outward(found, dialer))

    def run() -> None:
        _Service(log, "connect").serve(listeners, targets)

    kept = [
        log,
        *([dialer.fileno()] if dialer else []),
        *(listener.fileno() for listener in listeners),
    ]
    relay = _spawn(run, kept=kept)
    for listener in listeners:
        listener.close()
    return relay


def connect_inward(pid: int, ports: Sequence[int], log: int) -> int:
    """Listen on loopback `ports` outside and relay into the network of `pid`.

    Raises:
        RefusedError: a port is taken.
    """
    listeners = [_outside(port) for port in ports]
    targets = [_Target(f"{_LOCALHOST}:{port}", _tcp(_LOCALHOST, port)) for port in ports]

    def prepare() -> None:
        join(pid, "net", kernel.CLONE_NEWNET)

    def run() -> None:
        _Service(log, "accept").serve(listeners, targets)

    kept = [log, *(listener.fileno() for listener in listeners)]
    relay = _spawn(run, kept=kept, prepare=prepare)
    for listener in listeners:
        listener.close()
    return relay


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _outward(found: Sequence[Destination], dialer: Dialer | None) -> Iterator[_Target]:
    paths = socket_paths(found)
    for one in found:
        if dialer is not None and one.via.startswith(_UNIX):
            number = paths.index(one.via.removeprefix(_UNIX))
            yield _Target(one.text, partial(dialer.connect, number))
        else:
            host, port = _split(one.via) if one.via else (one.host, one.port)
            yield _Target(one.text, _tcp(host, port))


def _tcp(host: str, port: int) -> Callable[[], socket.socket]:
    return partial(socket.create_connection, (host, port), timeout=CONNECT_TIMEOUT_S)


def _inside(host: str, names: dict[str, str]) -> str:
    if _is_address(host):
        address = ipaddress.ip_address(host)
        if address.is_unspecified or address.is_multicast:
            raise RefusedError(f"`{host}` is not the address of a host")
        return str(address)
    if host in _OWN_NAMES:
        return _LOCALHOST
    return names.setdefault(host, str(_NAMES + len(names) + 1))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _outside(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOCALHOST, port))
    except OSError as error:
        listener.close()
        raise RefusedError(f"port {port} of `net.bind`: {error.strerror}") from error
    listener.listen()
    return listener


def _spawn(
    run: Callable[[], None], *, kept: Sequence[int], prepare: Callable[[], None] = lambda: None
) -> int:
    parent = os.getpid()
    # Kept until the relay waits for it: a short program may end before that.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child:
        return child
    try:
        keep_only(*kept)
        prepare()
        # Only now: joining a user namespace forgets the parent's death signal.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            run()
    finally:
        os._exit(0)


class _Service:
    """One listener per destination, a thread per connection; ends in order on SIGTERM.

    A program may send and exit at once: what it has sent before its end still goes out.
    """

    def __init__(self, log: int, kind: str) -> None:
        self._log = log
        self._kind = kind
        self._slots = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._sending = 0
        self._changed = threading.Condition()

    def serve(self, listeners: Sequence[socket.socket], targets: Sequence[_Target]) -> None:
        """Until SIGTERM, and then until nothing is on its way out any more."""
        for listener, target in zip(listeners, targets, strict=True):
            threading.Thread(target=self._accept, args=(listener, target), daemon=True).start()
        signal.sigwait({signal.SIGTERM})
        waiting = select.poll()
        for listener in listeners:
            waiting.register(listener, select.POLLIN)
        with self._changed:
            while self._sending or waiting.poll(0):
                self._changed.wait(_DRAIN_LOOK_S)

    def _accept(self, listener: socket.socket, target: _Target) -> None:
        while True:
            self._slots.acquire()
            # Counted before it leaves the listener's queue: it is always in one of the two.
            waiting = select.poll()
            waiting.register(listener, select.POLLIN)
            waiting.poll()
            self._count(1)
            try:
                near, _ = listener.accept()
            except OSError:
                # The other side was gone before we came.
                self._count(-1)
                self._slots.release()
                continue
            threading.Thread(target=self._carry, args=(near, target), daemon=True).start()

    def _count(self, change: int) -> None:
        with self._changed:
            self._sending += change
            self._changed.notify_all()

    def _carry(self, near: socket.socket, target: _Target) -> None:
        note = {"kind": self._kind, "target": target.text, "result": "granted"}
        sending = _Once(lambda: self._count(-1))
        try:
            with near, target.reach() as far:
                _note(self._log, note)
                far.settimeout(None)
                outward = (near, far) if self._kind == "connect" else (far, near)
                inward = threading.Thread(target=_pump, args=outward[::-1], daemon=True)
                inward.start()
                _pump(*outward)
                sending()
                inward.join()
        except OSError as error:
            _note(self._log, {**note, "result": "failed", "error": str(error)})
        finally:
            sending()
            self._slots.release()


class _Once:
    """Calls `action` the first time it is called itself."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def __call__(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One end is gone: wake the other direction, which closes both.
        for end in (source, sink):
            _shut(end)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _note(log: int, entry: dict[str, str]) -> None:
    """One line, in one write: lines of several threads do not mix."""
    os.write(log, json.dumps(entry).encode()[:2000] + b"\n")
