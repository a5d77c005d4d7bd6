"""Every kind of bad input is refused with the code of the broken rule."""

import struct
from collections.abc import Callable

import numpy as np
import pytest

from schemas.rejection import Rejection
from streams.audio.containers import ogg
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits
from streams.codecs import DualMonoOpusEncoder, OpusEncoder
from tests.support.signals import encode_as, media_type_of, speech, write_sound

CLIP = speech(1)
FILES = {
    "audio/wav": encode_as(CLIP, "audio/wav"),
    "audio/flac": encode_as(CLIP, "audio/flac"),
    "audio/ogg": encode_as(CLIP, "audio/ogg"),
    "audio/ogg;codecs=opus": encode_as(CLIP, "audio/ogg;codecs=opus"),
    "audio/mpeg": encode_as(CLIP, "audio/mpeg"),
}
WAV, FLAC, OGG, MP3 = (FILES[name] for name in ("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"))
OPUS = FILES["audio/ogg;codecs=opus"]
TWO_STREAMS = DualMonoOpusEncoder(OpusEncoder(9000), OpusEncoder(9000)).encode(speech(1, channels=2)).audio
MP3_FRAME = 288  # bytes, at 32 kbit/s and 8 kHz


def refused(audio: bytes, label: str, limits: DecodeLimits | None = None) -> Rejection:
    media_type = media_type_of(label)
    rejection = decode(audio, media_type, limits or DecodeLimits())
    assert isinstance(rejection, Rejection), rejection
    assert rejection.stage == "decode"
    assert rejection.reason
    return rejection


def patched(audio: bytes, at: int, layout: str, *values: int | bytes) -> bytes:
    changed = bytearray(audio)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


def ogg_pages(audio: bytes) -> list[ogg.Page]:
    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    return pages


def with_head(audio: bytes, at: int, layout: str, *values: int | bytes) -> bytes:
    """Change the first packet of an OGG file and update the checksum of its page."""
    first = ogg_pages(audio)[0]
    page = ogg.sealed(patched(audio[: first.end], first.body + at, layout, *values))
    return page + audio[first.end :]


def flac_claiming(frames: int) -> bytes:
    packed = struct.unpack_from(">Q", FLAC, 18)[0] >> 36 << 36
    return patched(FLAC, 18, ">Q", packed | frames)


@pytest.mark.parametrize("label", ["audio/L16;rate=8000", "audio/PCMU", *FILES])
def test_empty_audio(label: str) -> None:
    assert refused(b"", label).code == "EmptyAudio"


@pytest.mark.parametrize("label", FILES)
@pytest.mark.parametrize(
    "raw", ["audio/L16;rate=8000", "audio/x-slin;rate=8000;channels=2", "audio/PCMU", "audio/PCMA"]
)
def test_a_file_that_is_labelled_as_raw_audio(label: str, raw: str) -> None:
    rejection = refused(FILES[label], raw)

    assert (rejection.code, rejection.field) == ("LabelMismatch", "content-type")
    assert f"label it {label.split(';', maxsplit=1)[0]}" in rejection.reason


@pytest.mark.parametrize("label", FILES)
@pytest.mark.parametrize(
    "audio", [b"\0", b"RIFF", b"\1 no audio at all, but long enough to be", CLIP.samples.tobytes()]
)
def test_no_container_at_all(label: str, audio: bytes) -> None:
    assert refused(audio, label).code == "UnknownContainer"


