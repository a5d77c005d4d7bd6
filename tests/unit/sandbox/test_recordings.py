"""Recordings are decoded in children like clips, block by block."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from schemas import Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.audio.blocks import AudioBlocks, collected
from streams.sandbox import DecoderSandbox, messages
from streams.sandbox.recording_child import BLOCK, END, READ
from streams.sandbox.recordings import RecordingDecoder
from tests.support.ogg_pages import write_short_pages
from tests.support.signals import clip_of, encode_as, media_type_of, speech

LIMITS = DecodeLimits()
CLIP = speech(20, seed=3)
FILES = ["audio/wav", "audio/flac", "audio/ogg", "audio/ogg;codecs=opus", "audio/mpeg"]


@contextmanager
def opened(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1, timeout=60) as started:
        yield started


def in_sandbox(sandbox: DecoderSandbox, audio: bytes, text: str, limits: DecodeLimits = LIMITS) -> Clip | Rejection:
    with opened(audio) as descriptor:
        return collected(sandbox.open_recording(descriptor, media_type_of(text), limits))


def assert_same(one: Clip | Rejection, other: Clip | Rejection) -> None:
    if isinstance(one, Rejection) or isinstance(other, Rejection):
        assert one == other
    else:
        assert one.metadata == other.metadata


@pytest.mark.parametrize("text", [*FILES, "audio/x-slin;rate=8000", "audio/PCMU"])
def test_a_child_decodes_what_decode_decodes(sandbox: DecoderSandbox, text: str) -> None:
    audio = encode_as(CLIP, text)

    assert_same(in_sandbox(sandbox, audio, text), decode(audio, media_type_of(text)))


@pytest.mark.parametrize("text", FILES)
def test_a_damaged_file_is_judged_like_a_clip(sandbox: DecoderSandbox, text: str) -> None:
    audio = encode_as(CLIP, text)
    middle = len(audio) // 2
    for damaged in (audio[:middle], audio[: middle - 77] + bytes(77) + audio[middle:], audio + b"more", audio[:30]):
        assert_same(in_sandbox(sandbox, damaged, text), decode(damaged, media_type_of(text)))


def test_the_limits_are_those_of_the_recording(sandbox: DecoderSandbox) -> None:
    audio = encode_as(CLIP, "audio/flac")

    refused = in_sandbox(sandbox, audio, "audio/flac", DecodeLimits(max_pcm_bytes=1000))

    assert isinstance(refused, Rejection)
    assert refused.code == "AudioTooLong"


def test_a_header_that_lies_costs_nothing(sandbox: DecoderSandbox) -> None:
    audio = bytearray(encode_as(CLIP, "audio/flac"))
    audio[21] |= 0x0F
    audio[22:26] = bytes([255] * 4)  # 2^36 - 1 frames, 128 GiB

    refused = in_sandbox(sandbox, bytes(audio), "audio/flac", DecodeLimits(max_pcm_bytes=1 << 40))

    assert isinstance(refused, Rejection)
    assert refused.code == "TruncatedAudio"


@pytest.mark.parametrize("blocks", [0, 1])
def test_closing_ends_the_child(sandbox: DecoderSandbox, blocks: int) -> None:
    audio = encode_as(clip_of(np.zeros(8000 * 200, np.int16)), "audio/wav")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with opened(audio) as descriptor:
        decoding = sandbox.open_recording(descriptor, media_type_of("audio/wav"), LIMITS)
        assert isinstance(decoding, AudioBlocks)
        with closing(decoding):
            for _ in range(blocks):
                next(decoding.blocks)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("ends", [True, False])
def test_ten_hours_of_short_pages_are_decoded(sandbox: DecoderSandbox, ends: bool) -> None:
    seconds = 10 * 3600
    with tempfile.TemporaryFile() as file:
        write_short_pages(seconds, file, ends=ends)
        audio = sandbox.open_recording(file.fileno(), media_type_of("audio/ogg"), DecodeLimits(max_pcm_bytes=1 << 40))
        assert isinstance(audio, AudioBlocks), audio
        with closing(audio):
            frames = 0
            for block in audio.blocks:
                assert not isinstance(block, Rejection), block
                frames += len(block)

    assert frames == pytest.approx(seconds * audio.rate, abs=4000)


class GivenUpError(Exception):
    """The test no longer wants the audio."""


@pytest.mark.parametrize("text", ["audio/flac", "audio/ogg;codecs=opus"])
def test_what_is_read_before_the_first_block_is_told_and_can_be_given_up(sandbox: DecoderSandbox, text: str) -> None:
    noise = np.random.default_rng(1).integers(-20_000, 20_000, 8000 * 120).astype(np.int16)
    audio = encode_as(clip_of(noise), "audio/flac")
    if text != "audio/flac":
        with tempfile.TemporaryFile() as file:
            write_short_pages(600, file)
            file.seek(0)
            audio = file.read()
    before = len(list(Path("/proc/self/fd").iterdir()))

    def give_up(has_read: bool) -> None:
        if has_read:
            raise GivenUpError

    with opened(audio) as descriptor, pytest.raises(GivenUpError):
        sandbox.open_recording(descriptor, media_type_of(text), LIMITS, give_up)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@dataclass
class FakeChild:
    """A child whose work is done by a thread of the test."""

    work: Callable[[socket.socket], None]
    ended: bool = False
    link: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.link, theirs = socket.socketpair()

        def run() -> None:
            with theirs, suppress(OSError):  # the worker may have closed its end
                messages.receive_part(theirs, 0, None)
                self.work(theirs)

        threading.Thread(target=run, daemon=True).start()

    def end(self) -> None:
        self.ended = True
        self.link.close()


DESCRIPTION = messages.describe(CLIP)
PIECES = [CLIP.samples[start : start + 50_000] for start in range(0, CLIP.frames, 50_000)]


def sends(link: socket.socket, count: int = len(PIECES), *, end: bool = True) -> None:
    messages.send_part(link, DESCRIPTION, b"")
    for piece in PIECES[:count]:
        messages.send_part(link, {**BLOCK}, piece.tobytes())
    if end:
        messages.send_part(link, {**END}, b"")


def reads_and_sends(link: socket.socket) -> None:
    for _ in range(3):
        messages.send_part(link, {**READ}, b"")
    sends(link)


def crashes(link: socket.socket) -> None:
    del link


def crashes_later(link: socket.socket) -> None:
    sends(link, 1, end=False)


def lies(link: socket.socket) -> None:
    messages.send_part(link, {**DESCRIPTION, "rate": 1}, b"")


def talks_nonsense(link: socket.socket) -> None:
    sends(link, 1, end=False)
    messages.send_part(link, {"something": "else"}, b"")


def sends_half_a_frame(link: socket.socket) -> None:
    messages.send_part(link, DESCRIPTION, b"")
    messages.send_part(link, {**BLOCK}, b"\0")


def hangs(link: socket.socket) -> None:
    sends(link, 1, end=False)
    link.recv(1)


def by(
    *works: Callable[[socket.socket], None],
    timeout: float = 60,
    on_wait: Callable[[bool], None] = lambda has_read: None,
) -> tuple[Clip | Rejection, list[FakeChild], list[str]]:
    """Decode a recording in such children, one after the other."""
    children: list[FakeChild] = []
    deaths: list[str] = []

    def new_child() -> FakeChild:
        children.append(FakeChild(works[len(children)]))
        return children[-1]

    with opened(b"RIFF") as descriptor:
        decoder = RecordingDecoder(
            descriptor, media_type_of("audio/wav"), LIMITS, timeout, new_child, deaths.append, on_wait
        )
        return collected(decoder.open()), children, deaths


FAILURES = [crashes, crashes_later, lies, talks_nonsense, sends_half_a_frame]


@pytest.mark.parametrize("first", FAILURES)
def test_a_second_child_goes_on_where_the_first_one_crashed(first: Callable[[socket.socket], None]) -> None:
    result, children, deaths = by(first, sends)

    assert isinstance(result, Clip)
    assert np.array_equal(result.samples, CLIP.samples)
    assert deaths == ["DecoderCrashed"]
    assert all(child.ended for child in children)


@pytest.mark.parametrize("second", FAILURES)
@pytest.mark.parametrize("first", FAILURES)
def test_a_file_is_refused_after_two_crashes(
    first: Callable[[socket.socket], None], second: Callable[[socket.socket], None]
) -> None:
    result, children, deaths = by(first, second)

    assert isinstance(result, Rejection)
    assert result.code == "DecoderCrashed"
    assert len(deaths) == 2
    assert all(child.ended for child in children)


def test_a_child_that_hangs_is_ended() -> None:
    result, children, deaths = by(hangs, timeout=0.1)

    assert isinstance(result, Rejection)
    assert result.code == "DecoderTimeout"
    assert deaths == ["DecoderTimeout"]
    assert children[0].ended


def test_a_child_tells_that_it_reads_on() -> None:
    told: list[bool] = []
    result, _, deaths = by(reads_and_sends, on_wait=told.append)

    assert isinstance(result, Clip)
    assert told.count(True) == 3
    assert not deaths


@pytest.mark.parametrize("work", [hangs, lambda link: link.recv(1)])
def test_a_child_that_hangs_can_be_given_up_before_its_time(work: Callable[[socket.socket], None]) -> None:
    def give_up(has_read: bool) -> None:
        if not has_read:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        by(work, on_wait=give_up)
