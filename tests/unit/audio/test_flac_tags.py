"""FLAC files with something in front of them or behind them."""

import pytest

from schemas.media_type import MediaType
from streams.audio import Clip, decode
from tests.support.signals import encode_as, speech
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
    endless = bytearray(audio)
    endless[21] &= 0xF0  # the 36 bits of the total
    endless[22:26] = bytes(4)

    for file in (audio, bytes(endless)):
        result = clip(front + file + tag)
        assert (result.samples == SPEECH.samples).all()
        expected = ("leading-tag",) * bool(front) + ("trailing-tag",) + ("flac-total",) * (file != audio)
        assert result.source.repairs == expected


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
