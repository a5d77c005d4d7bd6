"""Every kind of bad input; the contract has a dead letter for each."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import soundfile

from tests.chaos.records import Message
from tests.chaos.sounds import sample

_FLAC_TOTAL_SAMPLES = slice(21, 26)
_BOMB_FRAMES, _BOMB_PARTS = 40_000_000, 40  # 80 MB when decoded


def with_header(message: Message, name: str, value: bytes | None) -> Message:
    """Replace a header, or remove it when ``value`` is None; the key is kept."""
    kept = tuple(pair for pair in message.headers if pair[0] != name)
    return replace(message, headers=kept if value is None else (*kept, (name, value)))


def _container(message: Message, kind: str, change: Callable[[bytes], bytes]) -> Message:
    return replace(with_header(message, "content-type", kind.encode()), value=change(_half_second(kind)))


@cache
def _half_second(kind: str) -> bytes:
    return sample(0.5, kind).audio


def _raw(message: Message, content_type: bytes, value: bytes = b"\x01\x02" * 400) -> Message:
    return replace(with_header(message, "content-type", content_type), value=value)


def _claims_hours(flac: bytes) -> bytes:
    claimed = bytearray(flac)
    claimed[_FLAC_TOTAL_SAMPLES] = bytes([claimed[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])
    return bytes(claimed)


@cache
def _bomb() -> bytes:
    """Make a decompression bomb: hours of silence in a few hundred kilobytes, without a stated length."""
    file = io.BytesIO()
    silence = np.zeros(_BOMB_FRAMES // _BOMB_PARTS, np.int16)
    with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="FLAC") as sound:
        for _ in range(_BOMB_PARTS):
            sound.write(silence)
    flac = bytearray(file.getvalue())
    flac[_FLAC_TOTAL_SAMPLES] = bytes([flac[21] & 0xF0, 0, 0, 0, 0])
    return bytes(flac)


#: For each kind of bad input, the function that makes it from a good one.
BAD: dict[str, Callable[[Message], Message]] = {
    "empty": lambda message: replace(message, value=b""),
    "tombstone": lambda message: replace(message, value=None),
    "no key": lambda message: replace(message, key=None),
    "no id": lambda message: with_header(message, "ce_id", None),
    "no hotel": lambda message: with_header(message, "ce_hotelid", None),
    "two ids": lambda message: replace(message, headers=(*message.headers, ("ce_id", b"another"))),
    "wrong version": lambda message: with_header(message, "ce_specversion", b"0.3"),
    "not utf-8": lambda message: with_header(message, "ce_hotelid", b"\xff\xfe"),
    "time that is none": lambda message: with_header(message, "ce_time", b"yesterday"),
    "key is not the call": lambda message: replace(message, key=(message.key or b"") + b"-other"),
    "unknown media type": lambda message: _raw(message, b"video/mp4"),
    "rate missing": lambda message: _raw(message, b"audio/L16"),
    "rate zero": lambda message: _raw(message, b"audio/L16;rate=0"),
    "rate absurd": lambda message: _raw(message, b"audio/L16;rate=99999999"),
    "channels absurd": lambda message: _raw(message, b"audio/L16;rate=8000;channels=99"),
    "half a sample": lambda message: _raw(message, b"audio/L16;rate=8000", b"\x01" * 801),
    "flac truncated": lambda message: _container(message, "audio/flac", lambda audio: audio[: len(audio) // 2]),
    "flac claims hours": lambda message: _container(message, "audio/flac", _claims_hours),
    "flac bomb": lambda message: _container(message, "audio/flac", lambda _: _bomb()),
    "wav truncated": lambda message: _container(message, "audio/wav", lambda audio: audio[: len(audio) // 2]),
    "ogg truncated": lambda message: _container(message, "audio/ogg", lambda audio: audio[: len(audio) * 2 // 3]),
    "opus truncated": lambda message: _container(
        message, "audio/ogg;codecs=opus", lambda audio: audio[: len(audio) * 2 // 3]
    ),
    "not what the label says": lambda message: _raw(message, b"audio/flac", b"RIFF" + bytes(200)),
}
