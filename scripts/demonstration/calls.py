"""The calls of the demo: a few seconds of traffic of a few hotels."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas import Channel, MediaType, RawAudio, Record
from schemas.headers import CONTENT_TYPE
from schemas.media_type import FLAC, L16, PCMA, PCMU, SLIN, WAV
from scripts.demonstration.recordings import Recordings
from streams.audio import Clip, SourceFormat, decode, g711
from streams.clients.segments import segments
from streams.codecs import FlacEncoder, WavEncoder

HOTELS = ("seaside", "alpine", "harbour")

_RAW = SourceFormat("raw", "pcm")
_SOURCE = "/hotel-audio-streams/demo"
_SEGMENT_S = 2.0
_TALK_S = 24.0
_FILE_S = 12.0
_ANNOUNCEMENT_S = 8.0
_REPETITIONS = 3
_STARTS_WITHIN_S = 30.0
#: Channel, media type and number of calls.
_CONVERSATIONS: tuple[tuple[Channel, str, int], ...] = (
    ("guest", L16, 10),
    ("agent", L16, 8),
    ("guest", SLIN, 3),
    ("guest", PCMU, 3),
    ("agent", PCMA, 3),
)
_ANNOUNCED = 6  # calls with one of two announcements
_ON_HOLD = 2
_FILES = 3  # calls that arrive as one file, of each kind

_CODERS: dict[str, Callable[[Clip], bytes]] = {
    PCMU: lambda clip: g711.encode(clip.samples, "pcmu").tobytes(),
    PCMA: lambda clip: g711.encode(clip.samples, "pcma").tobytes(),
    WAV: lambda clip: WavEncoder("pcm").encode(clip).audio,
    FLAC: lambda clip: FlacEncoder(effort=5).encode(clip).audio,
}


@dataclass(frozen=True, slots=True)
class Input:
    """One record for ``audio.raw``, with its audio.

    Attributes:
        event: The event, or a record that breaks the contract.
        clip: Its audio as any decoder of the format gives it; None if it cannot be decoded.
    """

    event: RawAudio | Record
    clip: Clip | None

    @property
    def name(self) -> str:
        """The call and the number of the segment, for messages."""
        if isinstance(self.event, Record):
            return (self.event.key or b"").decode()
        return f"{self.event.call_id} #{self.event.sequence}"


@dataclass(frozen=True, slots=True)
class _Call:
    channel: Channel
    media: str
    clip: Clip
    segment_s: float = _SEGMENT_S


class _Speech:
    """Cuts an endless sequence of recordings into pieces, so that no two calls have the same audio."""

    def __init__(self, recordings: Sequence[Clip]) -> None:
        self._samples = np.concatenate([clip.samples for clip in recordings])
        self._rate = recordings[0].rate
        self._at = 0

    def next(self, seconds: float) -> Clip:
        frames = round(seconds * self._rate)
        piece = np.take(self._samples, np.arange(self._at, self._at + frames), axis=0, mode="wrap")
        self._at += frames
        return Clip.of(piece, self._rate, _RAW)


def make_calls(recordings: Recordings, run: str) -> list[Input]:
    """Make all inputs of the demo in the order of sending, which keeps the order of each call.

    Args:
        recordings: Speech and music.
        run: Part of every call id, so that two demos have no call in common.
    """
    chance = random.Random(0)  # noqa: S311  a fixed mix
    timed: list[tuple[float, Input]] = []
    for number, call in enumerate(_calls(recordings), start=1):
        hotel = HOTELS[number % len(HOTELS)]
        start = chance.uniform(0, _STARTS_WITHIN_S)
        events = _events(call, hotel, f"{hotel}-{run}-{number:02}")
        timed += [(start + at * _SEGMENT_S, good_input(event)) for at, event in enumerate(events)]
    timed += [(chance.uniform(0, _STARTS_WITHIN_S), bad) for bad in _bad(recordings.speech[0], run)]
    return [item for _, item in sorted(timed, key=lambda pair: pair[0])]


def _calls(recordings: Recordings) -> Iterator[_Call]:
    talk = _Speech(recordings.speech)
    announcements = [_repeated(talk.next(_ANNOUNCEMENT_S)) for _ in range(2)]
    music = _repeated(_Speech((recordings.music,)).next(_ANNOUNCEMENT_S))
    for channel, media, calls in _CONVERSATIONS:
        for _ in range(calls):
            yield _Call(channel, media, talk.next(_TALK_S))
    for number in range(_ANNOUNCED):
        yield _Call("prompt", L16, announcements[number % 2])
    for _ in range(_ON_HOLD):
        yield _Call("prompt", L16, music)
    for media in (WAV, FLAC):
        for _ in range(_FILES):
            yield _Call("agent", media, talk.next(_FILE_S), _FILE_S)


def _repeated(clip: Clip) -> Clip:
    """The audio of a waiting caller: one piece repeated, cut at the same places each time."""
    return Clip.of(np.tile(clip.samples, (_REPETITIONS, 1)), clip.rate, _RAW)


def _events(call: _Call, hotel: str, call_id: str) -> Iterator[RawAudio]:
    coder = _CODERS.get(call.media)
    for event in segments(
        call.clip,
        hotel_id=hotel,
        call_id=call_id,
        source=_SOURCE,
        seconds=call.segment_s,
        channel=call.channel,
        media=L16 if coder else call.media,
    ):
        if coder is None:
            yield event
        else:
            yield replace(event, media_type=MediaType(call.media), audio=coder(_decoded(event)))


def good_input(event: RawAudio) -> Input:
    """The input of an event that can be decoded."""
    return Input(event, _decoded(event))


def _decoded(event: RawAudio) -> Clip:
    clip = decode(event.audio, event.media_type)
    if not isinstance(clip, Clip):
        raise TypeError(f"an input of the demo cannot be decoded: {clip.message}")
    return clip


def _bad(clip: Clip, run: str) -> Iterator[Input]:
    """Two bad inputs: a truncated one, and one without its sampling rate."""
    whole = next(_events(_Call("guest", FLAC, clip, _TALK_S), HOTELS[0], f"{HOTELS[0]}-{run}-truncated"))
    yield Input(replace(whole, audio=whole.audio[: len(whole.audio) // 2]), None)
    labelled = next(_events(_Call("guest", L16, clip), HOTELS[0], f"{HOTELS[0]}-{run}-no-rate")).to_record()
    headers = tuple((name, L16.encode() if name == CONTENT_TYPE else value) for name, value in labelled.headers)
    yield Input(replace(labelled, headers=headers), None)
