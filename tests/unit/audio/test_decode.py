"""Valid inputs of every kind are decoded to the right samples."""

import struct

import numpy as np
import pytest

from schemas.media_type import MediaType
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import ogg
from streams.audio.containers.ogg_head import OPUS_RATE_AT
from streams.audio.decode import decode
from tests.support.signals import MEDIA_TYPES, clip_of, encode_as, media_type_of, speech, write_sound


def decoded(audio: bytes, label: str) -> Clip:
    media_type = media_type_of(label)
    clip = decode(audio, media_type)
    assert isinstance(clip, Clip), clip
    assert not clip.samples.flags.writeable
    assert clip.samples.flags.c_contiguous
    return clip


def labelled(label: str, clip: Clip) -> str:
    """Add the rate and the channels of the clip to a raw type."""
    name = label.partition(";")[0]
    media_type = media_type_of(label)
    return f"{name};rate={clip.rate};channels={clip.channels}" if media_type.is_raw else label


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("label", MEDIA_TYPES)
def test_every_type_keeps_length_rate_and_channels(label: str, rate: int, channels: int) -> None:
    clip = speech(0.7, rate, channels)
    label = labelled(label, clip)

    result = decoded(encode_as(clip, label), label)

    played_at = 48000 if "opus" in label and rate == 44100 else rate
    assert (result.rate, result.channels) == (played_at, channels)
    assert abs(result.frames - clip.frames * played_at / rate) <= 1


@pytest.mark.parametrize(
    ("label", "container"),
    [("audio/L16;rate=8000", "raw"), ("audio/x-slin;rate=8000", "raw"), ("audio/wav", "wav"), ("audio/flac", "flac")],
)
def test_linear_types_keep_every_sample(label: str, container: str) -> None:
    clip = speech(1)

    result = decoded(encode_as(clip, label), label)

    assert result.pcm_sha256 == clip.pcm_sha256
    assert result.source == SourceFormat(container, "flac" if container == "flac" else "pcm", 16)


@pytest.mark.parametrize("frames", [8000, 7999])
@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_g711_that_is_labelled_as_linear_is_corrected_also_of_an_odd_length(law: str, frames: int) -> None:
    audio = encode_as(clip_of(speech(1).samples[:frames]), f"audio/{law}")

    result = decoded(audio, "audio/L16;rate=8000")

    assert result.source == SourceFormat("raw", law.lower(), 8, MediaType(f"audio/{law}", (("rate", "8000"),)))
    assert result.pcm_sha256 == decoded(audio, f"audio/{law}").pcm_sha256
    assert result.duration_ms == 1000


@pytest.mark.parametrize("label", ["audio/ogg", "audio/ogg;codecs=opus", "audio/mpeg"])
def test_lossy_types_stay_aligned(label: str) -> None:
    clip = speech(2)

    result = decoded(encode_as(clip, label), label)

    kept = np.corrcoef(clip.samples[:, 0], result.samples[:, 0])[0, 1]
    assert kept > 0.8  # one sample of misalignment would show in this pitch range


def test_byte_orders_differ() -> None:
    assert decoded(b"\x01\x02", "audio/L16;rate=8000").samples.tolist() == [[0x0102]]
    assert decoded(b"\x01\x02", "audio/x-slin;rate=8000").samples.tolist() == [[0x0201]]


def test_parameters_of_a_file_are_its_own() -> None:
    clip = speech(0.2, 16000)

    assert decoded(encode_as(clip, "audio/wav"), "audio/wav;rate=8000;channels=2").rate == 16000


@pytest.mark.parametrize(
    ("subtype", "bits", "tolerance"),
    [("PCM_U8", 8, 256), ("PCM_16", 16, 0), ("PCM_24", 24, 1), ("PCM_32", 32, 1), ("FLOAT", 32, 1), ("DOUBLE", 64, 1)],
)
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_wav_of_every_depth(container: str, subtype: str, bits: int, tolerance: int) -> None:
    clip = speech(0.5, channels=2)
    samples = clip.samples / 32768 if subtype in {"FLOAT", "DOUBLE"} else clip.samples

    result = decoded(write_sound(samples, 8000, container, subtype), "audio/wav")

    assert result.source == SourceFormat("wav", "pcm", bits)
    assert int(np.abs(result.samples.astype(int) - clip.samples).max()) <= tolerance


