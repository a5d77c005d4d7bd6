"""WAV files with wrong headers are decoded as players play them; files that were cut short on their way are refused."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas import Rejection
from schemas.media_type import MediaType
from schemas.repairs import REPAIRS
from streams.audio import Clip, DecodeLimits, decode
from tests.support.signals import encode_as, speech, write_sound
from tests.support.wave_files import APE_FOOTER, ID3, ID3V1, chunk, fmt, riff

CASES = Path(__file__).parent / "cases"
WAV, FLAC = MediaType("audio/wav"), MediaType("audio/flac")
OPEN = (0, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def chirp() -> NDArray[np.int16]:
    time = np.arange(4000) / 8000
    signal: NDArray[np.float64] = 9000 * np.sin(2 * np.pi * (300 * time + 1500 * time * time)) * np.hanning(4000)
    return signal.round().astype(np.int16)


SPEECH = speech(0.2)
DATA = SPEECH.samples.tobytes()


def clip(audio: bytes, media_type: MediaType = WAV) -> Clip:
    result = decode(audio, media_type)
    assert isinstance(result, Clip), result
    assert set(result.source.repairs) <= REPAIRS.keys()
    assert len(set(result.source.repairs)) == len(result.source.repairs)
    return result


def refused(audio: bytes, media_type: MediaType = WAV) -> str:
    result = decode(audio, media_type)
    assert isinstance(result, Rejection), result.source
    return result.code


@pytest.mark.parametrize(
    ("name", "repairs"),
    [
        ("flac-id3v2-front.flac", "leading-tag"),
        ("wav-data-plus44.wav", "data-size"),
        ("wav-id3-in-front.wav", "leading-tag"),
        ("wav-int32max.wav", "data-size riff-size"),
        ("wav-open-odd-byte.wav", "data-size riff-size partial-frame"),
        ("wav-rf64.wav", ""),
        ("wav-riff-is-filesize.wav", "riff-size"),
        ("wav-riff4088-data0-junk.wav", "data-size riff-size"),
        ("wav-riffok-data0.wav", "data-size"),
    ],
)
def test_files_of_recorders_have_every_whole_sample(name: str, repairs: str) -> None:
    result = clip((CASES / name).read_bytes(), FLAC if name.endswith("flac") else WAV)

    assert result.frames == (3999 if "odd" in name else 4000)
    assert (result.samples[:, 0] == chirp()[: result.frames]).all()
    assert result.source.repairs == tuple(repairs.split())


@pytest.mark.parametrize(
    ("name", "encoding", "frames"),
    [("kept-ulaw-sizes-0.wav", "pcmu", 4000), ("wav-ulaw-bits16.wav", "pcmu", 4000), ("wav49-gsm.WAV", "gsm", 4000)],
)
def test_coded_files_of_recorders_have_their_length(name: str, encoding: str, frames: int) -> None:
    result = clip((CASES / name).read_bytes())

    assert (result.source.encoding, result.frames, result.rate) == (encoding, frames, 8000)
    assert np.corrcoef(result.samples[200:, 0], chirp()[200:])[0, 1] > 0.9


extras = st.lists(
    st.builds(chunk, st.sampled_from([b"LIST", b"JUNK", b"bext", b"fact"]), st.binary(max_size=9)), max_size=3
)


@given(
    outer=st.sampled_from([None, *OPEN, "file"]),
    inner=st.sampled_from([None, *OPEN, 44, 8, 1, -2, -100]),
    before=extras,
    behind=extras,
    block=st.sampled_from([2, 0, 1, 4, 999]),
    tag=st.sampled_from([b"", ID3, ID3 + ID3, ID3 + bytes(99)]),
    extra=st.integers(0, 1),
)
def test_any_damage_of_the_header_leaves_all_whole_frames(
    *,
    outer: int | str | None,
    inner: int | None,
    before: list[bytes],
    behind: list[bytes],
    block: int,
    tag: bytes,
    extra: int,
) -> None:
    assume((outer, inner) != ("file", 8))  # the sizes agree, so that the last 8 bytes may be missing
    data = DATA + b"\x07" * extra
    claims = None if inner is None else inner if inner in OPEN else len(data) + inner
    is_short = inner is not None and inner < 0
    if inner is not None:  # what a file without a right size has behind its audio cannot be known
        behind = []
    if is_short and outer != "file":  # nothing shows that the smaller size is wrong
        outer = None
    parts = (chunk(b"fmt ", fmt(block=block)), *before, chunk(b"data", data, size=claims, padded=bool(behind)), *behind)
    whole = riff(*parts)
    size = len(whole) if outer == "file" else outer if isinstance(outer, int) else len(whole) - 8

    result = clip(tag + riff(*parts, size=size))

    assert result.frames == SPEECH.frames
    assert (result.samples == SPEECH.samples).all()
    repairs = set(result.source.repairs)
    assert ("block-align" in repairs) is (block != 2)
    assert ("leading-tag" in repairs) is bool(tag)
    assert ("riff-size" in repairs) is (size != len(whole) - 8)
    assert ("data-size" in repairs) is (claims is not None and claims != len(data))
    assert ("partial-frame" in repairs) is bool(extra)


@given(cut=st.integers(1, len(DATA) - 2), before=extras, tag=st.sampled_from([b"", ID3]))
def test_a_file_that_was_cut_short_is_refused(cut: int, before: list[bytes], tag: bytes) -> None:
    whole = tag + riff(chunk(b"fmt ", fmt()), *before, chunk(b"data", DATA))

    assert refused(whole[:-cut]) == "TruncatedAudio"


@given(data=st.data(), name=st.sampled_from([b"RIFF", b"RF64", b"BW64"]))
def test_no_claim_allocates(data: st.DataObject, name: bytes) -> None:
    numbers = st.sampled_from([0, 1, 0x7FFFFFFE, 0xFFFFFFFF, 12345678])
    wide = struct.pack("<QQQI", *(data.draw(numbers) << data.draw(st.sampled_from([0, 31])) for _ in range(3)), 0)
    audio = riff(
        chunk(b"ds64", wide),
        chunk(b"fmt ", fmt(), size=data.draw(st.sampled_from([16, 0x7FFFFFFF]))),
        chunk(b"data", bytes(1000), size=data.draw(numbers)),
        size=data.draw(numbers),
        name=name,
    )
    tracemalloc.start()
    try:
        result = decode(audio, WAV)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert isinstance(result, Rejection) or result.frames <= 500


@pytest.mark.parametrize(
    ("rest", "is_said"),
    [
        (riff(chunk(b"fmt ", fmt()), chunk(b"data", DATA)), True),
        (DATA, True),
        (b"\r\n", True),
        (bytes(2000), False),
        (ID3V1, False),
        (chunk(b"LIST", b"INFO"), False),
    ],
)
def test_what_follows_a_whole_file_is_left_out_and_said(rest: bytes, is_said: bool) -> None:
    result = clip(riff(chunk(b"fmt ", fmt()), chunk(b"data", DATA)) + rest)

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("trailing-bytes",) * is_said


def test_the_limit_holds_for_open_sizes() -> None:
    audio = riff(chunk(b"fmt ", fmt()), chunk(b"data", DATA, size=0), size=0)
    result = decode(audio, WAV, DecodeLimits(max_pcm_bytes=1000))
    assert isinstance(result, Rejection)
    assert result.code == "AudioTooLong"


@pytest.mark.parametrize("unpadded", [True, False])
@pytest.mark.parametrize("name", [b"LIST", b"bext", b"note"])
def test_an_odd_chunk_may_lack_its_padding(name: bytes, unpadded: bool) -> None:
    result = clip(riff(chunk(b"fmt ", fmt()), chunk(name, b"abc", padded=not unpadded), chunk(b"data", DATA)))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == (("chunk-size",) if unpadded else ())


@pytest.mark.parametrize("size", [0, 2, 14, 18, 40, 0x7FFFFFFF, 0xFFFFFFFF])
def test_the_fmt_chunk_may_have_a_wrong_size(size: int) -> None:
    result = clip(riff(chunk(b"fmt ", fmt(), size=size), chunk(b"data", DATA)))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("chunk-size",)


@pytest.mark.parametrize(("tag", "label"), [(1, "audio/x-slin;rate=8000"), (7, "audio/PCMU"), (6, "audio/PCMA")])
def test_the_fmt_chunk_may_lack_the_number_of_bits(tag: int, label: str) -> None:
    data = encode_as(SPEECH, label)
    width = len(data) // SPEECH.frames

    result = clip(riff(chunk(b"fmt ", fmt(tag, block=width)[:14]), chunk(b"data", data)))

    assert result.source.bits == 8 * width
    assert result.source.repairs == ("bits",)


@pytest.mark.parametrize("bits", [0, 4, 8, 16, 32])
@pytest.mark.parametrize("block", [0, 1, 2, 4])
@pytest.mark.parametrize(("tag", "label"), [(6, "audio/PCMA"), (7, "audio/PCMU")])
def test_g711_has_eight_bits_whatever_the_header_says(tag: int, label: str, block: int, bits: int) -> None:
    codes = encode_as(SPEECH, label)

    result = clip(riff(chunk(b"fmt ", fmt(tag, block=block, bits=bits) + bytes(2)), chunk(b"data", codes)))

    assert result.pcm_sha256 == clip(codes, MediaType(label)).pcm_sha256
    assert result.source.bits == 8
    assert ("bits" in result.source.repairs) is (bits != 8)
    assert ("block-align" in result.source.repairs) is (block != 1)


@pytest.mark.parametrize(
    ("block", "bits"), [(2, 0), (2, 1), (2, 12), (0, 16), (7, 16), (2, 13), (2, 64), (2, 0xFFFF), (0, 0), (99, 0)]
)
def test_linear_samples_have_a_width_by_their_bits_or_else_by_their_frames(block: int, bits: int) -> None:
    result = clip(riff(chunk(b"fmt ", fmt(block=block, bits=bits)), chunk(b"data", DATA)))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.bits == (bits if 8 <= bits <= 16 else 16)


@pytest.mark.parametrize(
    ("subtype", "valid"), [("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 32), ("FLOAT", 32), ("ULAW", 8)]
)
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_container_and_depth(container: str, subtype: str, valid: int, channels: int) -> None:
    spoken = speech(0.2, 16000, channels)
    samples = spoken.samples / 32768 if subtype == "FLOAT" else spoken.samples

    result = clip(write_sound(samples, 16000, container, subtype))

    assert (result.rate, result.channels, result.frames) == (16000, channels, spoken.frames)
    assert result.source.bits == valid
    assert result.source.repairs == ()
    if subtype != "ULAW":
        assert (result.samples == spoken.samples).all()


def test_the_samples_of_wav49_end_where_the_fact_chunk_says() -> None:
    audio = write_sound(SPEECH.samples, 8000, "WAV", "GSM610")
    at = audio.index(b"fact") + 8

    lengths = [clip(audio[:at] + struct.pack("<I", fact) + audio[at + 4 :]).frames for fact in (1590, 0, 10**9)]

    assert lengths == [1590, 1600, 1600]
    assert np.corrcoef(clip(audio).samples[:, 0], SPEECH.samples[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("tag", "named"),
    [(0x02, "Microsoft ADPCM"), (0x11, "IMA ADPCM"), (0x55, "MP3"), (0x83, "G.729"), (0x9999, "0x9999")],
)
def test_encodings_that_are_not_read_are_named_with_the_line_that_converts_them(tag: int, named: str) -> None:
    result = decode(riff(chunk(b"fmt ", fmt(tag)), chunk(b"data", DATA)), WAV)

    assert isinstance(result, Rejection)
    assert result.code == "UnsupportedEncoding"
    assert named in result.reason
    assert "ffmpeg -i" in result.reason


@pytest.mark.parametrize("tag", [ID3V1, APE_FOOTER, ID3])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_tags_behind_a_wav_file_of_open_size_are_no_audio(tag: bytes, size: int) -> None:
    audio = riff(chunk(b"fmt ", fmt()), chunk(b"data", DATA, size=size), size=size) + tag

    assert (clip(audio).samples == SPEECH.samples).all()
