"""Confines a decoder process: it may compute, within limits of memory and time, and use the descriptors it was given.

Resource limits always apply. Further restrictions need a privilege or a newer kernel, and apply where available:
another user if the worker runs as root, Landlock (`streams.sandbox.landlock`) and a filter of system calls
(`streams.sandbox.system_calls`). Each of them denies much of what the others deny, so that a mistake in one is none in
the whole.
"""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from streams.sandbox import landlock, system_calls
from streams.sandbox.protection import Protection

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def confine(memory: int, *, system_calls_too: bool = True) -> Protection:
    """Irreversibly give up all rights that decoding does not need.

    Args:
        memory: Address space in addition to what is mapped now, in bytes.
        system_calls_too: Whether to filter system calls, if the kernel offers it.

    Returns:
        What is in force now.
    """
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with contextlib.suppress(PermissionError):  # not root, or in a container without that capability
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after changing the user, which clears the setting
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    in_force = landlock.deny_all()
    _limit(resource.RLIMIT_AS, mapped + memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)  # no new threads or processes
    _limit(resource.RLIMIT_NOFILE, 0)  # open descriptors stay open; no new ones
    if system_calls_too and system_calls.allow_listed_only():
        in_force |= Protection.SYSTEM_CALLS
    return in_force


def allow_cpu(seconds: float) -> None:
    """Let the kernel kill this process after so many more seconds of CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))
