"""Steps into a sandbox's namespaces, each in a child process that does one thing there.

Joining a user namespace is for good and for single-threaded processes only, so the supervisor
itself never does it.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
from typing import TYPE_CHECKING, Final

from lotabots.adapters.sandbox import kernel
from lotabots.adapters.sandbox.report import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NS_GET_USERNS: Final = 0xB701
_RTM_NEWADDR: Final = 20
_NLM_F_REQUEST_ACK: Final = 0x5
_NLM_F_CREATE_EXCL: Final = 0x600
_NLMSG_ERROR: Final = 2
_IFA_LOCAL, _IFA_ADDRESS = 2, 1
_IFA_F_NODAD: Final = 0x02
_LOOPBACK_INDEX: Final = 1
_EEXIST: Final = 17
_BACKLOG: Final = 64
_MESSAGE: Final = 256


def listen(pid: int, places: Sequence[tuple[str, int]]) -> list[socket.socket]:
    """Sockets that listen in the network of `pid`, on addresses added to its loopback."""
    ours, theirs = socket.socketpair()

    def step() -> None:
        made = [_listener(address, port) for address, port in places]
        socket.send_fds(theirs, [b"+"], [sock.fileno() for sock in made])

    with ours, theirs:
        _inside(pid, "net", kernel.CLONE_NEWNET, step)
        _, fds, _, _ = socket.recv_fds(ours, 1, len(places))
    return [socket.socket(fileno=fd) for fd in fds]


def join(pid: int, name: str, kind: int) -> None:
    """Move this process into the user namespace that owns a namespace of `pid`, then into it."""
    fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    owner = fcntl.ioctl(fd, _NS_GET_USERNS)
    kernel.setns(owner, kernel.CLONE_NEWUSER)
    kernel.setns(fd, kind)
    os.close(owner)
    os.close(fd)


def _inside(pid: int, name: str, kind: int, step: Callable[[], None]) -> None:
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        message = b"lost"
        try:
            join(pid, name, kind)
            step()
            message = b""
        except OSError as error:
            message = str(error).encode()[:_MESSAGE]
        finally:
            os.write(tell, message)
            os._exit(0)
    os.close(tell)
    message = os.read(told, _MESSAGE)
    os.close(told)
    _, status = os.waitpid(child, 0)
    if message or status:
        raise RefusedError(f"the {name} namespace could not be set up: {message.decode()}")


def _listener(address: str, port: int) -> socket.socket:
    parsed = ipaddress.ip_address(address)
    if not parsed.is_loopback:
        _add_address(parsed)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(_BACKLOG)
    return sock


def _add_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """RTM_NEWADDR on the loopback interface; an address that is there already is fine."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    packed = address.packed
    body = struct.pack("=BBBBi", family, len(packed) * 8, _IFA_F_NODAD, 0, _LOOPBACK_INDEX)
    for kind in (_IFA_LOCAL, _IFA_ADDRESS):
        body += struct.pack("=HH", 4 + len(packed), kind) + packed
    flags = _NLM_F_REQUEST_ACK | _NLM_F_CREATE_EXCL
    message = struct.pack("=IHHII", 16 + len(body), _RTM_NEWADDR, flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(message)
        answer = netlink.recv(4096)
    kind, error = struct.unpack_from("=4xH10xi", answer)
    if kind == _NLMSG_ERROR and -error not in {0, _EEXIST}:
        raise OSError(-error, f"{os.strerror(-error)}: address {address}")
