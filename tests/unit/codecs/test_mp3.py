"""MP3 files have length, size and seek table in the Info frame, for players that read it."""

import io
import re
import struct

import av
import numpy as np
import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.containers.mpeg_frames import KBITS_MPEG1, KBITS_MPEG2
from streams.audio.decode import decode
from streams.codecs import Mp3Encoder
from streams.codecs.mp3 import RATES, checksum
from tests.support.signals import speech


@pytest.mark.parametrize("bitrate", [8000, 32_000, 320_000])  # the extremes do not exist at some sampling rates
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [*RATES, 12345])
def test_duration_is_exact(rate: int, channels: int, bitrate: int) -> None:
    for frames in (1, 47, 48, 575, 576, 577, 1152, 9001):
        clip = speech(frames / rate, rate, channels)
        encoded = Mp3Encoder(bitrate).encode(clip)

        samples, found = soundfile.read(io.BytesIO(encoded.audio), always_2d=True)
        own = decode(encoded.audio, MediaType("audio/mpeg"))
        assert len(samples) == round(frames * found / rate)
        assert isinstance(own, Clip)
        assert own.frames == len(samples)
        if frames > 46:  # FFmpeg cuts no more than a frame
            assert by_ffmpeg(encoded.audio) == len(samples)


def by_ffmpeg(audio: bytes) -> int:
    with av.open(io.BytesIO(audio), "r", format="mp3") as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_is_aligned_with_the_clip() -> None:
    clip = speech(3)

    samples, _ = soundfile.read(io.BytesIO(Mp3Encoder(64_000).encode(clip).audio), dtype="int16")

    original = clip.samples[:, 0].astype(float)
    assert np.corrcoef(original, samples)[0, 1] > 0.95


@pytest.mark.parametrize("bitrate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_the_info_frame_has_the_bit_rate_of_the_audio_frames(rate: int, channels: int, bitrate: int) -> None:
    headers = frame_headers(Mp3Encoder(bitrate).encode(speech(1, rate, channels)).audio)

    assert len({header[2] & 0xFC for header in headers}) == 1  # without the padding bit


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_the_info_frame_counts_frames_and_bytes_and_has_a_seek_table(rate: int) -> None:
    audio = Mp3Encoder(64_000).encode(speech(90, rate)).audio

    starts = frame_starts(audio)
    at = audio.index(b"Info")
    flags, frames, size = struct.unpack_from(">III", audio, at + 4)
    table = audio[at + 16 : at + 116]
    assert (flags, frames, size) == (15, len(starts) - 1, len(audio))
    for point, place in enumerate(table):
        assert abs(place - 256 * starts[1 + point * frames // 100] / size) <= 1.01


def test_checksum_of_the_info_frame() -> None:
    audio = Mp3Encoder(48_000).encode(speech(1)).audio

    end = audio.index(b"LAME") + 34
    assert checksum(b"123456789") == bytes.fromhex("bb3d")  # the published check value of CRC-16/ARC
    assert audio[end : end + 2] == checksum(audio[:end])


def test_names_the_lame_that_ran() -> None:
    encoded = Mp3Encoder(48_000).encode(speech(1))

    name = encoded.encoder.split(" ")[0]
    assert re.fullmatch(r"LAME[0-9.]+", name)
    assert encoded.audio.count(name.encode()) > 1  # in the Info frame, and where LAME itself wrote it
    assert encoded.encoder in Mp3Encoder(48_000).profile


def frame_starts(audio: bytes) -> list[int]:
    """Where frames begin, by their headers."""
    starts, at = [], 0
    while at < len(audio):
        starts.append(at)
        is_mpeg1, index = audio[at + 1] & 0x08, audio[at + 2] >> 4
        rates = (44_100, 48_000, 32_000) if is_mpeg1 else (22_050, 24_000, 16_000)
        rate = rates[audio[at + 2] >> 2 & 3] // (1 if audio[at + 1] & 0x10 else 2)
        kbits = (KBITS_MPEG1 if is_mpeg1 else KBITS_MPEG2)[index]
        at += (144 if is_mpeg1 else 72) * kbits * 1000 // rate + (audio[at + 2] >> 1 & 1)
    assert at == len(audio)
    return starts


def frame_headers(audio: bytes) -> list[bytes]:
    return [audio[start : start + 4] for start in frame_starts(audio)]


def test_players_show_the_duration() -> None:
    with av.open(io.BytesIO(Mp3Encoder(16_000).encode(speech(90)).audio), "r") as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 90) < 0.15


def test_bit_rate_is_kept_to() -> None:
    encoded = Mp3Encoder(16_000).encode(speech(10))

    assert abs(len(encoded.audio) * 8 / 10 - 16_000) < 500
    assert (encoded.content_type, encoded.codec) == ("audio/mpeg", "mpeg")
