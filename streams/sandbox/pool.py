"""The worker's side of the decoder sandbox: a pool of child processes that are replaced when they end."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeGuard

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.audio.blocks import AudioBlocks
from streams.audio.containers.content import FileContent
from streams.audio.decode import open_blocks
from streams.audio.limits import rejected
from streams.sandbox import messages
from streams.sandbox.protection import Protection
from streams.sandbox.recordings import CRASHED, LATE, OnWait, RecordingDecoder

#: Calls after which a child is replaced, which bounds memory leaks of the libraries.
_CALLS_PER_CHILD = 2000
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_DECODER = f"{decode.__module__}:{decode.__name__}"


class SandboxError(RuntimeError):
    """No decoder child can be started, because the fork server has ended. The worker must end and be restarted."""


@dataclass(slots=True)
class _Child:
    """One decoder process.

    Attributes:
        link: Socket to the process.
        handle: Its pidfd.
        calls: Number of files that it has decoded.
    """

    link: socket.socket
    handle: int
    calls: int = 0

    def end(self) -> None:
        """Kill the process, if it still runs."""
        if self.handle < 0:
            return
        self.link.close()
        try:
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(self.handle)
            self.handle = -1


class DecoderSandbox:
    """Decodes untrusted files in child processes; raw audio, which needs no parser, in the caller's thread.

    Each call uses one child exclusively, so there are at most as many children as calling threads. The failure of a
    child affects its call only: that returns a `Rejection` with the code ``DecoderCrashed`` (also if the child needs
    more memory or CPU time than allowed) or ``DecoderTimeout``, and the next call gets a new child. A file is refused
    for a crash only if a second child crashes on it as well: the first may have been killed for another reason.

    Use it as a context manager, or `start` and `close` it. When this process ends, its children end, too.

    Args:
        children: Number of children to keep ready.
        limits: Limits of the audio.
        timeout: Seconds that one call may take, of wall-clock time and of CPU time.
        on_death: Called with the rejection's code when a child has crashed or was killed, in the caller's thread.
        decoder: ``module:function`` with the signature of `streams.audio.decode`, imported by the children only.
    """

    def __init__(
        self,
        children: int,
        limits: DecodeLimits = DecodeLimits(),  # noqa: B008 - frozen
        *,
        timeout: float = 30.0,
        on_death: Callable[[str], None] = lambda _: None,
        decoder: str = _DECODER,
    ) -> None:
        self._children = children
        self._limits = limits
        self._timeout = timeout
        self._on_death = on_death
        self._decoder = decoder
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._in_force = Protection(0)

    @property
    def in_force(self) -> Protection:
        """How the kernel confines the children, beyond limits of resources; known after the start."""
        return self._in_force

    def start(self) -> None:
        """Start the fork server and the children; return when all are ready.

        Raises:
            SandboxError: If they cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(_START_SECONDS)
        number = theirs.fileno()
        arguments = [str(number), self._decoder, str(self._limits.max_pcm_bytes), str(self._timeout)]
        with theirs:
            # A fresh interpreter: forking this process would copy its threads' locks and its secrets.
            self._fork_server = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-P", "-m", f"{__package__}.forkserver", *arguments],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._control = ours
        self._in_force = self._confined()
        for _ in range(self._children):
            self._idle.put(self._new_child())

    def close(self) -> None:
        """End the children and the fork server."""
        while not self._idle.empty():
            self._idle.get_nowait().end()
        if self._control is not None:
            self._control.close()
        if self._fork_server is not None:
            self._fork_server.wait(_STOP_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(self, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        """Decode one input like `streams.audio.decode`; thread-safe.

        Raises:
            SandboxError: If no child can be started.
        """
        if media_type.is_raw or not audio:
            return decode(audio, media_type, self._limits)
        answer = self._decode_in(self._take(), audio, media_type)
        if _has_died(answer, CRASHED):  # perhaps not because of the file: a machine may be short of memory
            answer = self._decode_in(self._new_child(), audio, media_type)
        if _has_died(answer, CRASHED, LATE):
            # Immediately: if no child can be started, the file was not the cause and must not be refused.
            self._idle.put(self._new_child())
        return answer

    def open_recording(
        self,
        descriptor: int,
        media_type: MediaType,
        limits: DecodeLimits,
        on_wait: OnWait = lambda has_read: None,  # noqa: ARG005 - a default
    ) -> AudioBlocks | Rejection:
        """Begin to decode an open file of any size like `streams.audio.decode.open_blocks`; thread-safe.

        A child of its own decodes it, also while clips wait for one. It ends with the audio, or when that is closed, or
        with what `on_wait` raises, which is called several times in each second while the child is waited for.

        Raises:
            SandboxError: If no child can be started; also while the audio is read.
        """
        if media_type.is_raw:
            return open_blocks(FileContent(descriptor), media_type, limits)
        new_child = partial(self._new_child, descriptor)
        decoder = RecordingDecoder(descriptor, media_type, limits, self._timeout, new_child, self._on_death, on_wait)
        return decoder.open()

    def _decode_in(self, child: _Child, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        try:
            answer = self._ask(child, audio, media_type)
        except BaseException:
            child.end()
            raise
        if _has_died(answer, CRASHED, LATE):
            child.end()
            self._on_death(answer.code)
        else:
            child.calls += 1
            self._idle.put(child)
        return answer

    def _ask(self, child: _Child, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        deadline = time.monotonic() + self._timeout
        try:
            child.link.settimeout(self._timeout)
            messages.send_request(child.link, audio, media_type)
            return messages.receive_answer(child.link, self._limits, deadline)
        except TimeoutError:
            return rejected(LATE, f"the file took longer than {self._timeout:g} s to decode")
        except (EOFError, OSError, messages.BadAnswerError):
            return rejected(CRASHED, "the decoder crashed on the file, or exceeded its limit of memory or CPU time")

    def _take(self) -> _Child:
        try:
            child = self._idle.get_nowait()
        except queue.Empty:
            return self._new_child()
        if child.calls < _CALLS_PER_CHILD:
            return child
        child.end()
        return self._new_child()

    def _confined(self) -> Protection:
        assert self._control is not None  # noqa: S101 - the caller has set it; the type checker cannot know
        try:
            told = self._control.recv(1)
        except OSError as error:
            raise SandboxError(f"the decoders' fork server does not answer: {error}") from error
        if not told:
            raise SandboxError("the decoders' fork server has ended")
        return Protection(told[0])

    def _new_child(self, *file: int) -> _Child:
        """Start a child; one that gets an open file decodes only that."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, self._lock:
            try:
                if self._control is None:
                    raise SandboxError("the decoder sandbox was not started")
                socket.send_fds(self._control, [b"."], [theirs.fileno(), *file])
                _, handles, _, _ = socket.recv_fds(self._control, 1, 1)
            except OSError as error:
                raise SandboxError(f"the decoders' fork server does not answer: {error}") from error
        if not handles:
            raise SandboxError("the decoders' fork server has ended")
        return _Child(ours, handles[0])


def _has_died(answer: Clip | Rejection, *codes: str) -> TypeGuard[Rejection]:
    return isinstance(answer, Rejection) and answer.code in codes


def _environment() -> dict[str, str]:
    """Environment variables that an interpreter needs to find its modules, without the worker's secrets."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
    # One thread: a process with several threads must not fork.
    return inherited | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OPENBLAS_NUM_THREADS": "1"}
