"""The worker's side of decoding a recording in a child process."""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Protocol

from schemas import MediaType, Rejection
from streams.audio import DecodeLimits
from streams.audio.blocks import AudioBlocks, Block
from streams.audio.limits import rejected
from streams.sandbox import messages
from streams.sandbox.recording_child import BLOCK, END, READ

CRASHED, LATE = "DecoderCrashed", "DecoderTimeout"

#: Called several times in each second while a decoder is waited for, with whether it has read on; may raise.
OnWait = Callable[[bool], None]

#: A file is looked at from its beginning to its end before its first block comes.
_BYTES_PER_TIMEOUT = 64 * 2**20
#: No decoder sends larger blocks, in bytes.
_LARGEST_BLOCK = 16 * 2**20
_WAIT_MS = 250  # between two calls of `OnWait`


class Child(Protocol):
    """One decoder process."""

    link: socket.socket

    def end(self) -> None:
        """Kill the process, if it still runs; can be called several times."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingDecoder:
    """Decodes one recording; a crash is tried a second time, as it may have had another cause than the file.

    Attributes:
        descriptor: The open file.
        media_type: The sender's label.
        limits: Limits of the audio.
        timeout: Seconds that one block may take; more for the file's beginning.
        new_child: Starts a child that has the file.
        on_death: Called with the code of a rejection when a child has crashed or was killed.
        on_wait: Called while a child is waited for; what it raises ends the child.
    """

    descriptor: int
    media_type: MediaType
    limits: DecodeLimits
    timeout: float
    new_child: Callable[[], Child]
    on_death: Callable[[str], None]
    on_wait: OnWait = lambda has_read: None  # noqa: ARG005 - a default

    def open(self) -> AudioBlocks | Rejection:
        """Begin to decode."""
        opened = self._open()
        if isinstance(opened, Rejection):
            return self._open() if opened.code == CRASHED else opened
        return replace(opened, blocks=self._steady(opened))

    def _steady(self, audio: AudioBlocks) -> Iterator[Block]:
        """The blocks; after a crash, those of a second child behind what came already."""
        frames = 0
        with closing(audio):
            for block in audio.blocks:
                if isinstance(block, Rejection) and block.code == CRASHED:
                    break
                yield block
                frames += 0 if isinstance(block, Rejection) else len(block)
            else:
                return
        again = self._open()
        if isinstance(again, Rejection):
            yield again
            return
        with closing(again):
            for block in again.blocks:
                if isinstance(block, Rejection):
                    yield block
                elif frames < len(block):
                    yield block[frames:]
                frames -= 0 if isinstance(block, Rejection) else min(frames, len(block))

    def _open(self) -> AudioBlocks | Rejection:
        """Begin to decode in a new child."""
        child = self.new_child()
        try:
            to_open = self.timeout * (1 + os.fstat(self.descriptor).st_size / _BYTES_PER_TIMEOUT)
            request: messages.Description = {
                "media_type": str(self.media_type),
                "max_pcm_bytes": self.limits.max_pcm_bytes,
                "seconds": str(self.timeout),
                "seconds_to_open": str(to_open),
            }
            child.link.settimeout(self.timeout)
            messages.send_part(child.link, request, b"")
            deadline = time.monotonic() + to_open
            while (answer := self._receive(child, 0, deadline))[0] == READ:
                self.on_wait(True)
            description, _ = answer
            if "code" not in description:
                rate, channels, source = messages.form_of(description, self.limits)
                return AudioBlocks(rate, channels, source, self._blocks(child, rate, channels), child.end)
            refused = messages.refusal_of(description)
        except Exception as error:
            child.end()
            if (failed := self._failure(error)) is None:
                raise
            return failed
        child.end()
        if refused.code == CRASHED:
            self.on_death(CRASHED)
        return refused

    def _blocks(self, child: Child, rate: int, channels: int) -> Iterator[Block]:
        frames = 0
        try:
            while True:
                deadline = time.monotonic() + self.timeout
                description, data = self._receive(child, _LARGEST_BLOCK, deadline)
                if description == END:
                    return
                if description != BLOCK:
                    yield messages.refusal_of(description)
                    return
                samples = messages.samples_of(data, channels)
                frames += len(samples)
                refusal = self.limits.check(rate, channels, frames)
                if refusal is not None:
                    yield refusal
                    return
                yield samples
        except Exception as error:
            if (failed := self._failure(error)) is None:
                raise
            yield failed
        finally:
            child.end()

    def _receive(self, child: Child, most: int, deadline: float) -> tuple[dict[str, Any], bytearray]:
        """Wait for a part of the child's answer; see `messages.receive_part`."""
        arrival = select.poll()
        arrival.register(child.link, select.POLLIN)
        while time.monotonic() < deadline and not arrival.poll(min(_WAIT_MS, 1000 * (deadline - time.monotonic()))):
            self.on_wait(False)
        return messages.receive_part(child.link, most, deadline)

    def _failure(self, error: Exception) -> Rejection | None:
        """The rejection for a child that has failed; None for another error."""
        if isinstance(error, TimeoutError):
            failed = rejected(LATE, f"a part of the file took longer than {self.timeout:g} s to decode")
        elif isinstance(error, EOFError | OSError | messages.BadAnswerError | KeyError):
            reason = "the decoder crashed on the file, or exceeded its limit of memory or CPU time"
            failed = rejected(CRASHED, reason)
        else:
            return None
        self.on_death(failed.code)
        return failed
