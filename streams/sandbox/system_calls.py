"""The filter of system calls (seccomp): what decoding needs is allowed, and anything else ends the process.

The filter is a short program of classic BPF, assembled here: libseccomp's Python binding had its last release in 2021
and needs a system library, and what it would save is the table of numbers, which the kernel never changes.

Sources: seccomp(2); Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{audit,filter,seccomp}.h of
Linux; arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h for the numbers.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000  # with the error's number in the lower half

#: Index of an architecture's column in the tables, and its number in the kernel's audit interface.
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

#: Numbers on x86_64 and aarch64. All act on the process itself, or on descriptors that it was given.
_ALLOWED = {
    # the link to the worker, and a file of which the worker has sent the descriptor
    "read": (0, 63),
    "write": (1, 64),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "poll": (7, 73),  # aarch64 has `ppoll` alone
    "ppoll": (271, 73),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "close": (3, 57),
    # memory
    "brk": (12, 214),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    # the process itself
    "futex": (202, 98),
    "getpid": (39, 172),
    "geteuid": (107, 175),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "restart_syscall": (219, 128),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "exit": (60, 93),
    "exit_group": (231, 94),
}


class _Condition(NamedTuple):
    """A call that is allowed if some bits of an argument have a value; ``otherwise`` is what happens to the others."""

    numbers: tuple[int, int]
    argument: int
    mask: int
    value: int
    otherwise: int = _KILL_PROCESS


_PROT_EXEC = 4
_AT_EMPTY_PATH = 0x1000
_TCGETS = 0x5401
_EVERY_BIT = 0xFFFFFFFF
_NO_ACCESS = _FAIL | errno.EACCES

_CONDITIONS = {
    "mmap": _Condition((9, 222), 2, _PROT_EXEC, 0),
    "mprotect": _Condition((10, 226), 2, _PROT_EXEC, 0),
    "prlimit64": _Condition((302, 261), 0, _EVERY_BIT, 0),  # of this process, which can only lower them
    "ioctl": _Condition((16, 29), 1, _EVERY_BIT, _TCGETS),  # Python asks whether a descriptor is a terminal
    # glibc asks in this way about an open file. With a path, it fails as `openat` does.
    "newfstatat": _Condition((262, 79), 3, _AT_EMPTY_PATH, _AT_EMPTY_PATH, _NO_ACCESS),
    # Fails without an end of the process: libsndfile looks for a resource fork beside a file that it does not
    # recognise, and Python for the source of a line that it warns about. No bits are ever 1: it is never allowed.
    "openat": _Condition((257, 56), 0, 0, 1, _NO_ACCESS),
}


def allow_listed_only() -> bool:
    """Irreversibly let this process make no other system calls than those listed; it must have set no_new_privs.

    Returns:
        Whether the filter is in force: the kernel has seccomp, and the architecture is one of those listed.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES or struct.calcsize("P") != 8:  # noqa: PLR2004  bytes; a 32-bit process has other numbers
        return False
    instructions = list(_program(*_ARCHITECTURES[machine]))
    code = ctypes.create_string_buffer(b"".join(instructions))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(instructions), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)) == 0


# Offsets in struct seccomp_data, little-endian.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06


def _program(column: int, architecture: int) -> Iterator[bytes]:
    """The filter's instructions. They compare with what was loaded last; a jump counts instructions to skip."""
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_IF_EQUAL, architecture, 1, 0)
    yield _instruction(_RETURN, _KILL_PROCESS)
    yield _instruction(_LOAD, _NUMBER)
    for numbers in _ALLOWED.values():
        yield _instruction(_IF_EQUAL, numbers[column], 0, 1)
        yield _instruction(_RETURN, _ALLOW)
    for condition in _CONDITIONS.values():
        yield _instruction(_IF_EQUAL, condition.numbers[column], 0, 5)
        yield _instruction(_LOAD, _ARGUMENTS + 8 * condition.argument)
        yield _instruction(_AND, condition.mask)
        yield _instruction(_IF_EQUAL, condition.value, 0, 1)
        yield _instruction(_RETURN, _ALLOW)
        yield _instruction(_RETURN, condition.otherwise)
    yield _instruction(_RETURN, _KILL_PROCESS)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
