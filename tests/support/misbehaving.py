"""A decoder that does what its input says, for the sandbox: ``DecoderSandbox(..., decoder=DECODER)``."""

import ctypes
import os
import resource
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, SourceFormat
from streams.audio.limits import rejected

DECODER = "tests.support.misbehaving:decode"

#: The result of any other input.
CLIP = Clip.of(np.arange(100, dtype=np.int16), 8000, SourceFormat("flac", "flac"))


def decode(audio: bytes, media_type: MediaType, limits: DecodeLimits) -> Clip | Rejection:
    """Do what the input says; return the outcome of an action that the decoder sandbox should prevent."""
    return _ACTIONS.get(audio, lambda: CLIP)()


def _outcome(action: Callable[[], object]) -> Rejection:
    """Try an action; the reason of the rejection says whether it was possible."""
    try:
        return rejected("Outcome", f"done: {action()}")
    except OSError as error:
        return rejected("Outcome", f"denied: {type(error).__name__}")


def _spin() -> Clip:
    while True:
        pass


def _sleep() -> Clip:
    time.sleep(3600)
    return CLIP


def _segfault() -> Clip:
    ctypes.string_at(0)
    return CLIP


def _raise() -> Clip:
    raise ZeroDivisionError


def _reached() -> list[int]:
    """Other processes that this one can send a signal to, among those with a similar id, such as its siblings."""
    own = os.getpid()
    found = [other for other in range(max(own - 2000, 2), own + 2000) if other != own and _takes_signals(other)]
    if not found:
        raise PermissionError
    return found


def _takes_signals(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _leaky() -> Clip:
    _LEAK.append(np.ones(2**20, np.uint8))
    return CLIP


_LEAK: list[NDArray[np.uint8]] = []
_ACTIONS: dict[bytes, Callable[[], Clip | Rejection]] = {
    b"segfault": _segfault,
    b"exit": lambda: os._exit(0),
    b"raise": _raise,
    b"spin": _spin,
    b"sleep": _sleep,
    b"bomb": lambda: Clip.of(np.ones(2**31, np.int16), 8000, CLIP.source),
    b"leak": _leaky,
    b"refuse": lambda: rejected("CorruptAudio", "it is broken"),
    b"too long": lambda: Clip.of(np.zeros(10**7, np.int16), 8000, CLIP.source),
    b"absurd rate": lambda: Clip.of(np.zeros(10, np.int16), 1, CLIP.source),
    b"absurd source": lambda: Clip.of(np.zeros(10, np.int16), 8000, SourceFormat("exe", "flac")),
    b"no samples": lambda: Clip.of(np.zeros(0, np.int16), 8000, CLIP.source),
    b"read": lambda: _outcome(Path("/etc/hostname").read_bytes),
    b"write": lambda: _outcome(lambda: Path("/tmp/out-of-the-sandbox").write_bytes(b"!")),  # noqa: S108  must not work
    b"list": lambda: _outcome(lambda: os.listdir("/")),  # noqa: PTH208  the plain call is tested
    b"connect": lambda: _outcome(socket.socket),
    b"fork": lambda: _outcome(os.fork),
    b"signal": lambda: _outcome(_reached),
    b"more memory": lambda: _outcome(lambda: resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))),
    b"environment": lambda: rejected("Outcome", " ".join(sorted(os.environ))),
    b"user": lambda: rejected("Outcome", str(os.geteuid())),
    b"process": lambda: rejected("Outcome", str(os.getpid())),
}
