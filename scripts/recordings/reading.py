"""Reads and decodes recordings, in the decoder sandbox: a decoder's crash costs one file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from schemas import Rejection
from scripts.cli import CommandError, content_of
from scripts.recordings.finding import STANDARD_INPUT, Failed, Recording
from streams.audio import Clip, DecodeLimits
from streams.sandbox import DecoderSandbox, SandboxError

_Result = TypeVar("_Result")

_MAX_PCM_BYTES = 2**30  # decoded: 9 hours of both sides of a call at 8 kHz
_UNKNOWN = "is no audio file that is known; if it is raw audio, say with --suffix what it is, such as --suffix .ulaw"
_TIMEOUT = 600.0  # seconds: hours of MP3 take a minute on a busy machine


@contextmanager
def decoders(threads: int) -> Iterator[DecoderSandbox]:
    """A decoder sandbox for this many threads.

    Raises:
        CommandError: If the decoders cannot be started, or end meanwhile.
    """
    try:
        with DecoderSandbox(threads, DecodeLimits(max_pcm_bytes=_MAX_PCM_BYTES), timeout=_TIMEOUT) as sandbox:
            yield sandbox
    except SandboxError as error:
        raise CommandError(str(error)) from error


def content(recording: Recording) -> bytes | Failed:
    """Read a recording's bytes."""
    if recording.path == STANDARD_INPUT:
        audio = sys.stdin.buffer.read(_MAX_PCM_BYTES + 1)
        too_large = len(audio) > _MAX_PCM_BYTES
        return Failed(recording.path, f"is larger than {_MAX_PCM_BYTES // 2**20} MiB") if too_large else audio
    try:
        return content_of(recording.path, _MAX_PCM_BYTES)
    except CommandError as error:
        return Failed(recording.path, str(error))


def decoded(recording: Recording, audio: bytes, sandbox: DecoderSandbox) -> Clip | Failed:
    """Decode a recording's bytes."""
    clip = guarded(recording, lambda: sandbox.decode(audio, recording.media_type))
    if not isinstance(clip, Rejection):
        return clip
    if recording.suffix_type is not None:
        return Failed(recording.path, clip.reason)
    nobody_labelled_it = clip.reason.replace(f", labelled {recording.media_type}", "")
    return Failed(recording.path, _UNKNOWN if clip.code == "UnknownContainer" else nobody_labelled_it)


def guarded(recording: Recording, work: Callable[[], _Result]) -> _Result | Failed:
    """Do something with a recording; an error, even a bug's or a lack of memory, is a `Failed` and costs no other file.

    Raises:
        SandboxError: When nothing more can be decoded.
    """
    try:
        return work()
    except SandboxError:
        raise
    except MemoryError:
        return Failed(recording.path, "needs more memory than there is")
    except Exception as error:  # noqa: BLE001  as the docstring says
        return Failed(recording.path, f"failed because of a bug ({type(error).__name__}: {error})")
