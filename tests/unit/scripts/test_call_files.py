from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from rich.console import Console

from schemas import CompressedAudio
from scripts.commands._call_files import AudioWriter
from scripts.commands._manifests import table_of
from scripts.commands._segment_files import write_segments
from scripts.commands._spool import Spool
from scripts.commands.listen import line as listened
from streams.audio import Clip, decode
from streams.clients.assembling import assemble
from streams.clients.joining import join
from streams.clients.manifests import WrittenTrack, summary
from streams.clients.track_parts import Segment
from streams.codecs import FlacEncoder, OpusEncoder, WavEncoder
from streams.codecs.base import Encoder
from tests.support.call_segments import BEGAN, encoded, noise, segment, segments
from tests.support.signals import media_type_of

FLAC = FlacEncoder(5)
MIXED: list[Encoder] = [FLAC, OpusEncoder(12_000), WavEncoder("pcm"), OpusEncoder(9_000)]


@pytest.fixture
def spool() -> Iterator[Spool]:
    spool = Spool()
    yield spool
    spool.close()


class Writing:
    """Writes a call from a spool."""

    def __init__(self, spool: Spool, directory: Path) -> None:
        self.spool = spool
        self.directory = directory
        self.advanced = 0
        self.writer = AudioWriter(spool.audio, self.advance)

    def advance(self) -> None:
        self.advanced += 1

    def write(self, results: Sequence[CompressedAudio | Segment], *, stereo: bool = False) -> list[WrittenTrack]:
        for offset, one in enumerate(results):
            self.spool.add(one if isinstance(one, Segment) else segment(one, offset), audio=True)
        call = assemble(self.spool.segments("seaside", "call-1"))
        if stereo:
            written, self.obstacle = self.writer.stereo(call, self.directory)
            return written
        return self.writer.tracks(call.tracks, self.directory)

    def read(self, name: str) -> tuple[NDArray[np.int16], int]:
        samples, rate = soundfile.read(self.directory / name, dtype="int16", always_2d=True)
        return samples, rate


@pytest.fixture
def writing(spool: Spool, tmp_path: Path) -> Writing:
    return Writing(spool, tmp_path)


def samples_of(result: CompressedAudio) -> NDArray[np.int16]:
    media_type = media_type_of(result.content_type)
    clip = decode(result.audio, media_type)
    assert isinstance(clip, Clip)
    return clip.samples


def talk(*, channel: str = "guest", rate: int = 8000, late: float = 0.0, count: int = 4) -> list[CompressedAudio]:
    """Segments of odd lengths in every codec."""
    at, results = 0.0, []
    for number in range(count):
        seconds = (2.0, 1.99, 0.37, 2.003)[number % 4]
        clip = noise(seconds, rate=rate, seed=number)
        time = BEGAN + timedelta(seconds=late + at)
        results.append(encoded(clip, MIXED[number % 4], number, channel=channel, time=time, final=number == count - 1))
        at += seconds
    return results


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_the_file_is_the_decoded_segments_in_a_row(writing: Writing, suffix: str) -> None:
    writing.writer = replace(writing.writer, suffix=suffix)
    results = talk()
    (written,) = writing.write(results[::-1])
    samples, rate = writing.read(f"guest.{suffix}")
    assert rate == 8000
    assert (samples == np.concatenate([samples_of(one) for one in results])).all()
    assert [part.frames for part in written.parts] == [16_000, 15_920, 2960, 16_024]
    assert writing.advanced == 4
    assert [path.name for path in writing.directory.iterdir()] == [f"guest.{suffix}"]


def test_missing_segments_are_silence_of_their_length(writing: Writing) -> None:
    results = talk(count=4)
    (written,) = writing.write([results[0], results[3]])
    samples, _ = writing.read("guest.wav")
    silence = np.zeros((round(8000 * (1.99 + 0.37)), 1), np.int16)
    assert (samples == np.concatenate([samples_of(results[0]), silence, samples_of(results[3])])).all()
    assert [(part.frame, part.frames) for part in written.parts] == [(0, 16_000), (16_000, 18_880), (34_880, 16_024)]


def test_a_damaged_segment_and_one_that_cannot_be_decoded_are_silence(writing: Writing) -> None:
    good, damaged, broken = talk(count=3)
    broken = replace(broken, audio=b"fLaC" + broken.audio[4:40])
    (written,) = writing.write(
        [
            segment(good, 0),
            replace(segment(damaged, 1), problem="is not the file that ce_sha256 describes"),
            segment(broken, 2),
        ]
    )
    samples, _ = writing.read("guest.wav")
    assert (samples[:16_000] == samples_of(good)).all()
    assert len(samples) == 16_000 + 15_920 + 2960
    assert not samples[16_000:].any()
    assert ["ce_sha256" in (part.problem or "") for part in written.parts] == [False, True, False]
    assert written.parts[2].problem


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_headers_that_claim_anything_cost_nothing(writing: Writing, suffix: str) -> None:
    writing.writer = replace(writing.writer, suffix=suffix)
    (sound,) = talk(count=1)
    bogus = replace(sound, audio=b"?", duration_ms=2**31 - 1, sample_rate=0, audio_channels=2**31 - 1)
    (written,) = writing.write([bogus])
    assert writing.read(f"guest.{suffix}")[0].tolist() == [[0]]
    assert "begin like audio/flac" in (written.parts[0].problem or "")


