"""GSM 06.10 and G.722 are decoded to the right samples, in the decoder sandbox as well."""

from collections.abc import Iterator

import numpy as np
import pytest

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.audio.clip import SourceFormat
from streams.sandbox import DecoderSandbox
from tests.support.coded import g722, gsm
from tests.support.signals import encode_as, media_type_of, speech, write_sound

NARROW, WIDE = speech(1), speech(1, 16000)
GSM, G722, WAV = MediaType("audio/GSM"), MediaType("audio/G722"), MediaType("audio/wav")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1) as started:
        yield started


def clip(audio: bytes, media_type: MediaType) -> Clip:
    result = decode(audio, media_type)
    assert isinstance(result, Clip), result
    return result


def code(audio: bytes, media_type: MediaType, limits: DecodeLimits | None = None) -> str:
    result = decode(audio, media_type, limits or DecodeLimits())
    assert isinstance(result, Rejection)
    return result.code


def alike(one: Clip, other: Clip, delay: int = 0) -> float:
    first, second = one.samples[delay:, 0], other.samples[: other.frames - delay, 0]
    return float(np.corrcoef(first[: len(second)], second[: len(first)])[0, 1])


def test_gsm() -> None:
    result = clip(gsm(NARROW), GSM)

    assert (result.rate, result.channels, result.frames) == (8000, 1, 8000)
    assert result.source == SourceFormat("raw", "gsm", 16)
    assert alike(result, NARROW) > 0.8


@pytest.mark.parametrize("label", ["audio/PCMU", "audio/PCMA", "audio/x-slin;rate=8000", "audio/G722", "audio/wav"])
def test_gsm_under_another_label_is_named(label: str) -> None:
    media_type = media_type_of(label)
    result = decode(gsm(NARROW)[: 33 * 40], media_type)

    assert isinstance(result, Rejection)
    assert result.code == "LabelMismatch"
    assert result.reason.startswith("this is GSM 06.10, labelled ")


@pytest.mark.parametrize("silence", [b"\xd5", b"\xd5\xd4\xd5\xd5", b"\xd5\x55"])
def test_silence_in_a_law_is_not_gsm(silence: bytes) -> None:
    clip(silence * 4000, MediaType("audio/PCMA"))


@pytest.mark.parametrize("parameters", [(), (("rate", "8000"),), (("rate", "16000"),), (("channels", "1"),)])
def test_g722_has_16_khz_whatever_clock_the_label_names(parameters: tuple[tuple[str, str], ...]) -> None:
    result = clip(g722(WIDE), MediaType("audio/G722", parameters))

    assert (result.rate, result.channels, result.frames) == (16000, 1, 16000)
    assert result.source == SourceFormat("raw", "g722", 16)
    assert alike(result, WIDE, 22) > 0.95  # the delay of the codec's filters


def test_wav49_and_raw_gsm_have_the_same_samples() -> None:
    in_wav = clip(write_sound(NARROW.samples, 8000, "WAV", "GSM610"), WAV)

    assert in_wav.source == SourceFormat("wav", "gsm", 16)
    assert (in_wav.samples == clip(gsm(NARROW), GSM).samples).all()


def test_the_sandbox_decodes_what_decode_decodes(sandbox: DecoderSandbox) -> None:
    for audio, media_type in (
        (gsm(NARROW), GSM),
        (g722(WIDE), G722),
        (write_sound(NARROW.samples, 8000, "WAV", "GSM610"), WAV),
        (gsm(NARROW) + b"half", GSM),
    ):
        here, there = clip(audio, media_type), sandbox.decode(audio, media_type)
        assert isinstance(there, Clip), there
        assert (there.pcm_sha256, there.rate, there.source) == (here.pcm_sha256, here.rate, here.source)


def test_a_frame_of_gsm_that_is_not_whole_is_left_out() -> None:
    whole = gsm(NARROW)

    result = clip(whole[:-1], GSM)

    assert result.frames == 8000 - 160
    assert result.source.repairs == ("partial-frame",)
    assert (result.samples == clip(whole, GSM).samples[:-160]).all()


@pytest.mark.parametrize("zeros", [33, 34, 4096])
def test_zeros_behind_the_last_frame_of_gsm_are_no_audio(zeros: int) -> None:
    result = clip(gsm(NARROW) + bytes(zeros), GSM)

    assert (result.samples == clip(gsm(NARROW), GSM).samples).all()
    assert result.source.repairs == ("trailing-bytes",)


@pytest.mark.parametrize(
    ("audio", "media_type", "refused"),
    [
        (b"", GSM, "EmptyAudio"),
        (b"\xd2" * 32, GSM, "TruncatedAudio"),
        (encode_as(NARROW, "audio/PCMU"), GSM, "CorruptAudio"),
        (gsm(NARROW)[1:], GSM, "CorruptAudio"),
        (gsm(NARROW)[:330] + bytes(33) + gsm(NARROW)[330:], GSM, "CorruptAudio"),
        (encode_as(NARROW, "audio/wav"), GSM, "LabelMismatch"),
        (encode_as(NARROW, "audio/flac"), G722, "LabelMismatch"),
    ],
)
def test_what_is_no_such_audio_is_refused(audio: bytes, media_type: MediaType, refused: str) -> None:
    assert code(audio, media_type) == refused


def test_limits_hold_before_decoding() -> None:
    limits = DecodeLimits(max_pcm_bytes=15_000)

    assert code(gsm(NARROW), GSM, limits) == "AudioTooLong"
    assert code(g722(WIDE), G722, limits) == "AudioTooLong"
    assert code(write_sound(NARROW.samples, 8000, "WAV", "GSM610"), WAV, limits) == "AudioTooLong"
