"""The protocol between the worker and a decoder child, over a stream socket.

A request is a media type and the audio; an answer is a JSON description and samples. The child is not trusted: its
answer is plain data of limited size, and is checked before it is used.
"""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas import MediaType, Rejection
from schemas.repairs import REPAIRS
from streams.audio import Clip, DecodeLimits, SourceFormat
from streams.audio.blocks import AudioBlocks
from streams.audio.limits import SAMPLE_BYTES, rejected

Description = dict[str, str | int | tuple[str, ...] | None]

_SIZES = struct.Struct(">IQ")
_MAX_DESCRIPTION = 1 << 14
_CONTAINERS = frozenset({"raw", "wav", "flac", "ogg", "mpeg"})
_ENCODINGS = frozenset({"pcm", "pcmu", "pcma", "flac", "vorbis", "opus", "mpeg", "gsm", "g722"})
_MAX_BITS = 64
_MAX_GAIN_DB = 128  # of Opus


class BadAnswerError(Exception):
    """The child's answer breaks the protocol. The child may be compromised and must be replaced."""


def send_request(link: socket.socket, audio: bytes, media_type: MediaType) -> None:
    """Send a request to decode audio; the link's timeout applies to each of its two parts."""
    text = str(media_type).encode()
    link.sendall(_SIZES.pack(len(text), len(audio)) + text)
    link.sendall(audio)


def receive_request(link: socket.socket) -> tuple[bytes, MediaType] | None:
    """Receive the next request; None when the worker has closed the link."""
    sizes = link.recv(_SIZES.size, socket.MSG_WAITALL)
    if len(sizes) < _SIZES.size:
        return None
    text_size, audio_size = _SIZES.unpack(sizes)
    media_type = MediaType.parse(_receive(link, text_size, None).decode())
    if isinstance(media_type, Rejection):
        raise BadAnswerError(media_type.message)
    return bytes(_receive(link, audio_size, None)), media_type


def send_answer(link: socket.socket, answer: Clip | Rejection) -> None:
    """Send the answer to a request."""
    send_part(link, describe(answer), b"" if isinstance(answer, Rejection) else answer.samples.tobytes())


def describe(answer: Clip | AudioBlocks | Rejection) -> Description:
    """What is known of audio besides its samples, or why it is refused."""
    if isinstance(answer, Rejection):
        return {"code": answer.code, "field": answer.field, "reason": answer.reason}
    source = answer.source
    return {
        "rate": answer.rate,
        "channels": answer.channels,
        "container": source.container,
        "encoding": source.encoding,
        "bits": source.bits,
        "repairs": source.repairs,
        "gain_db": source.gain_db,
        "corrected": None if source.corrected is None else str(source.corrected),
    }


def send_part(link: socket.socket, description: Description, samples: bytes) -> None:
    """Send a description and samples."""
    text = json.dumps(description).encode()
    link.sendall(_SIZES.pack(len(text), len(samples)) + text)
    link.sendall(samples)


def receive_answer(link: socket.socket, limits: DecodeLimits, deadline: float) -> Clip | Rejection:
    """Receive and check an answer.

    Args:
        link: Socket to the child.
        limits: Limits of a clip.
        deadline: Time of the monotonic clock, in seconds.

    Raises:
        TimeoutError: If the deadline has passed.
        EOFError: If the child has ended.
        BadAnswerError: If the answer breaks the protocol.
    """
    description, data = receive_part(link, limits.max_pcm_bytes, deadline)
    with _unreadable_is_bad():
        if "code" in description:
            return refusal_of(description)
        rate, channels, source = form_of(description, limits)
        samples = samples_of(data, channels)
        if not len(samples):
            raise ValueError("a clip without samples")
        return Clip.of(samples, rate, source)


def receive_part(link: socket.socket, most: int, deadline: float | None) -> tuple[dict[str, Any], bytearray]:
    """Receive a description and the bytes of samples.

    Args:
        link: Socket to the child.
        most: Largest number of bytes of samples.
        deadline: See `receive_answer`; None for no deadline.

    Raises:
        TimeoutError: See `receive_answer`, also for the others.
        EOFError: See above.
        BadAnswerError: See above.
    """
    text_size, size = _SIZES.unpack(_receive(link, _SIZES.size, deadline))
    if text_size > _MAX_DESCRIPTION or size > most:
        raise BadAnswerError(f"claims a description of {text_size} bytes and {size} bytes of samples")
    text, data = _receive(link, text_size, deadline), _receive(link, size, deadline)
    with _unreadable_is_bad():
        return {**json.loads(text.decode())}, data


@contextmanager
def _unreadable_is_bad() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswerError(f"cannot be read: {error!r}") from error


def refusal_of(description: dict[str, Any]) -> Rejection:
    """The rejection that was described."""
    return rejected(str(description["code"]), str(description["reason"]), str(description["field"]))


def samples_of(data: bytearray, channels: int) -> NDArray[np.int16]:
    """The samples in received bytes, shape (frames, channels).

    Raises:
        BadAnswerError: If they are not whole frames.
    """
    if len(data) % (SAMPLE_BYTES * channels):
        raise BadAnswerError(f"{len(data)} bytes are not whole frames of {channels} channels")
    return np.frombuffer(data, np.int16).reshape(-1, channels)


def form_of(description: dict[str, Any], limits: DecodeLimits) -> tuple[int, int, SourceFormat]:
    """Rate, channels and source format of described audio.

    Raises:
        BadAnswerError: If they are not valid.
    """
    with _unreadable_is_bad():
        return _form(description, limits)


def _form(description: dict[str, Any], limits: DecodeLimits) -> tuple[int, int, SourceFormat]:
    rate, channels, bits, gain_db = (int(description[name]) for name in ("rate", "channels", "bits", "gain_db"))
    container, encoding = description["container"], description["encoding"]
    repairs = tuple(description["repairs"])
    known = container in _CONTAINERS and encoding in _ENCODINGS and REPAIRS.keys() >= set(repairs)
    known = known and 1 <= bits <= _MAX_BITS and abs(gain_db) <= _MAX_GAIN_DB
    if not known or limits.check(rate, channels, 0) is not None:
        raise ValueError(f"not valid audio: {description}")
    corrected = None if description["corrected"] is None else MediaType.parse(description["corrected"])
    if isinstance(corrected, Rejection):
        raise ValueError(corrected.message)  # noqa: TRY004 - a value of the answer
    return rate, channels, SourceFormat(container, encoding, bits, corrected, repairs, gain_db)


def _receive(link: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        if deadline is not None:
            link.settimeout(max(deadline - time.monotonic(), 0.001))
        count = link.recv_into(rest)
        if not count:
            raise EOFError("the other side has closed the socket")
        rest = rest[count:]
    return data
