"""Which system calls a bot cannot make, on each level.

The rest is allowed: the namespaces (or Landlock) decide about files and addresses. What is refused
here either changes the machine, looks into other processes, reaches memory or messages that no
limit counts, or has been a door into the kernel.
"""

from __future__ import annotations

import functools
from errno import EAFNOSUPPORT, ENOSYS, EPERM
from typing import TYPE_CHECKING, Final

from lotabots.adapters.sandbox.bpf import Rule, Test, assemble, refuse
from lotabots.adapters.sandbox.syscalls import HIGHEST, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Absent, so that programs take their older path: the arguments of clone3 and openat2 lie behind
# a pointer where no filter can look, io_uring makes calls that no filter sees, and the memory of
# memfd belongs to no process that could be counted.
_ABSENT: Final = (
    "clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create",
    "memfd_secret", "statmount", "listmount", "_sysctl", "create_module", "get_kernel_syms",
    "query_module", "nfsservctl", "uselib", "sysfs",
)  # fmt: skip

_FORBIDDEN: Final = (
    # the machine
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "setns", "swapon", "swapoff", "reboot", "sethostname",
    "setdomainname", "iopl", "ioperm", "modify_ldt", "init_module", "finit_module",
    "delete_module", "kexec_load", "kexec_file_load", "acct", "quotactl", "quotactl_fd",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "vhangup",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_getfd", "kcmp", "migrate_pages", "move_pages",
    # doors into the kernel, and files without a path
    "bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "lookup_dcookie",
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
    # memory and messages that outlive or escape the process
    "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget",
    "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive",
    "mq_notify", "mq_getsetattr",
)  # fmt: skip

# Landlock knows no right for these, so without namespaces they would reach every file and
# process of the same user. Some programs fail without them: they need the strict level.
_UNGUARDED: Final = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime",
    "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
    "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "setpriority", "ioprio_set",
    "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr", "socket",
)  # fmt: skip

_NEW_NAMESPACES: Final = 0x7E02_0080
_SETID_BITS: Final = 0o6000
_O_CREAT: Final = 0o100
_TIOCSTI: Final = 0x5412
_TIOCLINUX: Final = 0x541C
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_TYPE_MASK: Final = 0xF
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_RAW = 1, 2, 3
_IPPROTO_TCP, _IPPROTO_UDP, _NETLINK_ROUTE = 6, 17, 0
_ALLOWED: Final = 0x7FFF_0000


@functools.cache
def strict_filter() -> bytes:
    """The filter beside namespaces: sockets of the private network are allowed."""
    return assemble(_strict(), highest=HIGHEST, unknown=refuse(ENOSYS))


@functools.cache
def reduced_filter() -> bytes:
    """The filter that stands almost alone: no sockets, nothing that Landlock cannot guard."""
    rules = [*_rules(_UNGUARDED, EPERM), _others_limits(), *_strict()]
    return assemble(rules, highest=HIGHEST, unknown=refuse(ENOSYS))


def _strict() -> Iterator[Rule]:
    yield from _rules(_ABSENT, ENOSYS)
    yield from _rules(_FORBIDDEN, EPERM)
    yield from _namespaces()
    yield from _set_id_files()
    yield from _sockets()
    for command in (_TIOCSTI, _TIOCLINUX):
        yield _rule("ioctl", EPERM, Test(1, values=(command,)))


def _rules(names: tuple[str, ...], errno: int) -> Iterator[Rule]:
    return (_rule(name, errno) for name in names)


def _rule(name: str, errno: int, *tests: Test) -> Rule:
    return Rule(NUMBERS[name], refuse(errno), tests)


def _allow(name: str, *tests: Test) -> Rule:
    return Rule(NUMBERS[name], _ALLOWED, tests)


def _namespaces() -> Iterator[Rule]:
    for name in ("clone", "unshare"):
        yield _rule(name, EPERM, Test(0, mask=_NEW_NAMESPACES))
    # Only the personality that every program has, and the question which one it is.
    yield _allow("personality", Test(0, values=(0, 0xFFFF_FFFF)))
    yield _rule("personality", EPERM)


def _set_id_files() -> Iterator[Rule]:
    """A set-user-id file in a write grant would work for whoever starts it outside."""
    for name, mode_at in (
        ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1),
        ("mknod", 1), ("mknodat", 2),
    ):  # fmt: skip
        yield _rule(name, EPERM, Test(mode_at, mask=_SETID_BITS))
    # Without O_CREAT (or O_TMPFILE) the mode is whatever the register held.
    for name, flags_at in (("open", 1), ("openat", 2)):
        for bit in (_O_CREAT, 0o20000000):
            yield _rule(name, EPERM, Test(flags_at, mask=bit), Test(flags_at + 1, mask=_SETID_BITS))


def _sockets() -> Iterator[Rule]:
    """TCP and UDP over IP, the route questions of the C library, and pairs. No unix sockets.

    A unix socket below a read grant would be a door to whatever serves it outside; protocols
    such as Multipath TCP or SCTP are never needed and have had their own holes.
    """
    internet = Test(0, values=(_AF_INET, _AF_INET6))
    for kind, protocol in ((_SOCK_STREAM, _IPPROTO_TCP), (_SOCK_DGRAM, _IPPROTO_UDP)):
        kinds = Test(1, mask=_TYPE_MASK, values=(kind,))
        yield _allow("socket", internet, kinds, Test(2, values=(0, protocol)))
    netlink = Test(1, mask=_TYPE_MASK, values=(_SOCK_DGRAM, _SOCK_RAW))
    route = Test(2, values=(_NETLINK_ROUTE,))
    yield _allow("socket", Test(0, values=(_AF_NETLINK,)), netlink, route)
    yield _rule("socket", EAFNOSUPPORT)
    yield _allow("socketpair", Test(0, values=(_AF_UNIX,)))
    yield _rule("socketpair", EAFNOSUPPORT)


def _others_limits() -> Rule:
    """Processes of the same user are visible on the reduced level: own limits only."""
    return _rule("prlimit64", EPERM, Test(0, mask=0xFFFF_FFFF))
