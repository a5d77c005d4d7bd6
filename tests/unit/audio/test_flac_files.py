"""FLAC files with something in front of them or behind them, and as recorders leave them that broke off."""

import numpy as np
import pytest

from schemas import Rejection
from schemas.media_type import MediaType
from streams.audio import Clip, DecodeLimits, decode
from tests.support.signals import clip_of, encode_as, speech
from tests.support.wave_files import APE, APE_FOOTER, ID3, ID3V1

FLAC = MediaType("audio/flac")
SPEECH = speech(0.2)


def clip(audio: bytes) -> Clip:
    result = decode(audio, FLAC)
    assert isinstance(result, Clip), result
    return result


@pytest.mark.parametrize("tag", [ID3V1, APE, APE_FOOTER, ID3, ID3V1 + ID3, APE_FOOTER + ID3V1])
@pytest.mark.parametrize("front", [b"", ID3, ID3 + bytes(100)])
def test_flac_may_have_tags_around_it(tag: bytes, front: bytes) -> None:
    audio = encode_as(SPEECH, "audio/flac")

    for file in (audio, endless(audio)):
        result = clip(front + file + tag)
        assert (result.samples == SPEECH.samples).all()
        expected = ("leading-tag",) * bool(front) + ("trailing-tag",) + ("flac-total",) * (file != audio)
        assert result.source.repairs == expected


def endless(audio: bytes) -> bytes:
    """The file as a recorder leaves it that writes to a pipe: without total and MD5."""
    header = bytearray(audio[:42])
    header[21] &= 0xF0  # the 36 bits of the total
    header[22:42] = bytes(20)
    return bytes(header) + audio[42:]


@pytest.mark.parametrize("cut", [1, 2, 10, 1000, 4000])
def test_a_recording_that_broke_off_within_a_frame_has_its_whole_frames(cut: int) -> None:
    whole = speech(3)

    result = clip(endless(encode_as(whole, "audio/flac"))[:-cut])

    assert result.frames in {5 * 4096, 4 * 4096}
    assert (result.samples == whole.samples[: result.frames]).all()
    assert result.source.repairs == ("partial-frame", "flac-total")


def test_zeros_behind_a_recording_that_broke_off_are_no_audio() -> None:
    result = clip(endless(encode_as(SPEECH, "audio/flac")) + bytes(5000))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("trailing-bytes", "flac-total")


def test_a_file_that_was_cut_short_is_refused_with_what_came() -> None:
    result = decode(encode_as(speech(3), "audio/flac")[:-100], FLAC)

    assert isinstance(result, Rejection)
    assert result.code == "TruncatedAudio"
    assert result.reason == "the FLAC header claims 24000 frames and 20480 came; send it whole"


def test_damage_within_a_recording_that_broke_off_is_refused() -> None:
    audio = bytearray(endless(encode_as(speech(3), "audio/flac")))
    audio[15_000] ^= 0x10

    result = decode(bytes(audio[:-100]), FLAC)

    assert isinstance(result, Rejection)
    assert result.code == "CorruptAudio"


def test_a_file_of_hours_that_claims_a_second_is_refused() -> None:
    audio = bytearray(encode_as(clip_of(np.zeros(2_000_000, np.int16)), "audio/flac"))
    audio[22:26] = (8000).to_bytes(4, "big")

    result = decode(bytes(audio), FLAC, DecodeLimits(max_pcm_bytes=1_000_000))

    assert isinstance(result, Rejection)
    assert result.code == "AudioTooLong"


@pytest.mark.parametrize("total", [1, 800, 1599])
@pytest.mark.parametrize("has_md5", [True, False])
def test_the_total_may_be_less_than_there_is(total: int, has_md5: bool) -> None:
    audio = bytearray(encode_as(SPEECH, "audio/flac"))
    audio[22:26] = total.to_bytes(4, "big")
    audio[26:42] = audio[26:42] if has_md5 else bytes(16)

    result = clip(bytes(audio))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("flac-total",)


@pytest.mark.parametrize("rest", [bytes(1), bytes(2000), b"\xff\xf8" * 50, bytes(range(256))])
def test_what_follows_the_last_frame_of_a_flac_file_is_left_out(rest: bytes) -> None:
    result = clip(encode_as(SPEECH, "audio/flac") + rest)

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("trailing-bytes",)


def test_joined_flac_files_are_refused_by_name() -> None:
    once = encode_as(SPEECH, "audio/flac")
    result = decode(once + once, MediaType("audio/flac"))

    assert isinstance(result, Rejection)
    assert result.code == "UnsupportedEncoding"
    assert "joined" in result.reason
