"""MP3 files are read as players play them: to the last whole frame, whatever lies before, between and behind frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.containers import id3
from streams.audio.containers.mpeg_frames import Info, frame_at, frames_from, info_of
from streams.audio.decode import decode
from streams.compression.kept_file import kept_file
from tests.support.signals import encode_as, speech

CASES = Path(__file__).parent / "cases"
TAGGED = encode_as(speech(2), "audio/mpeg")
WITH_INFO = TAGGED[id3.end_of_tags(TAGGED) :]
OFFSETS = [offset for offset, _ in frames_from(WITH_INFO, 0)]
PLAIN = WITH_INFO[OFFSETS[1] :]
#: Frames of 72 ms: a cut one is lost, and one may be dropped at the beginning.
FRAME_MS = 72


def id3v2(size: int, padding: int = 0) -> bytes:
    """An ID3v2 tag with a body of this size, and zeros that its size does not count."""
    return b"ID3\4\0\0" + bytes([0, 0, size >> 7, size & 0x7F]) + bytes(size) + bytes(padding)


def ape(size: int, *, header: bool) -> bytes:
    fields = b"\xd0\7\0\0" + (size + 32).to_bytes(4, "little") + bytes(4)
    footer = b"APETAGEX" + fields + bytes([0, 0, 0, 0x80 * header]) + bytes(8)
    return (b"APETAGEX" + fields + b"\0\0\0\xa0" + bytes(8)) * header + b"i" * size + footer


ID3V1 = b"TAG" + b"title".ljust(125)
LYRICS1 = b"LYRICSBEGIN[00:01]la la" + b"LYRICSEND"
LYRICS2 = b"LYRICSBEGININD00002" + b"10" + b"000021LYRICS200"


def read(audio: bytes, label: str = "audio/mpeg") -> Clip:
    clip = decode(audio, MediaType(label))
    assert isinstance(clip, Clip), clip
    return clip


@pytest.mark.parametrize(
    ("name", "seconds", "repairs"),
    [
        ("mp3-id3-padding-not-counted", 0.55, ("leading-bytes",)),
        ("mp3-last-frame-cut", 0.52, ("partial-frame",)),
        ("mp3-zero-tail", 0.55, ("trailing-bytes",)),
        ("mp3-two-files-with-id3v2", 1.1, ("joined",)),
        ("mp3-one-frame", 0.036, ()),
    ],
)
def test_files_of_recorders(name: str, seconds: float, repairs: tuple[str, ...]) -> None:
    clip = read((CASES / f"{name}.mp3").read_bytes())

    assert abs(clip.duration_ms / 1000 - seconds) < 0.12
    assert clip.source.repairs == repairs


@pytest.mark.parametrize(
    "around",
    [
        lambda audio: audio + ID3V1 + ID3V1,
        lambda audio: audio + LYRICS1 + ID3V1,
        lambda audio: audio + LYRICS2 + ID3V1,
        lambda audio: audio + ape(200, header=True) + ID3V1,
        lambda audio: audio + ape(200, header=False),
        lambda audio: ape(200, header=True) + audio,
        lambda audio: id3v2(300) + id3v2(20) + audio,
        lambda audio: id3v2(300, padding=1000) + audio,
        lambda audio: bytes(500) + audio,
        lambda audio: audio + bytes(5000),
        lambda audio: audio + ID3V1 + bytes(5000),
        lambda audio: audio + b"left by another program",
    ],
)
@pytest.mark.parametrize("audio", [WITH_INFO, PLAIN], ids=["with info", "plain"])
def test_what_lies_around_the_frames_changes_nothing(around: Callable[[bytes], bytes], audio: bytes) -> None:
    assert np.array_equal(read(around(audio)).samples, read(audio).samples)


@pytest.mark.parametrize("tail", [bytes(1), bytes(500), ID3V1, LYRICS2 + ID3V1])
def test_a_single_frame_is_read_whatever_follows(tail: bytes) -> None:
    frame = (CASES / "mp3-one-frame.mp3").read_bytes()

    assert np.array_equal(read(frame + tail).samples, read(frame).samples)


@pytest.mark.parametrize("cut", [1, 100, 287])
@pytest.mark.parametrize("audio", [WITH_INFO, PLAIN], ids=["with info", "plain"])
def test_a_cut_frame_is_left_out(audio: bytes, cut: int) -> None:
    whole, rest = read(audio).samples, read(audio[:-cut]).samples

    assert len(whole) - 576 <= len(rest) < len(whole)
    assert np.array_equal(rest, whole[: len(rest)])


def test_a_recording_that_begins_inside_a_frame_is_read_from_the_next_one() -> None:
    assert len(read(PLAIN[100:]).samples) >= len(read(PLAIN).samples) - 3 * 576


def test_the_info_frame_gives_the_exact_length() -> None:
    assert read(WITH_INFO).frames == 16000
    assert read(PLAIN).frames == 576 * (len(OFFSETS) - 1)


def test_a_vbri_frame_is_no_audio() -> None:
    first = frame_at(PLAIN, 0)
    assert first is not None
    vbri = b"VBRI\0\1" + bytes(8) + (len(OFFSETS) - 1).to_bytes(4, "big")
    frame = (PLAIN[:4] + bytes(32) + vbri).ljust(first.size, b"\0")

    assert info_of(frame, first) == Info(len(OFFSETS) - 1)
    assert np.array_equal(read(frame + PLAIN).samples, read(PLAIN).samples)


@pytest.mark.parametrize("between", [b"", ID3V1, id3v2(300), ID3V1 + id3v2(100, padding=50), bytes(1000)])
def test_joined_files_are_decoded_one_after_the_other(between: bytes) -> None:
    once = read(WITH_INFO).samples

    assert np.array_equal(read(WITH_INFO + between + WITH_INFO).samples, np.concatenate([once, once]))


def test_a_file_that_was_cut_before_another_was_joined() -> None:
    once = read(WITH_INFO).frames

    assert 2 * once - 3 * 576 < read(WITH_INFO[:-100] + id3v2(100) + WITH_INFO).frames < 2 * once


def test_free_format() -> None:
    """Frames of a size that no bit rate has: each gets 40 more bytes behind its audio."""
    tagged = encode_as(speech(2), "audio/mpeg;reservoir=0")  # no frame uses bytes of the one before it
    plain = [tagged[at : at + frame.size] for at, frame in frames_from(tagged, id3.end_of_tags(tagged))][1:]
    free = b"".join(one[:2] + bytes([one[2] & 0x0F]) + one[3:] + bytes(40) for one in plain)

    both = read(free).samples.astype(int), read(b"".join(plain)).samples.astype(int)
    assert np.abs(both[0] - both[1]).max() <= 1  # mpg123 rounds differently if a frame precedes them


@pytest.mark.parametrize("first", [160, 8])
def test_a_variable_bit_rate_without_an_info_frame(first: int) -> None:
    """The length cannot be estimated from the size of the first frames."""
    parts = []
    for kbits in (first, 168 - first):
        tagged = encode_as(speech(2), f"audio/mpeg;reservoir=0;b={kbits}k")
        frames = [tagged[at : at + frame.size] for at, frame in frames_from(tagged, id3.end_of_tags(tagged))]
        parts.append(frames[1:])

    assert (len(parts[0][0]) < len(parts[1][0])) == (first == 8)
    clip = read(b"".join(parts[0] + parts[1]))
    assert clip.frames == 576 * (len(parts[0]) + len(parts[1]))
    assert np.abs(clip.samples[clip.frames // 2 :]).max() > 1000


def test_joined_files_of_two_rates_are_refused_by_name() -> None:
    refusal = decode(PLAIN + encode_as(speech(1, 16000), "audio/mpeg"), MediaType("audio/mpeg"))

    assert isinstance(refusal, Rejection)
    assert "8000 Hz" in refusal.reason
    assert "16000 Hz" in refusal.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda audio: audio[:-100],
        lambda audio: audio + bytes(5000),
        lambda audio: id3v2(300, padding=1000) + audio,
        lambda audio: audio + id3v2(10) + audio,
    ],
)
def test_a_kept_file_needs_no_repairs(change: Callable[[bytes], bytes]) -> None:
    audio = change(WITH_INFO)
    clip = read(audio)
    kept = read(kept_file(audio, clip))

    assert clip.source.repairs
    assert not kept.source.repairs
    assert abs(kept.frames - clip.frames) <= 5 * 576
