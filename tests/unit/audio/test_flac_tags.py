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
@pytest.mark.parametrize("front", [b"", ID3])
def test_flac_may_have_tags_around_it(tag: bytes, front: bytes) -> None:
    audio = encode_as(SPEECH, "audio/flac")
    endless = bytearray(audio)
    endless[21] &= 0xF0  # the 36 bits of the total
    endless[22:26] = bytes(4)

    for file in (audio, bytes(endless)):
        result = clip(front + file + tag)
        assert (result.samples == SPEECH.samples).all()
        expected = ("leading-tag",) * bool(front) + ("trailing-tag",) + ("unknown-total",) * (file != audio)
        assert result.source.repairs == expected


@pytest.mark.parametrize("rest", [bytes(1), bytes(2000), b"\xff\xf8" * 50, bytes(range(256))])
def test_what_follows_the_last_frame_of_a_flac_file_is_left_out(rest: bytes) -> None:
    result = clip(encode_as(SPEECH, "audio/flac") + rest)

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("trailing-bytes",)
