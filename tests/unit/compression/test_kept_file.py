"""A file that is kept as the result has a header that every player reads at its right length."""

import io
import struct
from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from schemas.media_type import MediaType
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip, decode
from streams.codecs import Encoded
from streams.compression import DEFAULT_POLICY, Policy, choose, encode, smallest
from streams.compression.kept_file import kept_file
from tests.support.coded import g722, gsm
from tests.support.signals import encode_as, speech, write_sound
from tests.support.wave_files import APE_FOOTER, ID3, ID3V1, chunk, fmt, riff

CASES = Path(__file__).parents[1] / "audio/cases"
WAV, FLAC, GSM, G722 = (MediaType(f"audio/{name}") for name in ("wav", "flac", "GSM", "G722"))
SPEECH = speech(0.5)


def clip(audio: bytes, media_type: MediaType = WAV) -> Clip:
    result = decode(audio, media_type)
    assert isinstance(result, Clip), result
    return result


def result(audio: bytes, media_type: MediaType, level: int, policy: Policy = DEFAULT_POLICY) -> Encoded:
    decoded = clip(audio, media_type)
    encoded = encode(decoded, choose(decoded, analyse_lazily(decoded), policy, fixed_level=level).plan)
    return smallest(encoded, decoded, audio, media_type, policy)


def test_level_1_hands_on_g711_with_the_sizes_that_its_recorder_left_open() -> None:
    audio = (CASES / "kept-ulaw-sizes-0.wav").read_bytes()

    kept = result(audio, WAV, 1)

    assert kept.codec == "pcmu"
    riff_size, data_size = (struct.unpack_from("<I", kept.audio, at)[0] for at in (4, kept.audio.index(b"data") + 4))
    assert (riff_size, data_size) == (len(kept.audio) - 8, 4000)
    assert len(kept.audio) <= len(audio)
    assert soundfile.info(io.BytesIO(kept.audio)).frames == 4000
    assert clip(kept.audio).source.repairs == ()
    assert clip(kept.audio).pcm_sha256 == clip(audio).pcm_sha256


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_a_right_file_stays_byte_for_byte(container: str, subtype: str) -> None:
    samples = SPEECH.samples / 32768 if subtype == "FLOAT" else SPEECH.samples
    audio = write_sound(samples, 8000, container, subtype)

    assert kept_file(audio, clip(audio)) == audio


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"])
@pytest.mark.parametrize("container", ["RF64", "W64"])
def test_64_bit_files_become_plain_ones_of_the_same_samples(container: str, subtype: str) -> None:
    samples = SPEECH.samples / 32768 if subtype == "FLOAT" else SPEECH.samples
    audio = write_sound(samples, 8000, container, subtype)

    kept = kept_file(audio, clip(audio))

    assert kept[:4] == b"RIFF"
    assert len(kept) <= len(audio)
    info = soundfile.info(io.BytesIO(kept))
    assert (info.subtype, info.frames) == (subtype, SPEECH.frames)
    assert clip(kept).pcm_sha256 == clip(audio).pcm_sha256


@given(
    tag=st.sampled_from([(1, 2, 16), (7, 1, 8), (6, 1, 8), (3, 4, 32)]),
    sizes=st.tuples(*[st.sampled_from([None, 0, 0x7FFFFFFF, 0xFFFFFFFF])] * 2),
    block=st.sampled_from([None, 0, 99]),
    bits=st.sampled_from([None, 0]),
    fact=st.booleans(),
    front=st.sampled_from([b"", ID3]),
    extra=st.integers(0, 1),
)
def test_any_wrong_header_is_written_anew(
    *,
    tag: tuple[int, int, int],
    sizes: tuple[int | None, int | None],
    block: int | None,
    bits: int | None,
    fact: bool,
    front: bytes,
    extra: int,
) -> None:
    form, width, right_bits = tag
    body = fmt(form, block=width if block is None else block, bits=right_bits if bits is None else bits)
    facts = (chunk(b"fact", bytes(4)),) if fact else ()
    data = chunk(b"data", bytes(1200) + b"\1" * extra, size=sizes[1], padded=False)
    audio = front + riff(chunk(b"fmt ", body), *facts, data, size=sizes[0])

    kept = kept_file(audio, clip(audio))

    again = clip(kept)
    assert again.source.repairs == ()
    assert again.pcm_sha256 == clip(audio).pcm_sha256
    assert len(kept) <= len(audio) + len(audio) % 2
    assert soundfile.info(io.BytesIO(kept)).frames == again.frames == (1200 + extra) // width
    if not clip(audio).source.repairs:
        assert kept == audio


def test_a_kept_flac_file_has_its_total_and_no_tags_around_it() -> None:
    audio = encode_as(SPEECH, "audio/flac")
    endless = bytearray(audio)
    endless[21] &= 0xF0  # the 36 bits of the total
    endless[22:26] = bytes(4)
    sent = ID3 + bytes(endless) + APE_FOOTER + ID3V1

    assert clip(sent, FLAC).source.repairs == ("leading-tag", "trailing-tag", "flac-total")
    assert kept_file(sent, clip(sent, FLAC)) == audio


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_gsm_and_g722_become_files_that_every_player_opens(level: int) -> None:
    for audio, media_type in (
        (gsm(SPEECH), GSM),
        (g722(speech(0.5, 16000)), G722),
        (write_sound(SPEECH.samples, 8000, "WAV", "GSM610"), WAV),
    ):
        made = result(audio, media_type, level)

        decoded = clip(audio, media_type)
        assert made.content_type in {"audio/flac", "audio/wav", "audio/ogg;codecs=opus"}
        assert len(made.audio) <= 44 + decoded.samples.nbytes
        if level <= 2:
            again = decode(made.audio, MediaType(made.content_type))
            assert isinstance(again, Clip)
            assert again.pcm_sha256 == decoded.pcm_sha256
