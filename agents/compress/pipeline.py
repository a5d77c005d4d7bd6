"""The pipeline of one record: parse, decode, analyse, choose, find in the cache or encode."""

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from agents.compress.result import result_of
from schemas import CompressedAudio, MediaType, Policy, Position, RawAudio, Record, Rejection
from streams.analysis.analysis import LazyAnalysis, analyse, analyse_lazily
from streams.audio import Clip, ClipMetadata
from streams.cache import Memo, TieredCache, admits, cache_key
from streams.codecs import Encoded
from streams.compression import Decision, Plan, Pressure, choose, encode, is_smaller, kept_reason, smallest
from streams.delivery.interpreter_gate import InterpreterGate
from streams.delivery.outcome import Lookup
from streams.runtime.settings import Settings

#: One analysis is remembered for each of these bytes of the cache: together, the analyses take less than a hundredth of
#: what the cache may take.
_CACHE_BYTES_PER_ANALYSIS = 65_536


class CacheUse(NamedTuple):
    """How the cache took part in one result.

    Attributes:
        source: Where the file was found; ``miss`` where it had to be encoded.
        age: Seconds since the file was admitted; None for a miss.
        updates: Keys and entries to write to the partition's table.
    """

    source: Literal["memory", "table", "miss"]
    age: float | None
    updates: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Compression:
    """A result, and how it was made.

    Attributes:
        result: The event for the output topic.
        media_type: The input's, as its sender labelled it.
        source: The input's ``ce_source``.
        seconds: How long the pipeline took.
        cache_use: None where the input's channel is not cached.
        sealed: Whether its hotel's results were sealed when it was made.
    """

    result: CompressedAudio
    media_type: MediaType
    source: str
    seconds: float
    cache_use: CacheUse | None
    sealed: bool

    @property
    def table_updates(self) -> tuple[tuple[bytes, bytes], ...]:
        """Keys and entries to write to the partition's table."""
        return () if self.cache_use is None else self.cache_use.updates


class _AnalysedAudio(NamedTuple):
    """What is known of an input before it is encoded.

    Attributes:
        metadata: Its rate, length, source format and digest.
        analysis: Its content.
        clip: The decoded audio; None where metadata and analysis are remembered.
    """

    metadata: ClipMetadata
    analysis: LazyAnalysis
    clip: Clip | None


class _EncodedFile(NamedTuple):
    """The file of a result.

    Attributes:
        encoded: The file.
        cache_use: None where the input's channel is not cached.
        input_kept: Whether it is the input itself, because encoding does not make it smaller.
    """

    encoded: Encoded
    cache_use: CacheUse | None
    input_kept: bool = False

    @property
    def is_hit(self) -> bool:
        """Whether the cache had the file."""
        return self.cache_use is not None and self.cache_use.source != "miss"


