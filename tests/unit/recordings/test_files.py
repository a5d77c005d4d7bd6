"""Other programs see the right length and totals in a recording's file, and hear no seams."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from pesq import pesq

from schemas import Policy, Rejection
from streams.audio import Clip
from streams.audio.containers.flac import StreamInfo, parse_header
from streams.compression.recordings import RECORDING_LIMITS
from streams.sandbox import DecoderSandbox
from tests.support.signals import clip_of, encode_as, speech
from tests.unit.recordings.clips import as_clip, compress, compressed, decoded, slin, talk

FORMATS = ("audio/flac", "audio/ogg;codecs=opus", "audio/ogg;codecs=vorbis", "audio/mpeg", "audio/wav")
RATE = 8000


@pytest.mark.parametrize("accept", FORMATS)
def test_the_length_that_players_show(tmp_path: Path, accept: str) -> None:
    clip = talk(RATE * 25 + 123)

    result = compressed(tmp_path, *slin(clip), policy=Policy(version=1, accept=(accept,)), level=3)

    info = soundfile.info(io.BytesIO(result.audio))
    assert info.frames == clip.frames or (accept == "audio/mpeg" and info.frames > clip.frames)
    with av.open(io.BytesIO(result.audio), "r") as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(clip.frames / RATE, abs=0.2)
        heard = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert heard == pytest.approx(clip.frames / RATE, abs=0.02)


def test_players_find_every_position_in_flac(tmp_path: Path) -> None:
    clip = talk(RATE * 65)

    result = compressed(tmp_path, *slin(clip), level=1)

    header = parse_header(result.audio)
    assert isinstance(header, StreamInfo)
    assert (header.frames, header.rate, header.channels, header.bits) == (clip.frames, RATE, 1, 16)
    with soundfile.SoundFile(io.BytesIO(result.audio)) as file:
        for position in (0, 1, 24_191, 24_192, 24_193, RATE * 30, RATE * 64, clip.frames - 1):
            file.seek(position)
            assert np.array_equal(file.read(100, dtype="int16"), clip.samples[position : position + 100, 0])


@pytest.mark.parametrize("level", [3, 5])
def test_seams_are_not_heard(tmp_path: Path, level: int) -> None:
    """With a seam every three seconds, quality is that of one encoder, also in the second after each seam."""
    clip = Clip.of(np.concatenate([speech(10, seed=seed).samples for seed in range(4)]), RATE, talk(1).source)

    result = compressed(tmp_path, *slin(clip), level=level)

    _, whole = as_clip(*slin(clip), level=level)
    one = decoded(whole.audio, whole.content_type)
    pieces, continuous = result.decoded.samples[:, 0], one.samples[:, 0]
    original = clip.samples[:, 0]
    assert pesq(RATE, original, pieces, "nb") > pesq(RATE, original, continuous, "nb") - 0.05
    behind = np.zeros(clip.frames, bool)
    for seam in range(24_000, clip.frames, 24_000):
        behind[seam - RATE // 10 : seam + RATE // 5] = True
    assert error(original, pieces, behind) < 1.3 * error(original, continuous, behind)


def error(original: NDArray[np.int16], coded: NDArray[np.int16], where: NDArray[np.bool_]) -> float:
    """Mean square of the difference."""
    return float(np.square((original.astype(float) - coded)[where]).mean())


@pytest.mark.parametrize("text", ["audio/wav", "audio/flac", "audio/ogg", "audio/ogg;codecs=opus", "audio/mpeg"])
def test_files_of_strangers_are_decoded_in_the_sandbox(tmp_path: Path, text: str) -> None:
    audio = encode_as(speech(8), text)
    with DecoderSandbox(0, timeout=60) as sandbox:
        for content in (audio, audio[: len(audio) // 2]):
            in_process = compress(tmp_path, content, text, level=2)
            assert compress(tmp_path, content, text, level=2, open_audio=sandbox.open_recording) == in_process


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    audio = bytearray(encode_as(clip_of(np.ones(RATE, np.int16), RATE), "audio/flac"))
    audio[21] |= 0x0F
    audio[22:26] = bytes([255] * 4)  # 2^36 - 1 frames, 128 GiB

    refused = compress(tmp_path, bytes(audio), "audio/flac")

    assert isinstance(refused, Rejection)
    assert refused.code == "AudioTooLong"
    assert str(RECORDING_LIMITS.max_pcm_bytes) in refused.reason
