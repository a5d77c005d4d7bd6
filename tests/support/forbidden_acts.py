"""What a decoder process must not do, each tried for real: ``DecoderSandbox(..., decoder=DECODER)`` with an act's name.

    python -m tests.support.forbidden_acts [--unfiltered]

tries each in a confined process, with the filter of system calls or without, and prints as JSON how it ended.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable

import numpy as np

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, SourceFormat
from streams.audio.limits import rejected
from streams.sandbox.confinement import confine

DECODER = "tests.support.forbidden_acts:decode"
CLIP = Clip.of(np.arange(100, dtype=np.int16), 8000, SourceFormat("flac", "flac"))

_libc = ctypes.CDLL(None, use_errno=True)
_PARENT = os.getppid()
_X86 = os.uname().machine == "x86_64"
_CLONE_NEWUSER = 0x10000000
_PTRACE_ATTACH = 16
_NOWHERE = b"/tmp/out-of-the-sandbox"


def _call(x86_64: int, aarch64: int, *arguments: object) -> int:
    return int(_libc.syscall(x86_64 if _X86 else aarch64, *arguments))


def _fork() -> int:
    pid = int(_libc.fork())
    if pid == 0:
        os._exit(0)
    return pid


def _mapping() -> int:
    """Address of a page."""
    return int(_libc.mmap(None, mmap.PAGESIZE, mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0))


_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def _executable_mapping() -> int:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = _libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC, flags, -1, 0)
    return -1 if address == ctypes.c_void_p(-1).value else 0


def _other_limits() -> int:
    resource.prlimit(_PARENT, resource.RLIMIT_CORE)
    return 0


#: Acts that look up a path: they fail, as libraries try them with harmless intent.
LOOKUPS: dict[str, Callable[[], int]] = {
    "open /etc/passwd": lambda: _libc.open(b"/etc/passwd", os.O_RDONLY),
    "open /proc/self/environ": lambda: _libc.open(b"/proc/self/environ", os.O_RDONLY),
    "write a file": lambda: _libc.open(_NOWHERE, os.O_WRONLY | os.O_CREAT, 0o600),
    "list a directory": lambda: _libc.open(b"/", os.O_RDONLY | os.O_DIRECTORY),
}
#: Acts that end the process where system calls are filtered.
FATAL: dict[str, Callable[[], int]] = {
    "socket": lambda: _libc.socket(2, 1, 0),
    "socketpair": lambda: _libc.socketpair(1, 1, 0, ctypes.create_string_buffer(8)),
    "connect": lambda: _libc.connect(0, ctypes.create_string_buffer(16), 16),
    "fork": _fork,
    "clone3": lambda: _call(435, 435, None, 0),
    "execve": lambda: _libc.execve(b"/bin/true", None, None),
    "kill the parent": lambda: _libc.kill(_PARENT, 0),
    "kill all": lambda: _libc.kill(-1, 0),
    "pidfd_open": lambda: _call(434, 434, _PARENT, 0),
    "ptrace": lambda: _libc.ptrace(_PTRACE_ATTACH, _PARENT, None, None),
    "process_vm_readv": lambda: _libc.process_vm_readv(_PARENT, None, 0, None, 0, 0),
    "unshare": lambda: _libc.unshare(_CLONE_NEWUSER),
    "setns": lambda: _libc.setns(0, 0),
    "mount": lambda: _libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    "chroot": lambda: _libc.chroot(b"/"),
    "bpf": lambda: _call(321, 280, 0, None, 0),
    "io_uring_setup": lambda: _call(425, 425, 1, ctypes.create_string_buffer(120)),
    "userfaultfd": lambda: _call(323, 282, 0),
    "perf_event_open": lambda: _call(298, 241, None, 0, -1, -1, 0),
    "keyctl": lambda: _call(250, 219, 0, -3, 0),
    "memfd_create": lambda: _libc.memfd_create(b"x", 0),
    "unlink": lambda: _libc.unlink(_NOWHERE),
    "setuid": lambda: _libc.setuid(0),
    "limits of another": _other_limits,
    "sched_setaffinity": lambda: _libc.sched_setaffinity(0, 8, ctypes.create_string_buffer(8)),
    "map executable memory": _executable_mapping,
    "make memory executable": lambda: _libc.mprotect(_mapping(), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC),
    "terminal input": lambda: _libc.ioctl(0, 0x5412, b"x"),
    "prctl": lambda: _libc.prctl(4, 1, 0, 0, 0),
}
_ACTS = LOOKUPS | FATAL


def decode(audio: bytes, media_type: MediaType, limits: DecodeLimits) -> Clip | Rejection:
    """Do the act that the input names; return its outcome."""
    act = _ACTS.get(audio.decode(errors="replace"))
    return CLIP if act is None else rejected("Outcome", _outcome(act))


def _outcome(act: Callable[[], int]) -> str:
    try:
        return "done" if act() >= 0 else errno.errorcode[ctypes.get_errno()]
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _alone(act: Callable[[], int], *, filtered: bool) -> str:
    """How an act ends in a confined process: ``done``, the name of an error, or of the signal that killed it."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        confine(2**28, system_calls_too=filtered)
        os.write(writing, _outcome(act).encode())
        os._exit(0)
    os.close(writing)
    outcome = os.read(reading, 100).decode()
    os.close(reading)
    status = os.waitpid(child, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else outcome


if __name__ == "__main__":
    print(json.dumps({name: _alone(act, filtered="--unfiltered" not in sys.argv) for name, act in _ACTS.items()}))
