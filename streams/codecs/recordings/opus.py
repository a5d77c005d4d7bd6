"""OGG/Opus of recordings, as one mono, stereo or dual mono stream.

Each chunk has an encoder of its own, which first codes some of the audio before it: at the seam it knows the speaker,
the background and the level like an encoder that coded everything.

Source: RFC 6716, RFC 7845.
"""

import zlib
from collections.abc import Iterator
from itertools import chain, repeat
from typing import BinaryIO, NamedTuple

import numpy as np

from streams.audio.containers.ogg_head import OPUS_CLOCK, OPUS_RATES
from streams.audio.resample import known_rate, resampled, resampled_frames
from streams.codecs import DualMonoOpusEncoder, OpusEncoder, libopus, oggfile, opus, opus_file
from streams.codecs.recordings.base import Recording, Samples, cut

_CHUNK_PACKETS = 1000  # a minute
_WARM_UP_PACKETS = 20  # 1.2 seconds


class _Chunk(NamedTuple):
    """Packets to be coded.

    Attributes:
        packet: Number of packets before the chunk.
        warm_up: Number of packets before it that are coded and left out.
        samples: Their audio; without the lead of the first packet and what follows the last one.
        is_last: Whether nothing follows.
    """

    packet: int
    warm_up: int
    samples: Samples
    is_last: bool


class OpusRecordingEncoder:
    """Encodes one recording, see `RecordingEncoder`.

    Args:
        encoder: How to encode.
        recording: What is encoded.
    """

    def __init__(self, encoder: OpusEncoder | DualMonoOpusEncoder, recording: Recording) -> None:
        self._encoder = encoder
        self._recording = recording
        self._rate = known_rate(recording.rate, OPUS_RATES)
        self._frames = resampled_frames(recording.frames, recording.rate, self._rate)
        self._lead = opus.lead_of(self._frames, self._rate)
        self._gain_db = (encoder.left if isinstance(encoder, DualMonoOpusEncoder) else encoder).gain_db

    def chunks(self, blocks: Iterator[Samples]) -> Iterator[_Chunk]:
        """See `RecordingEncoder`."""
        per_packet = opus.packet_frames(self._rate)
        length, warm_up = _CHUNK_PACKETS * per_packet, _WARM_UP_PACKETS * per_packet
        right_rate = resampled(blocks, self._recording.rate, self._rate, self._frames)
        done = packet = 0
        before: Samples | None = None
        for samples in cut(right_rate, chain([max(length - self._lead, 1)], repeat(length))):
            done += len(samples)
            joined = samples if before is None else np.concatenate((before, samples))
            yield _Chunk(packet, 0 if before is None else _WARM_UP_PACKETS, joined, is_last=done == self._frames)
            before = joined[-warm_up:]
            packet += _CHUNK_PACKETS
        if done != self._frames:
            raise RuntimeError(f"{done} frames came to be encoded, and {self._frames} were expected")

    def encode(self, chunk: _Chunk) -> list[libopus.Packets]:
        """See `RecordingEncoder`; returns the packets of each stream."""
        samples = opus.amplified(chunk.samples, self._gain_db)
        lead = 0 if chunk.packet else self._lead
        padded = opus.extended(samples, lead, opus.tail_of(self._rate) if chunk.is_last else 0, self._rate)
        whole = len(padded) // opus.packet_frames(self._rate) * opus.packet_frames(self._rate)
        sides = self._coded(padded[:whole], chunk.packet - chunk.warm_up)
        return [_without_first(packets, chunk.warm_up) for packets in sides]

    def _coded(self, padded: Samples, packet: int) -> list[libopus.Packets]:
        places = [opus.Place(self._lead, packet, level + self._gain_db) for level in self._recording.loudness_db]
        if isinstance(self._encoder, DualMonoOpusEncoder):
            return list(self._encoder.coded(padded, self._rate, places)[:2])
        return [self._encoder.coded(padded, self._rate, places[0])[0]]

    def write(self, pieces: Iterator[list[libopus.Packets]], file: BinaryIO) -> None:
        """See `RecordingEncoder`."""
        mono_streams = isinstance(self._encoder, DualMonoOpusEncoder)
        skip = self._lead + opus.tail_of(self._rate)
        head = opus_file.header(self._recording.channels, self._rate, skip, self._gain_db, mono_streams=mono_streams)
        serial = zlib.crc32(bytes.fromhex(self._recording.pcm_sha256), zlib.crc32(head))
        end = (skip + self._frames) * (OPUS_CLOCK // self._rate)
        for page in oggfile.pages((head, opus_file.NO_TAGS), self._positions(pieces, end), OPUS_CLOCK, serial):
            file.write(page)

    def _positions(self, pieces: Iterator[list[libopus.Packets]], end: int) -> Iterator[tuple[bytes, int]]:
        """The packets that the audio's length needs, each with the position after it; the last one is the end."""
        position = 0
        for streams in pieces:
            left = -(-(end - position) // opus_file.PACKET_TICKS)
            for packet in libopus.multiplexed(streams, min(len(streams[0].sizes), left)):
                position += opus_file.PACKET_TICKS
                yield packet, min(position, end)


def _without_first(packets: libopus.Packets, count: int) -> libopus.Packets:
    start = int(packets.sizes[:count].sum())
    return libopus.Packets(packets.data[start : start + int(packets.sizes[count:].sum())], packets.sizes[count:])