@pytest.mark.parametrize("label", FILES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_truncated_files(label: str, share: float) -> None:
    audio = FILES[label]
    if share > {"audio/mpeg": 0.99, "audio/ogg;codecs=opus": 0.8}.get(label, 1):
        return  # cut in their last frame or page: the others are whole

    assert refused(audio[: int(len(audio) * share)], label).code in {"TruncatedAudio", "CorruptAudio"}


@pytest.mark.parametrize("label", ["audio/flac", "audio/ogg", "audio/ogg;codecs=opus"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_one_flipped_bit_where_the_format_has_checksums(label: str, share: float) -> None:
    audio = bytearray(FILES[label])
    start = 8300 if label == "audio/flac" else 0  # libsndfile pads the FLAC header, which no checksum covers
    audio[start + int((len(audio) - start) * share)] ^= 0x10

    assert refused(bytes(audio), label).code in {"TruncatedAudio", "CorruptAudio"}


@pytest.mark.parametrize(
    ("audio", "label", "code"),
    [
        (b"abc", "audio/L16;rate=8000", "PartialFrame"),
        (b"abcdef", "audio/x-slin;rate=8000;channels=2", "PartialFrame"),
        (b"abc", "audio/PCMU;channels=2", "PartialFrame"),
    ],
)
def test_partial_frames(audio: bytes, label: str, code: str) -> None:
    assert refused(audio, label).code == code


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (patched(WAV[:-100], 4, "<I", len(WAV)), "TruncatedAudio"),  # both sizes beyond the end
        (patched(WAV[:-100], 40, "<I", len(WAV)), "TruncatedAudio"),  # as above, and they disagree
        (patched(WAV[:44], 40, "<I", 0), "EmptyAudio"),
        (patched(WAV[:44], 4, "<I", 0), "EmptyAudio"),
        (patched(WAV[:36] + b"data\0\0\0\0LIST\x04\0\0\0abcd", 4, "<I", 48), "EmptyAudio"),
        (patched(WAV, 20, "<H", 0x11), "UnsupportedEncoding"),  # IMA ADPCM
        (patched(WAV, 20, "<H", 0x55), "UnsupportedEncoding"),  # MP3 in WAV
        (patched(WAV, 20, "<H", 0xFFFE), "UnsupportedEncoding"),  # extensible, without the extension
        (patched(WAV, 32, "<HH", 8, 64), "UnsupportedEncoding"),
        (patched(WAV, 22, "<H", 0), "CorruptAudio"),
        (patched(WAV, 24, "<I", 4000), "UnsupportedRate"),
        (patched(WAV, 24, "<I", 96000), "UnsupportedRate"),
        (patched(patched(WAV, 22, "<H", 4), 32, "<H", 8), "UnsupportedChannels"),
        (patched(WAV, 12, "<4s", b"junk"), "CorruptAudio"),
        (WAV[:36], "TruncatedAudio"),
        # With names, as libsndfile writes the time into these files, and tests have the same names in every process.
        pytest.param(write_sound(np.array([0.1, np.nan], np.float32), 8000, "WAV", "FLOAT"), "CorruptAudio", id="nan"),
        pytest.param(write_sound(np.array([0.1, -np.inf]), 8000, "WAV", "DOUBLE"), "CorruptAudio", id="infinity"),
    ],
)
def test_wav_headers(audio: bytes, code: str) -> None:
    assert refused(audio, "audio/wav").code == code


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (flac_claiming(8000 * 3600 * 100), "AudioTooLong"),
        (flac_claiming((1 << 36) - 1), "AudioTooLong"),
        (flac_claiming(8001), "TruncatedAudio"),
        (patched(FLAC, 26, "<Q", 1), "CorruptAudio"),  # MD5
        (patched(FLAC, 4, ">I", 0x04000022), "CorruptAudio"),  # the first block is a comment
        (patched(FLAC, 42, ">I", 0x84FFFFFF), "TruncatedAudio"),  # the second block leaves the file
        (FLAC[:20], "TruncatedAudio"),
        (write_sound(CLIP.samples, 4000, "FLAC", "PCM_16"), "UnsupportedRate"),
        (write_sound(CLIP.samples, 96000, "FLAC", "PCM_16"), "UnsupportedRate"),
        (write_sound(CLIP.samples.reshape(-1, 4), 8000, "FLAC", "PCM_16"), "UnsupportedChannels"),
    ],
)
def test_flac_headers(audio: bytes, code: str) -> None:
    assert refused(audio, "audio/flac").code == code


def test_flac_without_samples() -> None:
    only_header = patched(flac_claiming(0)[:42], 4, ">B", 0x80)

    assert refused(only_header, "audio/flac").code == "EmptyAudio"


def test_ogg_without_a_whole_page_of_audio() -> None:
    pages = ogg_pages(OPUS)

    assert refused(OPUS[: pages[2].start], "audio/ogg").code == "TruncatedAudio"
    assert refused(OPUS[: pages[2].end - 1], "audio/ogg").code == "TruncatedAudio"


def test_ogg_without_a_page() -> None:
    long = encode_as(speech(40), "audio/ogg;codecs=opus")
    lost = ogg_pages(long)[3]

    assert refused(long[: lost.start] + long[lost.end :], "audio/ogg").code == "CorruptAudio"