class Pipeline:
    """Turns one record of ``audio.raw`` into a result or a rejection. Thread-safe; its only clock measures itself.

    Args:
        settings: Size limit, level, and the size of the cache.
        decode: Decodes bytes of a media type; may raise `SandboxError` when no file can be decoded any more.
        policy_of: Returns the policy of a hotel.
        pressure: Returns by how much cheaper the results have to become now.
        cache: The cache of encoded files.
        seals: Whether the results of a hotel are sealed.

    Attributes:
        gate: Hold it while calling `run`. The pipeline releases it for long calls that run outside of Python.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        decode: Callable[[bytes, MediaType], Clip | Rejection],
        policy_of: Callable[[str], Policy],
        pressure: Callable[[], Pressure],
        cache: TieredCache,
        seals: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.gate = InterpreterGate()
        self._max_bytes = settings.max_record_bytes
        self._level = settings.compression_level
        self._decoder = decode
        self._policy_of = policy_of
        self._pressure = pressure
        self._cache = cache
        self._seals = seals
        self._analyses: Memo[_AnalysedAudio] = Memo(settings.cache_bytes // _CACHE_BYTES_PER_ANALYSIS)

    def run(self, record: Record, position: Position, lookup: Lookup) -> Compression | Rejection:
        """Compress one record.

        Args:
            record: The record.
            position: Its topic, partition and offset.
            lookup: Reads the cache table of its partition.

        Raises:
            SandboxError: When no file can be decoded any more.
        """
        started = time.perf_counter()
        event = RawAudio.from_record(record, max_bytes=self._max_bytes)
        if isinstance(event, Rejection):
            return event
        policy = self._policy_of(event.hotel_id)
        sealed = self._seals(event.hotel_id)
        cacheable = admits(event.channel, policy, seals=sealed)
        audio = self._analyse(event, cacheable=cacheable)
        if isinstance(audio, Rejection):
            return audio
        decision = choose(
            audio.metadata, audio.analysis, policy, self._pressure(), self._level, input_bytes=len(event.audio)
        )
        cached = lookup if cacheable else None
        file = self._file(event, audio, decision.plan, policy, partition=position.partition, lookup=cached)
        if isinstance(file, Rejection):
            return file
        if file.input_kept:
            decision = Decision(decision.plan, kept_reason(audio.metadata.source))
        result = result_of(position, event, audio.metadata, decision=decision, encoded=file.encoded, hit=file.is_hit)
        result = replace(result, archive=policy.archive)
        seconds = time.perf_counter() - started
        return Compression(result, event.media_type, event.source, seconds, file.cache_use, sealed)

    def _analyse(self, event: RawAudio, *, cacheable: bool) -> _AnalysedAudio | Rejection:
        """Decode and analyse, or recall both for the same bytes: they would be most of the work of a cache hit."""
        if cacheable:
            digest = hashlib.sha256(f"{event.media_type}\0".encode())
            digest.update(event.audio)
            known = self._analyses.recall(digest.digest())
            if known is not None:
                return known
        clip = self._decode(event)
        if isinstance(clip, Rejection):
            return clip
        if not cacheable:
            return _AnalysedAudio(clip.metadata, analyse_lazily(clip), clip)
        audio = _AnalysedAudio(clip.metadata, LazyAnalysis.known(analyse(clip)), clip)
        self._analyses.remember(digest.digest(), audio._replace(clip=None))
        return audio

    def _file(
        self,
        event: RawAudio,
        audio: _AnalysedAudio,
        plan: Plan,
        policy: Policy,
        *,
        partition: int,
        lookup: Lookup | None,
    ) -> _EncodedFile | Rejection:
        """Find the file in the cache or encode it, and keep the input where that is smaller.

        Args:
            event: The input.
            audio: The input's audio.
            plan: How to encode it.
            policy: Says which media types are accepted.
            partition: The input's.
            lookup: Reads the cache table of the partition; None where the input's channel is not cached.
        """
        media_type = audio.metadata.source.corrected or event.media_type
        found = None if lookup is None else self._find(audio.metadata, plan, partition, lookup)
        if found is not None and is_smaller(found.encoded, audio.metadata, event.audio, media_type, policy):
            return found
        clip = audio.clip or self._decode(event)
        if isinstance(clip, Rejection):
            return clip
        file = found or self._encode(clip, plan, partition, cacheable=lookup is not None)
        best = smallest(file.encoded, clip, event.audio, media_type, policy, input_quality=plan.input_quality)
        return _EncodedFile(best, file.cache_use, input_kept=best != file.encoded)

    def _find(self, metadata: ClipMetadata, plan: Plan, partition: int, lookup: Lookup) -> _EncodedFile | None:
        key = cache_key(metadata.pcm_sha256, plan.profile)
        found = self._cache.find(key, partition, lookup)
        if found is None:
            return None
        # The same sound may have come as another file, with another quality of its own.
        encoded = found.encoded.with_quality(plan.qualities[0])
        return _EncodedFile(encoded, CacheUse(found.tier, found.age, _table_updates(key, found.update)))

    def _encode(self, clip: Clip, plan: Plan, partition: int, *, cacheable: bool) -> _EncodedFile:
        """Encode, and offer the file to the cache if it may be cached."""
        with self.gate.released:
            encoded = encode(clip, plan)
        if not cacheable:
            return _EncodedFile(encoded, None)
        key = cache_key(clip.pcm_sha256, plan.profile)
        entry = self._cache.offer(key, encoded, partition)
        return _EncodedFile(encoded, CacheUse("miss", None, _table_updates(key, entry)))

    def _decode(self, event: RawAudio) -> Clip | Rejection:
        with nullcontext() if event.media_type.is_raw else self.gate.released:  # files are decoded in another process
            return self._decoder(event.audio, event.media_type)


def _table_updates(key: bytes, entry: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if entry is None else ((key, entry),)
