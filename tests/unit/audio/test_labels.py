"""Labels of raw audio are corrected if the signal shows that they are wrong, and only then."""

from itertools import permutations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.labels import true_media_type
from tests.support import telephony
from tests.support.signals import clip_of, encode_as, speech

TYPES = ("audio/L16", "audio/x-slin", "audio/PCMU", "audio/PCMA")


MISLABELLED = tuple(permutations(TYPES, 2))


def label(name: str, clip: Clip) -> MediaType:
    return MediaType(name, (("rate", str(clip.rate)), ("channels", str(clip.channels))))


def judged(clip: Clip, is_a: str, labelled: str) -> MediaType:
    return true_media_type(encode_as(clip, str(label(is_a, clip))), label(labelled, clip))


def square(amplitude: int, period: int) -> Clip:
    return clip_of(np.where(np.arange(8000) % period < period / 2, amplitude, -amplitude - 1).astype(np.int16))


def stereo_noise(rms: float) -> NDArray[np.int16]:
    return np.clip(np.random.default_rng(0).normal(0, rms, (12_000, 2)), -32768, 32767).astype(np.int16)


def clipped(clip: Clip, share: float) -> NDArray[np.int16]:
    """Low-pass filter, as real speech has less treble, then amplify until this share of samples is at full scale."""
    dull = np.apply_along_axis(np.convolve, 0, clip.samples.astype(np.float64), np.hanning(9), "same")
    gain = 32_768 / np.quantile(np.abs(dull), 1 - share)
    loud: NDArray[np.int16] = np.clip(np.rint(dull * gain), -32768, 32767).astype(np.int16)
    return loud


RIGHT = {
    "speech": speech(1),
    "short speech": speech(0.1),
    "wide stereo speech": speech(1, 44_100, 2),
    "one silent channel": clip_of(np.stack([speech(1).samples[:, 0], np.zeros(8000, np.int16)], axis=1)),
    "quiet speech": clip_of((speech(1).samples // 64).astype(np.int16)),
    "clipped speech": clip_of(clipped(speech(1), 0.5)),
    "mostly clipped speech": clip_of(clipped(speech(1), 0.8)),
    "clipped stereo speech": clip_of(clipped(speech(1, channels=2), 0.5)),
    "clipped music": telephony.clip(telephony.music(1) * 12),
    "music": telephony.clip(telephony.music(1)),
    "digits": telephony.clip(*(telephony.digit(key, 0.05) for key in telephony.KEYS)),
    "silence": clip_of(np.zeros(8000, np.int16)),
    "one step": square(0, 16),
    "loud square": square(32_767, 8),
    "square": square(1000, 50),
    "white noise": telephony.clip(telephony.noise(1, 6000)),
    "clipped noise": telephony.clip(telephony.noise(1, 60_000)),
    "clipped wide stereo noise": clip_of(stereo_noise(40_000), 48_000),
    "clipped tone in noise": telephony.clip(telephony.sines((1000,), 1, amplitude=100_000) + telephony.noise(1, 3000)),
    "low noise": telephony.clip(telephony.noise(1, 3)),
    "wide noise": telephony.clip(telephony.noise(0.5, 2000, 48_000), rate=48_000),
    "steady level": clip_of(np.full(8000, 1234, np.int16)),
    "clicks": telephony.clip(np.where(np.arange(8000) % 701 == 0, 20_000.0, 0.0)),
    "modem": telephony.clip(telephony.modem(1, 2400, 1800)),
    "fax preamble": telephony.clip(telephony.keyed(1, 1650, 1850, [0, 1, 1, 1, 1, 1, 1, 0])),
} | {
    f"{hertz} Hz at {level}": telephony.clip(telephony.sines((hertz,), 1, amplitude=level))
    for hertz, level in product((50, 425, 1000, 1100, 2000, 2100, 3400, 3999), (3, 300, 10_000, 60_000))
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("clip", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_label_is_kept(clip: Clip, name: str) -> None:
    assert judged(clip, name, name) == label(name, clip)


@pytest.mark.parametrize("seconds", [0.5, 1, 20])
@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_mislabelled_speech_is_corrected(is_a: str, labelled: str, seconds: float) -> None:
    for seed in range(4):
        clip = speech(seconds, seed=seed)

        assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8000, 2), (48_000, 2)])
@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_rate_and_channels_of_the_label_are_kept(is_a: str, labelled: str, rate: int, channels: int) -> None:
    clip = speech(1, rate, channels)

    assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_mislabelled_music_is_corrected(is_a: str, labelled: str) -> None:
    clip = telephony.clip(telephony.music(1))

    assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_speech_with_half_of_its_samples_clipped_is_corrected(is_a: str, labelled: str, channels: int) -> None:
    for seed in range(4):
        clip = clip_of(clipped(speech(1, seed=seed, channels=channels), 0.5))

        assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_speech_on_one_side_of_a_call_or_on_both_alike_is_corrected(is_a: str, labelled: str) -> None:
    for seed in range(4):
        voice = speech(1, seed=seed).samples[:, 0]
        for sides in ((voice, np.zeros_like(voice)), (np.zeros_like(voice), voice), (voice, voice)):
            clip = clip_of(np.stack(sides, axis=1))

            assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
def test_speech_is_found_in_long_silence(is_a: str, labelled: str) -> None:
    clip = telephony.clip(telephony.silence(40), speech(1).samples[:, 0].astype(float), telephony.silence(40))

    assert judged(clip, is_a, labelled) == label(is_a, clip)


@pytest.mark.parametrize(("is_a", "labelled"), MISLABELLED)
@pytest.mark.parametrize("clip", [clip_of(np.zeros(8000, np.int16)), speech(0.02), square(32_767, 8)])
def test_a_label_is_kept_where_the_signal_decides_nothing(clip: Clip, is_a: str, labelled: str) -> None:
    assert judged(clip, is_a, labelled) == label(labelled, clip)


def test_an_odd_number_of_bytes_can_only_be_g711() -> None:
    clip = clip_of(speech(1).samples[:-1])
    audio = encode_as(clip, "audio/PCMU")

    assert len(audio) % 2 == 1
    assert true_media_type(audio, label("audio/L16", clip)) == label("audio/PCMU", clip)
    linear = encode_as(speech(1), "audio/L16;rate=8000") + b"\0"
    assert true_media_type(linear, MediaType("audio/PCMU")) == MediaType("audio/PCMU")


@pytest.mark.parametrize("audio", [b"", b"\0", b"\xff" * 127, bytes(100_000)])
@pytest.mark.parametrize("name", TYPES)
def test_too_little_is_no_evidence(audio: bytes, name: str) -> None:
    media_type = label(name, speech(0.01))

    assert true_media_type(audio, media_type) == media_type


def test_a_rate_that_was_left_to_a_default_is_written_out() -> None:
    audio = encode_as(speech(1), "audio/x-slin;rate=8000")

    assert str(true_media_type(audio, MediaType("audio/PCMU"))) == "audio/x-slin;rate=8000"


def test_labels_of_files_are_kept() -> None:
    wav = MediaType("audio/wav", (("codecs", "1"),))

    assert true_media_type(encode_as(speech(1), "audio/PCMU"), wav) is wav
