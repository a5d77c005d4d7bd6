"""The protocol between the worker and a decoder child, over a stream socket.

A request is a media type and the audio; an answer is a JSON description and samples. The child is not trusted: its
answer is plain data of limited size, and is checked before it is used.
"""

import json
import socket
import struct
import time
from typing import Any

import numpy as np

from schemas import MediaType, Rejection
from schemas.repairs import REPAIRS
from streams.audio import Clip, DecodeLimits, SourceFormat
from streams.audio.limits import SAMPLE_BYTES, rejected

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
    description: dict[str, str | int | tuple[str, ...] | None]
    if isinstance(answer, Rejection):
        description = {"code": answer.code, "field": answer.field, "reason": answer.reason}
        samples = b""
    else:
        source = answer.source
        description = {
            "rate": answer.rate,
            "channels": answer.channels,
            "container": source.container,
            "encoding": source.encoding,
            "bits": source.bits,
            "repairs": source.repairs,
            "gain_db": source.gain_db,
            "corrected": None if source.corrected is None else str(source.corrected),
        }
        samples = answer.samples.tobytes()
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
    text_size, size = _SIZES.unpack(_receive(link, _SIZES.size, deadline))
    if text_size > _MAX_DESCRIPTION or size > limits.max_pcm_bytes:
        raise BadAnswerError(f"claims a description of {text_size} bytes and {size} bytes of samples")
    try:
        description = json.loads(_receive(link, text_size, deadline).decode())
        return _answer(description, _receive(link, size, deadline), limits)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswerError(f"cannot be read: {error!r}") from error


def _answer(description: dict[str, Any], data: bytearray, limits: DecodeLimits) -> Clip | Rejection:
    if "code" in description:
        return rejected(str(description["code"]), str(description["reason"]), str(description["field"]))
    rate, channels, bits, gain_db = (int(description[name]) for name in ("rate", "channels", "bits", "gain_db"))
    frames, rest = divmod(len(data), SAMPLE_BYTES * max(channels, 1))
    container, encoding = description["container"], description["encoding"]
    repairs = tuple(description["repairs"])
    known = container in _CONTAINERS and encoding in _ENCODINGS and REPAIRS.keys() >= set(repairs)
    known = known and 1 <= bits <= _MAX_BITS and abs(gain_db) <= _MAX_GAIN_DB
    if not known or rest or not frames or limits.check(rate, channels, frames) is not None:
        raise ValueError(f"not a valid clip: {description}")
    corrected = None if description["corrected"] is None else MediaType.parse(description["corrected"])
    if isinstance(corrected, Rejection):
        raise ValueError(corrected.message)  # noqa: TRY004 - a value of the answer
    source = SourceFormat(container, encoding, bits, corrected, repairs, gain_db)
    return Clip.of(np.frombuffer(data, np.int16).reshape(-1, channels), rate, source)


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
