"""Recordings are compressed like clips: by the same rules, into files with the same audio."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas import MediaType, Policy, Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.audio.blocks import AudioBlocks
from streams.codecs import Encoded
from streams.compression.recordings import RecordingCancelledError, compress_recording, in_threads
from tests.support import telephony
from tests.support.signals import clip_of, encode_as, media_type_of
from tests.unit.recordings.clips import (
    as_clip,
    compress,
    compressed,
    decoded,
    slin,
    talk,
)

CHUNK = 42 * 576
"""Frames of a FLAC chunk of 3 s at 8 kHz."""

LENGTHS = (1, 2, 575, 576, 577, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 4321)

MP3, VORBIS = "audio/mpeg", "audio/ogg;codecs=vorbis"


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("frames", LENGTHS)
def test_flac_is_the_file_that_a_clip_gets(tmp_path: Path, frames: int, level: int) -> None:
    clip = talk(frames)

    result = compressed(tmp_path, *slin(clip), level=level)

    decision, expected = as_clip(*slin(clip), level=level)
    assert result.audio == expected.audio
    assert result.recording.decision == decision
    assert result.recording.metadata == clip.metadata
    assert result.recording.size == len(expected.audio)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level", [3, 4, 5])
def test_opus_has_the_settings_and_the_length_that_a_clip_gets(tmp_path: Path, level: int, channels: int) -> None:
    clip = talk(8000 * 10 + 77, channels=channels)

    result = compressed(tmp_path, *slin(clip), level=level)

    decision, expected = as_clip(*slin(clip), level=level)
    assert result.recording.decision == decision
    assert result.recording.encoded == replace(expected, audio=b"")
    assert result.recording.size == pytest.approx(len(expected.audio), rel=0.05)
    assert result.decoded.samples.shape == clip.samples.shape


@pytest.mark.parametrize("frames", [1, 480, *range(24_000 - 500, 24_000, 61), 23_947, 23_948, 24_000, 48_000 + 420])
def test_opus_of_any_length_is_gapless(tmp_path: Path, frames: int) -> None:
    clip = talk(frames)

    result = compressed(tmp_path, *slin(clip), level=3)

    assert result.recording.encoded.codec == "opus" or frames < 100
    assert result.decoded.frames == frames


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100])
@pytest.mark.parametrize("accept", ["audio/wav", MP3, VORBIS, "audio/flac"])
def test_every_format_by_policy(tmp_path: Path, accept: str, rate: int) -> None:
    clip = talk(rate * 4 + 17, rate)
    policy = Policy(version=1, accept=(accept,))

    result = compressed(tmp_path, *slin(clip), policy=policy, level=3)

    decision, expected = as_clip(*slin(clip), policy=policy, level=3)
    assert result.recording.decision == decision
    assert result.recording.encoded == replace(expected, audio=b"")
    if accept == VORBIS:  # but for the serial number of its stream
        assert np.array_equal(result.decoded.samples, _decoded(expected).samples)
    else:
        assert result.audio == expected.audio


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000])
def test_opus_at_other_rates(tmp_path: Path, rate: int) -> None:
    clip = talk(rate * 4 + 1, rate)

    result = compressed(tmp_path, *slin(clip), level=3)

    decision, expected = as_clip(*slin(clip), level=3)
    assert result.recording.decision == decision
    assert result.decoded.frames == _decoded(expected).frames


def test_the_result_does_not_depend_on_threads(tmp_path: Path) -> None:
    audio, label = slin(talk(8000 * 12 + 5, channels=2))
    one = {level: compressed(tmp_path, audio, label, level=level) for level in (2, 3, 5)}

    with ThreadPoolExecutor(3) as executor:
        helpers = iter([3, 0, 1, 2] * 1000)
        for level, expected in one.items():
            assert compressed(tmp_path, audio, label, level=level) == expected
            run_chunks = in_threads(executor, lambda: next(helpers))
            assert compressed(tmp_path, audio, label, level=level, run_chunks=run_chunks) == expected


def test_g711_stays_g711_and_the_smaller_file_is_used(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 256, 8000 * 7 + 1, dtype=np.uint8).tobytes()
    for level in (1, 2):
        result = compressed(tmp_path, codes, "audio/PCMU", level=level)

        decision, expected = as_clip(codes, "audio/PCMU", level=level)
        assert result.recording.decision == decision
        assert result.audio == expected.audio
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["input", "output"]


@pytest.mark.parametrize("label", ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg"])
def test_an_input_that_is_smaller_is_kept(tmp_path: Path, label: str) -> None:
    audio = encode_as(talk(8000 * 5), label)
    policy = Policy(version=1, accept=("audio/wav", "audio/mpeg", "audio/flac", "audio/ogg"), legal_hold=True)

    result = compressed(tmp_path, audio, label, policy=policy)

    decision, expected = as_clip(audio, label, policy=policy, level=None)
    assert result.recording.decision == decision
    assert result.recording.encoded == replace(expected, audio=b"")
    assert result.audio == expected.audio


def test_a_fax_in_the_last_minute_decides_for_all(tmp_path: Path) -> None:
    clip = telephony.clip(telephony.noise(70, 100), telephony.modem(4, 2400, 1800))

    assert compressed(tmp_path, *slin(clip)).recording.decision.reason == "fax"


def test_a_wrong_label_is_corrected(tmp_path: Path) -> None:
    clip = talk(8000 * 10)

    result = compressed(tmp_path, clip.samples.tobytes(), "audio/L16;rate=8000", level=1)

    assert str(result.recording.metadata.source.corrected) == "audio/x-slin;rate=8000"
    assert np.array_equal(result.decoded.samples, clip.samples)


@pytest.mark.parametrize(
    ("audio", "label"),
    [
        (b"", "audio/wav"),
        (bytes(1000), "audio/wav"),
        (b"\0\1" * 8000 + b"\0", "audio/x-slin;rate=8000"),
        (encode_as(clip_of(np.ones(8000, np.int16), 8000), "audio/flac")[:-20], "audio/flac"),
        (encode_as(clip_of(np.ones(8000, np.int16), 8000), "audio/wav")[:-20], "audio/wav"),
        (encode_as(clip_of(np.ones(8000, np.int16), 8000), "audio/wav"), "audio/x-slin;rate=8000"),
    ],
)
def test_what_is_refused_as_a_clip_is_refused_for_the_same_reason(tmp_path: Path, audio: bytes, label: str) -> None:
    refused = decode(audio, media_type_of(label))
    assert isinstance(refused, Rejection)

    assert compress(tmp_path, audio, label) == refused


@pytest.mark.parametrize("at", [0.0, 0.5])
def test_it_can_be_cancelled_in_both_passes(tmp_path: Path, at: float) -> None:
    source = tmp_path / "input"
    audio, label = slin(talk(8000 * 120))
    source.write_bytes(audio)
    calls: list[None] = []

    def cancelled() -> bool:
        calls.append(None)
        return len(calls) > 2 * at * 8

    with pytest.raises(RecordingCancelledError):
        compress_recording(
            source, media_type_of(label), tmp_path / "output", policy=Policy(version=1), cancelled=cancelled
        )


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_while_a_file_is_read_before_its_audio_it_makes_progress_and_can_be_cancelled(
    tmp_path: Path, is_cancelled: bool
) -> None:
    told: list[tuple[float, float | None]] = []

    def opens(
        descriptor: int, label: MediaType, limits: DecodeLimits, on_wait: Callable[[bool], None]
    ) -> AudioBlocks | Rejection:
        on_wait(False)
        assert not told
        on_wait(True)
        assert told == [(0.0, None)]
        raise EndedError(descriptor, label, limits)

    source = tmp_path / "input"
    source.write_bytes(b"some")
    with pytest.raises(RecordingCancelledError if is_cancelled else EndedError):
        compress_recording(
            source,
            media_type_of("audio/flac"),
            tmp_path / "output",
            policy=Policy(version=1),
            open_audio=opens,
            progress=lambda done, total: told.append((done, total)),
            cancelled=lambda: is_cancelled,
        )


class EndedError(Exception):
    """Ends a test."""


def test_progress_is_told_in_seconds(tmp_path: Path) -> None:
    told: list[tuple[float, float | None]] = []

    compressed(tmp_path, *slin(talk(8000 * 40)), progress=lambda done, total: told.append((done, total)))

    first, second = ([done for done, total in told if total == known] for known in (None, 40.0))
    assert first == second == sorted(first)
    assert first[-1] == 40


def _decoded(encoded: Encoded) -> Clip:
    return decoded(encoded.audio, encoded.content_type)
