"""What a decoder child may do: compute, within its memory and time, and talk over the one socket that it has.

The limits of resources always hold. What needs a privilege or a newer kernel is taken where it is to be had: another
user where the worker runs as root, and no file system at all by Landlock (Linux 5.13; see landlock(7)).
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
_LANDLOCK_EVERY_FILE_RIGHT = (1 << 13) - 1  # of the interface's first version; later ones only add to it
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
    _deny_files()
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


def _deny_files() -> None:
    attributes = ctypes.create_string_buffer(struct.pack("=Q", _LANDLOCK_EVERY_FILE_RIGHT))
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(8), 0)
    if ruleset < 0:  # a kernel without Landlock, or with it switched off
        return
    _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
