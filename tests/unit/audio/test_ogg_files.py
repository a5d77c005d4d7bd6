"""OGG files are read as players play them: without an end, from the middle of a live stream, cut, and joined."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.audio.decode import decode
from streams.compression.kept_file import kept_file
from tests.support.signals import encode_as, speech

CASES = Path(__file__).parent / "cases"
LONG = speech(40)
FILES = {kind: encode_as(LONG, kind) for kind in ("audio/ogg", "audio/ogg;codecs=opus")}
SHORT = {kind: encode_as(speech(1), kind) for kind in FILES}
every_kind = pytest.mark.parametrize("kind", FILES)
_GRANULE_AT = 6


def read(audio: bytes) -> Clip:
    clip = decode(audio, MediaType("audio/ogg"))
    assert isinstance(clip, Clip), clip
    return clip


def pages(audio: bytes) -> list[ogg.Page]:
    found = ogg.walk(audio)
    assert isinstance(found, list)
    return found


def changed(audio: bytes, change: Callable[[int, bytearray], None]) -> bytes:
    """Change each page, by its number, and correct its checksum."""
    parts = []
    for number, page in enumerate(pages(audio)):
        data = bytearray(audio[page.start : page.end])
        change(number, data)
        parts.append(ogg.sealed(bytes(data)))
    return b"".join(parts)


def without_end(audio: bytes) -> bytes:
    def clear(_: int, page: bytearray) -> None:
        page[5] &= ~ogg.ENDS

    return changed(audio, clear)


def moved(audio: bytes, ticks: int, pages_before: int = 0) -> bytes:
    """As a recording of a live stream that is so old; its headers are pages 0 and 1."""

    def move(number: int, page: bytearray) -> None:
        granule, serial, sequence = struct.unpack_from("<qII", page, _GRANULE_AT)
        if granule > 0:
            struct.pack_into("<qII", page, _GRANULE_AT, granule + ticks, serial, sequence + pages_before)

    return changed(audio, move)


@pytest.mark.parametrize(
    ("name", "repairs"), [("opus-no-eos", ("end-flag",)), ("opus-granule-offset-20s", ("start-position",))]
)
def test_files_of_recorders(name: str, repairs: tuple[str, ...]) -> None:
    clip = read((CASES / f"{name}.opus").read_bytes())

    assert abs(clip.duration_ms - 3000) <= 2
    assert clip.source.repairs == repairs


@every_kind
def test_a_last_page_without_its_flag(kind: str) -> None:
    assert np.array_equal(read(without_end(FILES[kind])).samples, read(FILES[kind]).samples)
    assert np.array_equal(read(without_end(SHORT[kind])).samples, read(SHORT[kind]).samples)


@every_kind
@pytest.mark.parametrize("hours", [0.001, 1, 1000])
@pytest.mark.parametrize("ends", [True, False])
def test_a_recording_of_a_live_stream(kind: str, hours: float, ends: bool) -> None:
    live = moved(FILES[kind], round(hours * 3600 * 48000), 7)
    clip = read(live if ends else without_end(live))

    assert np.array_equal(clip.samples, read(FILES[kind]).samples)
    assert "start-position" in clip.source.repairs


def test_an_opus_file_that_was_cut_out_of_another_without_new_positions() -> None:
    kind = "audio/ogg;codecs=opus"
    clip = read(moved(FILES[kind], -1920))

    assert np.array_equal(clip.samples, read(FILES[kind]).samples)
    assert clip.source.repairs == ("start-position",)


@every_kind
@pytest.mark.parametrize("tail", [bytes(4096), bytes(1), b"left by another program", b"O", b"OggS\0"])
def test_what_follows_the_last_page(kind: str, tail: bytes) -> None:
    clip = read(FILES[kind] + tail)

    assert np.array_equal(clip.samples, read(FILES[kind]).samples)
    assert clip.source.repairs == ("partial-frame" if tail.startswith(b"OggS") else "trailing-bytes",)


@every_kind
@pytest.mark.parametrize("left", [1, 20, 27, 40, 300, 900])
@pytest.mark.parametrize("zeros", [0, 30, 50_000])
def test_a_file_that_is_cut_within_its_last_page(kind: str, left: int, zeros: int) -> None:
    whole, last = read(FILES[kind]).samples, pages(FILES[kind])[-1]
    clip = read(FILES[kind][: last.start + left] + bytes(zeros))

    assert 20 * 8000 < clip.frames < len(whole)
    assert np.array_equal(clip.samples, whole[: clip.frames])
    assert {"partial-frame", "trailing-bytes"} & set(clip.source.repairs)


@every_kind
def test_a_damaged_page_is_refused_also_if_it_is_the_last(kind: str) -> None:
    for page in pages(FILES[kind]):
        damaged = bytearray(FILES[kind])
        damaged[page.body + 5] ^= 1
        refusal = decode(bytes(damaged), MediaType("audio/ogg"))
        assert isinstance(refusal, Rejection)
        assert refusal.code == "CorruptAudio"


@every_kind
def test_joined_files_of_one_kind(kind: str) -> None:
    short, long = SHORT[kind], FILES[kind]
    joined = short + long + without_end(short)
    clip = read(joined)
    one, two = read(short).samples, read(long).samples

    assert np.array_equal(clip.samples, np.concatenate([one, two, one]))
    assert clip.source.repairs == ("joined", "end-flag")
    kept = kept_file(joined, clip)
    assert np.array_equal(read(kept).samples, clip.samples)
    assert len({page.serial for page in pages(kept)}) == 3, "a link of a chain has a serial number of its own"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SHORT["audio/ogg"], SHORT["audio/ogg;codecs=opus"]),
        (SHORT["audio/ogg"], encode_as(speech(1, 16000), "audio/ogg")),
        (SHORT["audio/ogg;codecs=opus"], encode_as(speech(1, channels=2), "audio/ogg;codecs=opus")),
    ],
)
def test_joined_files_that_differ_are_refused(first: bytes, second: bytes) -> None:
    refusal = decode(first + second, MediaType("audio/ogg"))

    assert isinstance(refusal, Rejection)
    assert "joined" in refusal.reason
    assert "8000 Hz" in refusal.reason


def test_a_tag_in_front() -> None:
    clip = read(b"ID3\4\0\0\0\0\0\5title" + SHORT["audio/ogg"])

    assert np.array_equal(clip.samples, read(SHORT["audio/ogg"]).samples)
    assert clip.source.repairs == ("leading-tag",)


@pytest.mark.parametrize(
    ("packet", "name"),
    [
        (b"Speex   1.2", "Speex"),
        (b"\x7fFLAC\1\0", "FLAC"),
        (b"\x80theora\3\2\1", "Theora"),
        (b"fishead\0\3", "Skeleton"),
    ],
)
def test_other_streams_are_named(packet: bytes, name: str) -> None:
    head = struct.pack("<4sBBqIIIBB", b"OggS", 0, ogg.BEGINS, 0, 1, 0, 0, 1, len(packet))
    refusal = decode(ogg.sealed(head + packet), MediaType("audio/ogg"))

    assert isinstance(refusal, Rejection)
    assert name in refusal.reason
    assert "ffmpeg" in refusal.reason


@every_kind
@pytest.mark.parametrize(
    "change",
    [
        without_end,
        lambda audio: audio + bytes(5000),
        lambda audio: audio[:-40],
        lambda audio: without_end(moved(audio, 3600 * 48000, 9)),
    ],
)
def test_a_kept_file_needs_no_repairs(kind: str, change: Callable[[bytes], bytes]) -> None:
    audio = change(FILES[kind])
    clip = read(audio)
    kept = kept_file(audio, clip)

    assert clip.source.repairs
    assert not read(kept).source.repairs
    assert np.array_equal(read(kept).samples, clip.samples)
    claimed = pages(kept)[-1].granule
    skip = int.from_bytes(kept[pages(kept)[0].body + 10 :][:2], "little")  # of Opus
    assert claimed == clip.frames if kind == "audio/ogg" else abs(claimed - skip - clip.frames * 6) < 480


def positioned(audio: bytes, position: Callable[[int, int, bool], int]) -> bytes:
    """With other positions: of each page's number, its position, and whether it is the last."""
    last = len(pages(audio)) - 1

    def place(number: int, page: bytearray) -> None:
        (granule,) = struct.unpack_from("<q", page, _GRANULE_AT)
        struct.pack_into("<q", page, _GRANULE_AT, position(number, granule, number == last))

    return changed(audio, place)


@every_kind
@pytest.mark.parametrize("position", [-1, 0, -5])
def test_audio_before_the_first_position_is_not_left_out_without_a_word(kind: str, position: int) -> None:
    audio = positioned(FILES[kind], lambda _, granule, last: granule if last or granule <= 0 else position)
    refusal = decode(audio, MediaType("audio/ogg"))
    assert isinstance(refusal, Rejection)
    assert refusal.code == "CorruptAudio"
    assert "before its first position" in refusal.reason


@every_kind
@pytest.mark.parametrize("position", [0, 100, -7])
def test_a_last_position_before_others_is_refused(kind: str, position: int) -> None:
    audio = positioned(FILES[kind], lambda _, granule, last: position if last else granule)
    refusal = decode(audio, MediaType("audio/ogg"))
    assert isinstance(refusal, Rejection)
    assert refusal.code == "CorruptAudio"
    assert "s before an earlier one" in refusal.reason