def test_both_sides_are_on_one_clock(writing: Writing) -> None:
    guest, agent = talk(count=4), talk(channel="agent", late=0.5, count=2)
    written = writing.write([*guest, *agent], stereo=True)
    samples, rate = writing.read("stereo.wav")
    assert (rate, [one.side for one in written], writing.obstacle) == (8000, ["left", "right"], None)
    left = np.concatenate([samples_of(one) for one in guest])[:, 0]
    right = np.concatenate([samples_of(one) for one in agent])[:, 0]
    assert (samples[:, 0] == left).all()
    assert not samples[:4000, 1].any()
    assert (samples[4000 : 4000 + len(right), 1] == right).all()
    assert not samples[4000 + len(right) :, 1].any()
    assert [part.frame for part in written[1].parts] == [4000, 20_000]


def test_sides_of_different_rates_are_resampled(writing: Writing) -> None:
    guest, agent = talk(count=4), talk(channel="agent", rate=16_000, late=1.0)
    written = writing.write([*guest, *agent], stereo=True)
    samples, rate = writing.read("stereo.wav")
    assert rate == 16_000
    right = np.concatenate([samples_of(one) for one in agent])[:, 0]
    assert (samples[16_000 : 16_000 + len(right), 1] == right).all()
    assert [part.frames for part in written[0].parts] == [32_000, 31_840, 5920, 32_048]
    assert np.abs(samples[:, 0].astype(int)).mean() > 1000


def test_more_than_two_sides_are_files_of_their_own(writing: Writing) -> None:
    channels = ("mixed", "prompt", "agent")
    writing.write([one for channel in channels for one in talk(channel=channel, count=1)], stereo=True)
    assert writing.obstacle == "it has 3 channels (agent, mixed, prompt) and not two"
    assert sorted(path.name for path in writing.directory.iterdir()) == ["agent.wav", "mixed.wav", "prompt.wav"]


def test_segments_of_other_rates_and_channels_are_converted(writing: Writing) -> None:
    low, high = noise(1.0), noise(1.0, rate=16_000, channels=2)
    writing.write([encoded(low, FLAC, 0), encoded(high, FLAC, 1), encoded(low, FLAC, 2)])
    samples, rate = writing.read("guest.wav")
    assert (samples.shape, rate) == ((48_000, 2), 16_000)
    assert (samples[16_000:32_000] == high.samples).all()
    assert (samples[:16_000, 0] == samples[:16_000, 1]).all()


def test_segments_as_they_are_keep_their_bytes(writing: Writing) -> None:
    results = talk()
    for offset, one in enumerate(results):
        writing.spool.add(segment(one, offset), audio=True)
    call = assemble(writing.spool.segments("seaside", "call-1"))
    write_segments(call, writing.directory, writing.spool.audio, writing.advance)
    names = ["guest-0.flac", "guest-1.ogg", "guest-2.wav", "guest-3.ogg"]
    assert [(writing.directory / name).read_bytes() for name in names] == [one.audio for one in results]


def test_a_link_is_replaced_and_not_followed(writing: Writing) -> None:
    target = writing.directory / "precious"
    (writing.directory / "guest.wav").symlink_to(target)
    writing.write(talk(count=1))
    assert not target.exists()
    assert not (writing.directory / "guest.wav").is_symlink()


def test_join_is_the_decoded_segments_in_a_row() -> None:
    results = talk()
    (track,) = assemble(segments(*results)).tracks
    assert (join(track.parts).samples == np.concatenate([samples_of(one) for one in results])).all()


def test_join_converts_as_an_export_does(writing: Writing) -> None:
    results = [encoded(noise(1.0), FLAC, 0), encoded(noise(1.0, rate=16_000), FLAC, 1)]
    clip = join(assemble(segments(*results)).tracks[0].parts)
    assert (clip.frames, clip.rate) == (32_000, 16_000)
    assert (clip.samples[16_000:] == samples_of(results[1])).all()
    writing.write(results)
    assert (clip.samples == writing.read("guest.wav")[0]).all()


def test_the_table_has_times_in_utc_and_one_call() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(table_of([summary(assemble(segments(*talk(count=2))))]))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert shown.startswith("1 call ")
    assert f"{BEGAN:%Y-%m-%d %H:%M:%S}Z" in shown


def test_a_line_of_listen_tells_the_sides_of_a_call_apart() -> None:
    guest, agent = talk(count=1)[0], talk(channel="agent", count=1)[0]
    assert listened(guest).startswith("call-1 guest #0 level ")
    assert listened(agent).startswith("call-1 agent #0 level ")
    assert listened(replace(guest, call_id="a\x1b[31m", channel=None)).startswith("a\\x1b[31m any #0 level ")
