"""Guarantees of compression: bit-exact if lossless, never larger than the input, deterministic."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scripts.benchmarks.codecs.dtmf import decode_digits, digits
from streams.analysis.analysis import analyse_lazily
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import Encoded
from streams.compression import DEFAULT_POLICY, Plan, Policy, choose, encode, smallest
from tests.support.signals import MEDIA_TYPES, clip_of, encode_as, media_type_of, speech, write_sound

LEVELS = (1, 2, 3, 4, 5)


def decoded(audio: bytes, label: str) -> Clip:
    clip = decode(audio, media_type_of(label))
    assert isinstance(clip, Clip), clip
    return clip


def planned(clip: Clip, level: int | None = None, policy: Policy = DEFAULT_POLICY) -> Plan:
    return choose(clip, analyse_lazily(clip), policy, fixed_level=level).plan


def compressed(audio: bytes, label: str, level: int | None, policy: Policy = DEFAULT_POLICY) -> Encoded:
    clip = decoded(audio, label)
    return smallest(encode(clip, planned(clip, level, policy)), clip, audio, media_type_of(label), policy)


def as_file_bytes(audio: bytes, label: str) -> int:
    header = {"audio/L16": 44, "audio/x-slin": 44, "audio/PCMU": 58, "audio/PCMA": 58}
    kind = label.split(";", maxsplit=1)[0]
    return header[kind] + len(audio) + len(audio) % 2 if kind in header else len(audio)


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("label", MEDIA_TYPES)
def test_lossless_levels_are_bit_exact(label: str, level: int) -> None:
    audio = encode_as(speech(1.5), label)

    result = compressed(audio, label, level)

    assert result.quality == 5.0
    assert decoded(result.audio, result.content_type).pcm_sha256 == decoded(audio, label).pcm_sha256


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("label", MEDIA_TYPES)
def test_duration_is_kept(label: str, level: int) -> None:
    audio = encode_as(speech(0.777), label)

    result = compressed(audio, label, level)

    assert decoded(result.audio, result.content_type).frames == 6216


@pytest.mark.parametrize(
    ("subtype", "container"), [("PCM_24", "WAV"), ("PCM_32", "WAV"), ("FLOAT", "WAV"), ("PCM_24", "FLAC")]
)
@pytest.mark.parametrize("level", [1, 2])
def test_deeper_sources_keep_their_bits(level: int, subtype: str, container: str) -> None:
    deep = np.random.default_rng(1).uniform(-0.5, 0.5, 8000)
    audio = write_sound(deep, 8000, container, subtype)

    result = compressed(audio, f"audio/{container.lower()}", level)

    assert result.audio == audio
    assert (result.content_type, result.quality) == (f"audio/{container.lower()}", 5.0)


def test_deeper_sources_may_lose_them_with_loss() -> None:
    audio = write_sound(speech(1).samples.astype(np.int32) << 16, 8000, "WAV", "PCM_24")

    assert compressed(audio, "audio/wav", 3).codec == "opus"


def test_deep_silence_is_kept_too() -> None:
    audio = write_sound(np.zeros(8000, np.int32), 8000, "WAV", "PCM_24")

    assert compressed(audio, "audio/wav", 2).audio == audio


@pytest.mark.parametrize(("label", "law"), [("audio/PCMU", "pcmu"), ("audio/PCMA", "pcma")])
def test_g711_keeps_its_very_bytes_at_level_1(label: str, law: str) -> None:
    audio = bytes(range(256)) * 3 + b"\x7f"  # both zeros of µ-law among them

    result = compressed(audio, label, 1)

    assert (result.content_type, result.codec) == ("audio/wav", law)
    assert result.audio[58:] == audio + b"\0"  # an odd chunk is padded


@pytest.mark.parametrize("label", ["audio/PCMU", "audio/PCMA"])
def test_silent_g711_is_smaller_as_flac(label: str) -> None:
    audio = encode_as(clip_of(np.zeros(8000, np.int16)), label)

    assert compressed(audio, label, 1).codec != "flac"
    assert compressed(audio, label, 2).codec == "flac"


@pytest.mark.parametrize(
    ("label", "codec"),
    [("audio/ogg", "vorbis"), ("audio/ogg;codecs=opus", "opus"), ("audio/mpeg", "mpeg"), ("audio/flac", "flac")],
)
def test_small_files_are_kept_as_they_are(label: str, codec: str) -> None:
    audio = encode_as(speech(1), label)
    smaller = label if label != "audio/ogg" else "audio/ogg;codecs=vorbis"
    clip = decoded(audio, label)
    larger = Encoded(bytes(len(audio)), "audio/wav", "pcm", "test", 4.0)

    result = smallest(larger, clip, audio, media_type_of(label))

    assert (result.audio, result.content_type, result.codec, result.quality) == (audio, smaller, codec, 5.0)


@pytest.mark.parametrize(
    ("label", "size"), [(MEDIA_TYPES[0], 46), (MEDIA_TYPES[1], 46), ("audio/PCMU", 60), ("audio/PCMA", 60)]
)
@pytest.mark.parametrize("level", LEVELS)
def test_one_raw_sample_stays_tiny_and_exact(label: str, size: int, level: int) -> None:
    audio = encode_as(clip_of(np.array([-1000], np.int16)), label)

    result = compressed(audio, label, level)

    assert len(result.audio) <= size
    assert result.quality == 5.0
    assert decoded(result.audio, result.content_type).pcm_sha256 == decoded(audio, label).pcm_sha256


@st.composite
def signals(draw: st.DrawFn) -> NDArray[np.int16]:
    """Noise, silence, tones, steps: short and long, mono and stereo."""
    frames, channels = draw(st.sampled_from([1, 2, 3, 20, 160, 500, 4000])), draw(st.integers(1, 2))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    loudness = draw(st.sampled_from([0, 1, 50, 32767]))
    match draw(st.sampled_from(["noise", "tone", "constant"])):
        case "noise":
            return random.integers(-loudness, loudness + 1, (frames, channels), np.int16)
        case "tone":
            wave = loudness * np.sin(np.arange(frames) * random.uniform(0.01, 3))
            return np.repeat(wave.astype(np.int16)[:, None], channels, axis=1)
        case _:
            return np.full((frames, channels), loudness, np.int16)


@given(
    samples=signals(),
    rate=st.sampled_from([8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]),
    kind=st.sampled_from(["audio/L16", "audio/x-slin", "audio/PCMU", "audio/PCMA", *MEDIA_TYPES[4:]]),
    level=st.sampled_from(LEVELS),
)
@settings(max_examples=150)
def test_never_larger(samples: NDArray[np.int16], rate: int, kind: str, level: int) -> None:
    label = kind if kind in MEDIA_TYPES[4:] else f"{kind};rate={rate};channels={samples.shape[1]}"
    audio = encode_as(clip_of(samples, rate), label)
    source = decoded(audio, label)

    result = compressed(audio, label, level)

    assert len(result.audio) <= as_file_bytes(audio, label)
    output = decoded(result.audio, result.content_type)
    assert abs(output.frames / output.rate - source.frames / source.rate) * source.rate <= 1
    if result.quality == 5.0:
        assert output.pcm_sha256 == source.pcm_sha256


def digests() -> list[str]:
    clips = [speech(1), speech(0.5, 16000, 2), speech(0.5, 44100)]
    return [
        hashlib.sha256(encode(clip, planned(clip, level)).audio + planned(clip, level).profile.encode()).hexdigest()
        for clip in clips
        for level in LEVELS
    ]


def test_bytes_and_profiles_are_the_same_in_another_process() -> None:
    code = "from tests.unit.compression.test_compress import digests; print(*digests())"

    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert fresh.stdout.split() == digests() == digests()


ACCEPTED = ("audio/wav", "audio/mpeg", "audio/flac", "audio/ogg;codecs=opus", "audio/ogg;codecs=vorbis")


@pytest.mark.parametrize("accepted", ACCEPTED)
@pytest.mark.parametrize("level", [None, 1, 5])
@pytest.mark.parametrize("label", MEDIA_TYPES)
def test_a_policy_gets_the_type_that_it_accepts(label: str, level: int | None, accepted: str) -> None:
    lossless_only = level == 1 and accepted not in {"audio/wav", "audio/flac"}

    result = compressed(encode_as(speech(2), label), label, level, Policy(1, accept=(accepted,)))

    assert result.content_type == accepted or (lossless_only and result.content_type in {"audio/wav", "audio/flac"})
    assert decoded(result.audio, result.content_type).frames == 16_000


def test_an_input_of_a_type_that_is_not_accepted_is_not_kept() -> None:
    audio = encode_as(speech(2), "audio/ogg;codecs=opus")
    clip = decoded(audio, "audio/ogg")
    larger = Encoded(bytes(len(audio) + 1), "audio/mpeg", "mpeg", "test", 4.0)
    enormous = replace(larger, audio=bytes(10 * clip.samples.nbytes))

    def kept(encoded: Encoded, *accept: str) -> Encoded:
        return smallest(encoded, clip, audio, media_type_of("audio/ogg"), Policy(1, accept=accept))

    assert kept(larger, "audio/mpeg") == larger
    assert kept(larger, "audio/mpeg", "audio/ogg").audio == audio
    assert kept(larger, "audio/mpeg", "audio/ogg;codecs=vorbis") == larger
    assert kept(larger, "audio/mpeg", "audio/wav") == larger
    assert kept(enormous, "audio/mpeg", "audio/wav").codec == "pcm"


def test_depth_that_must_not_be_lost_is_kept_even_where_its_type_is_not_accepted() -> None:
    deep = np.random.default_rng(1).uniform(-0.5, 0.5, 8000)
    audio = write_sound(deep, 8000, "FLAC", "PCM_24")

    assert compressed(audio, "audio/flac", None, Policy(1, accept=("audio/wav",), legal_hold=True)).audio == audio


@pytest.mark.parametrize("level", [3, 4, 5])
@pytest.mark.parametrize("accepted", ["audio/ogg;codecs=opus", "audio/ogg;codecs=vorbis", "audio/mpeg"])
def test_digits_stay_decodable(accepted: str, level: int) -> None:
    keys = "0123456789*#ABCD"
    voice = speech(2.5, seed=5).samples // 8
    dialled = [digits(keys), digits(keys, tone_ms=45, pause_ms=45), digits(keys, level_dbfs=-30)]
    dialled.append(clip_of(dialled[0].samples[: len(voice)] + voice[: dialled[0].frames]))

    for clip in dialled:
        assert decode_digits(clip.samples[:, 0], 8000) == keys
        encoded = encode(clip, planned(clip, level, Policy(1, accept=(accepted,))))
        result = decoded(encoded.audio, encoded.content_type)
        assert decode_digits(result.samples[:, 0], result.rate) == keys, (encoded, clip.frames)


def test_the_result_has_the_predicted_quality() -> None:
    qualities = [encode(clip, planned(clip, level)).quality for clip in [speech(2)] for level in LEVELS]

    assert qualities[:2] == [5.0, 5.0]
    assert 4.55 > qualities[2] > qualities[3] > qualities[4] >= 3.5


def test_levels_get_smaller() -> None:
    audio = encode_as(speech(10), "audio/wav")

    sizes = [len(compressed(audio, "audio/wav", level).audio) for level in LEVELS]

    assert sizes == sorted(sizes, reverse=True)


def test_threads_do_not_disturb_each_other() -> None:
    inputs = [(encode_as(speech(0.3, seed=seed), label), label) for seed in range(3) for label in MEDIA_TYPES]
    work = [(audio, label, level) for audio, label in inputs for level in (1, 2, 3)]

    alone = [compressed(*item) for item in work]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda item: compressed(*item), work))

    assert together == alone


def test_a_long_call_is_as_long_afterwards() -> None:
    audio = np.tile(speech(10).samples, (70, 1)).tobytes()  # more than the encoders take at a time

    for level in (1, 2, 3):  # those above write the same format as 3
        result = compressed(audio, "audio/x-slin;rate=8000", level)
        assert decoded(result.audio, result.content_type).frames == 70 * 80_000