@pytest.mark.parametrize(("subtype", "law"), [("ULAW", "pcmu"), ("ALAW", "pcma")])
def test_wav_of_g711(subtype: str, law: str) -> None:
    label = f"audio/{law.upper()}"
    as_raw = decoded(encode_as(speech(0.5), label), label)

    result = decoded(write_sound(as_raw.samples, 8000, "WAV", subtype), "audio/wav")

    assert result.source == SourceFormat("wav", law, 8)
    assert result.pcm_sha256 == as_raw.pcm_sha256


def test_deep_samples_are_rounded_and_clipped() -> None:
    samples = np.array([0x7FFFFFFF, -0x80000000, 0x8000, 0x7FFF, -0x8000, -0x8001], np.int32)

    result = decoded(write_sound(samples, 8000, "WAV", "PCM_32"), "audio/wav")

    assert result.samples[:, 0].tolist() == [32767, -32768, 1, 0, 0, -1]


def test_loud_floats_are_clipped() -> None:
    samples = np.array([3e38, -3e38, 1.0, -1.0, 0.5], np.float32)

    result = decoded(write_sound(samples, 8000, "WAV", "FLOAT"), "audio/wav")

    assert result.samples[:, 0].tolist() == [32767, -32768, 32767, -32768, 16384]


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_S8", 8), ("PCM_16", 16), ("PCM_24", 24)])
def test_flac_of_every_depth(subtype: str, bits: int) -> None:
    clip = speech(0.5, channels=2)

    result = decoded(write_sound(clip.samples, 8000, "FLAC", subtype), "audio/flac")

    assert result.source == SourceFormat("flac", "flac", bits)
    assert int(np.abs(result.samples.astype(int) - clip.samples).max()) < (256 if bits == 8 else 1)


def test_flac_of_unknown_length() -> None:
    clip = speech(0.5)
    audio = bytearray(encode_as(clip, "audio/flac"))
    audio[21] &= 0xF0  # the 36 bits of the total
    audio[22:26] = bytes(4)

    assert decoded(bytes(audio), "audio/flac").pcm_sha256 == clip.pcm_sha256


def test_wav_with_other_chunks() -> None:
    clip = speech(0.5)
    plain = encode_as(clip, "audio/wav")
    listed = plain[:36] + b"LIST\x03\0\0\0abc\0" + plain[36:] + b"id3 \x02\0\0\0xy"
    audio = listed[:4] + struct.pack("<I", len(listed) - 8) + listed[8:]

    assert decoded(audio, "audio/wav").pcm_sha256 == clip.pcm_sha256


@pytest.mark.parametrize(
    ("named", "decoded_at"), [(8000, 8000), (0, 48000), (11025, 12000), (44100, 48000), (96000, 48000)]
)
def test_opus_is_decoded_at_the_rate_that_its_header_names(named: int, decoded_at: int) -> None:
    audio = encode_as(speech(1), "audio/ogg;codecs=opus")
    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    at = pages[0].body + OPUS_RATE_AT
    renamed = ogg.sealed(audio[:at] + struct.pack("<I", named) + audio[at + 4 : pages[0].end]) + audio[pages[0].end :]

    result = decoded(renamed, "audio/ogg")

    assert (result.rate, result.frames) == (decoded_at, decoded_at)


def test_mp3_with_tags() -> None:
    clip = speech(0.5)
    audio = encode_as(clip, "audio/mpeg")
    tagged = b"ID3\x03\0\0\0\0\0\x05hello" + audio + b"TAG" + bytes(125)

    assert decoded(tagged, "audio/mpeg").frames == clip.frames


def test_decoding_is_repeatable() -> None:
    for label in MEDIA_TYPES:
        audio = encode_as(speech(0.5), label)
        assert decoded(audio, label).pcm_sha256 == decoded(audio, label).pcm_sha256