def test_ogg_of_two_streams() -> None:
    assert refused(OPUS + OGG, "audio/ogg").code == "UnsupportedEncoding"


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (with_head(OPUS, 0, "<8s", b"Speex   "), "UnsupportedEncoding"),
        (with_head(OPUS, 8, "<B", 0x20), "UnsupportedEncoding"),
        (with_head(OPUS, 18, "<B", 1), "UnsupportedEncoding"),
        (with_head(TWO_STREAMS, 18, "<B", 2), "UnsupportedEncoding"),
        (with_head(TWO_STREAMS, 19, "<B", 3), "CorruptAudio"),
        (with_head(TWO_STREAMS, 21, "<B", 2), "CorruptAudio"),
        (with_head(OPUS, 9, "<B", 5), "UnsupportedChannels"),
        (with_head(OPUS, 9, "<B", 0), "UnsupportedChannels"),
        (with_head(OGG, 12, "<I", 96000), "UnsupportedRate"),
        (with_head(OGG, 12, "<I", 0), "UnsupportedRate"),
        (with_head(OGG, 11, "<B", 6), "UnsupportedChannels"),
        (patched(OGG, 4, "<B", 1), "UnknownContainer"),
    ],
)
def test_ogg_headers(audio: bytes, code: str) -> None:
    assert refused(audio, "audio/ogg").code == code


def test_opus_of_six_channels() -> None:
    first = ogg_pages(TWO_STREAMS)[0]
    head = TWO_STREAMS[first.body : first.end]
    six = head[:9] + bytes([6]) + head[10:19] + bytes([4, 2, 0, 4, 1, 2, 3, 5])
    page = TWO_STREAMS[: first.body - 1] + bytes([len(six)]) + six

    assert refused(ogg.sealed(page) + TWO_STREAMS[first.end :], "audio/ogg").code == "UnsupportedChannels"


def test_ogg_that_claims_hours() -> None:
    last = ogg_pages(OPUS)[-1]
    page = ogg.sealed(patched(OPUS[last.start :], 6, "<q", 48000 * 3600 * 100))

    assert refused(OPUS[: last.start] + page, "audio/ogg").code == "AudioTooLong"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda audio: b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + audio, "TruncatedAudio"),
        (lambda audio: b"ID3\x04\0\0\0\0\0\x04junk" + b"no frame", "CorruptAudio"),
        (lambda audio: audio[-MP3_FRAME:] + b"no frame", "CorruptAudio"),
        (lambda audio: audio + encode_as(speech(0.5, 16000), "audio/mpeg"), "UnsupportedEncoding"),
        (lambda audio: audio[:-1000], "TruncatedAudio"),  # several frames less than the Xing header counts
        (lambda audio: audio[: -5 * MP3_FRAME] + b"damage" + audio[-5 * MP3_FRAME :], "CorruptAudio"),
    ],
)
def test_mp3_streams(change: Callable[[bytes], bytes], code: str) -> None:
    start = next(at for at in range(len(MP3)) if MP3[at] == 0xFF and MP3[at + 1] & 0xE0 == 0xE0)

    assert refused(change(MP3[start:]), "audio/mpeg").code == code


@pytest.mark.parametrize("label", ["audio/L16;rate=8000", "audio/x-slin;rate=8000", "audio/PCMU", *FILES])
def test_too_long(label: str) -> None:
    audio = encode_as(CLIP, label)

    assert refused(audio, label, DecodeLimits(max_pcm_bytes=15_000)).code == "AudioTooLong"


def test_flac_of_silence_without_a_total_stops_at_the_limit() -> None:
    silence = np.zeros(2_000_000, np.int16)
    audio = write_sound(silence, 8000, "FLAC", "PCM_16")
    packed = struct.unpack_from(">Q", audio, 18)[0] >> 36 << 36
    endless = patched(audio, 18, ">Q", packed)

    assert refused(endless, "audio/flac", DecodeLimits(max_pcm_bytes=1_000_000)).code == "AudioTooLong"


def test_narrower_limits_hold_for_raw_audio_too() -> None:
    assert refused(bytes(8), "audio/L16;rate=48000", DecodeLimits(max_rate=16000)).code == "UnsupportedRate"
    assert refused(bytes(8), "audio/PCMU;channels=2", DecodeLimits(max_channels=1)).code == "UnsupportedChannels"
