"""What a decoder child may do: compute, within its memory and time, and talk over the one socket that it has.

The limits of resources always hold. What needs a privilege or a newer kernel is taken where it is to be had: another
user where the worker runs as root, and by Landlock no file system at all (Linux 5.13; see landlock(7)) and no signal to
any process outside (Linux 6.12).

System calls are not filtered by seccomp. Its one binding for Python, pyseccomp, had its last release in 2021 and needs
a library of the system; a filter of our own would have to follow each architecture and C library. What a filter would
deny, the limits and Landlock deny: opening, connecting, forking, tracing. What it would add is a smaller face to the
kernel. An operator who wants that can filter the whole worker, as container engines do by default.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE_RULESET = 444  # these two are the same on every architecture
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_TELL_VERSION = 1
_LANDLOCK_EVERY_FILE_RIGHT = (1 << 13) - 1  # of the interface's first version; later ones only add to it
_LANDLOCK_SCOPES = 0b11  # abstract sockets and signals
_SCOPES_SINCE = 6  # version of Landlock's interface
_NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def confine(memory: int) -> None:
    """Give up everything that decoding does not need, for good.

    Args:
        memory: Bytes of address space to have beyond what is mapped now.
    """
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with contextlib.suppress(PermissionError):  # not root, or in a container without that capability
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after the change of user, which clears it
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _deny_files_and_signals()
    _limit(resource.RLIMIT_AS, mapped + memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)  # no threads and no processes either
    _limit(resource.RLIMIT_NOFILE, 0)  # those that are open stay so; nothing more can be opened or connected


def allow_cpu(seconds: float) -> None:
    """Let the kernel end this process once it has computed for so much longer than now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))


def denies_signals() -> bool:
    """Whether this kernel can keep a child from sending signals to processes of its own user."""
    return _landlock_version() >= _SCOPES_SINCE


def _landlock_version() -> int:
    """Version of Landlock's interface; negative on a kernel without Landlock, or with it switched off."""
    return int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_TELL_VERSION))


def _deny_files_and_signals() -> None:
    fields = [_LANDLOCK_EVERY_FILE_RIGHT]
    if denies_signals():
        fields += [0, _LANDLOCK_SCOPES]  # no network rights: without a new descriptor there is no network
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return
    _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
