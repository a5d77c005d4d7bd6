"""Where no encoder makes a recording smaller, the same is kept as of a clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas import Policy, Rejection
from streams.audio.containers import riff
from streams.audio.containers.content import FileContent
from streams.codecs import wav
from tests.support.coded import g722, gsm
from tests.support.signals import encode_as, speech, write_sound
from tests.support.wave_files import APE, chunk, fmt
from tests.support.wave_files import riff as riff_file
from tests.unit.recordings.clips import as_clip, compressed

DEEP = np.random.default_rng(1).integers(-(2**31), 2**31, 40_000, dtype=np.int64).astype(np.int32)
NOISE = np.random.default_rng(2).integers(-(2**15), 2**15, 40_000, dtype=np.int64).astype(np.int16)
KILLED = riff_file(chunk(b"fmt ", fmt()), chunk(b"data", NOISE.tobytes() + b"\1", size=0, padded=False))
ONLY_WAV, ONLY_MP3 = Policy(version=1, accept=("audio/wav",)), Policy(version=1, accept=("audio/mpeg",))

INPUTS = {
    "deep WAV": (write_sound(DEEP, 8000, "WAV", "PCM_24"), "audio/wav"),
    "deep FLAC": (write_sound(DEEP, 8000, "FLAC", "PCM_24"), "audio/flac"),
    "floating point": (write_sound(DEEP / 2**31, 8000, "WAV", "FLOAT"), "audio/wav"),
    "RF64": (write_sound(NOISE, 8000, "RF64", "PCM_16"), "audio/wav"),
    "Wave64": (write_sound(NOISE, 8000, "W64", "PCM_16"), "audio/wav"),
    "of a killed recorder": (KILLED, "audio/wav"),
    "with a tag": (encode_as(speech(4), "audio/flac") + APE, "audio/flac"),
    "joined MP3": (2 * encode_as(speech(4), "audio/mpeg"), "audio/mpeg"),
    "cut Opus": (encode_as(speech(9), "audio/ogg;codecs=opus")[:-70], "audio/ogg"),
    "noise": (NOISE.tobytes(), "audio/x-slin;rate=8000"),
    "noise in A-law": (NOISE.tobytes()[:-1], "audio/PCMA"),
    "GSM": (gsm(speech(4)), "audio/GSM"),
    "G.722": (g722(speech(4, 16_000)), "audio/G722"),
}


@pytest.mark.parametrize("policy", [Policy(version=1), ONLY_WAV, ONLY_MP3], ids=["any", "wav", "mp3"])
@pytest.mark.parametrize("name", INPUTS)
def test_the_result_is_that_of_a_clip(tmp_path: Path, name: str, policy: Policy) -> None:
    audio, label = INPUTS[name]

    result = compressed(tmp_path, audio, label, policy=policy, level=1)

    decision, expected = as_clip(audio, label, policy=policy, level=1)
    assert result.recording.decision == decision
    assert result.recording.encoded == replace(expected, audio=b"")
    assert result.audio == expected.audio
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "output"]


def test_wav_beyond_4_gib_has_sizes_of_64_bits(tmp_path: Path) -> None:
    size = 5 << 30
    path = tmp_path / "large.wav"
    with path.open("wb+") as file:
        file.write(wav.pcm_head(size, 8000, 1))
        file.truncate(file.tell() + size)  # takes no place

        found = riff.read(FileContent(file.fileno()))

        assert not isinstance(found, Rejection)
        assert len(found[0].data) == size
        file.seek(0)
        assert file.read(4) == b"RF64"
