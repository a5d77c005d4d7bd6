"""Confines a decoder process: it may compute, within limits of memory and time, and use its one socket.

Resource limits always apply. Further restrictions need a privilege or a newer kernel, and apply where available:
another user if the worker runs as root, and through Landlock no access to the file system (Linux 5.13; see landlock(7))
and no signals to outside processes (Linux 6.12).

System calls are not filtered by seccomp. Its only Python binding, pyseccomp, had its last release in 2021 and needs a
system library; a filter of our own would have to support each architecture and C library. Resource limits and Landlock
already deny what a filter would deny: opening files, connecting, forking, tracing. A filter would only reduce the
kernel's attack surface. Operators who need that can filter the whole worker, as container engines do by default.
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
_LANDLOCK_GET_VERSION = 1
_LANDLOCK_EVERY_FILE_RIGHT = (1 << 13) - 1  # of the interface's first version; later versions only add rights
_LANDLOCK_SCOPES = 0b11  # abstract sockets and signals
_SCOPES_SINCE = 6  # version of Landlock's interface
_NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def confine(memory: int) -> None:
    """Irreversibly give up all rights that decoding does not need.

    Args:
        memory: Address space in addition to what is mapped now, in bytes.
    """
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with contextlib.suppress(PermissionError):  # not root, or in a container without that capability
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after changing the user, which clears the setting
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _deny_files_and_signals()
    _limit(resource.RLIMIT_AS, mapped + memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)  # no new threads or processes
    _limit(resource.RLIMIT_NOFILE, 0)  # open descriptors stay open; no new ones


def allow_cpu(seconds: float) -> None:
    """Let the kernel kill this process after so many more seconds of CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))


def denies_signals() -> bool:
    """Whether this kernel can prevent a child from sending signals to processes of the same user."""
    return _landlock_version() >= _SCOPES_SINCE


def _landlock_version() -> int:
    """Version of Landlock's interface; negative if the kernel has no Landlock or it is disabled."""
    return int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_GET_VERSION))


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
