"""The compress agent: raw call audio in, small playable files out."""

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog

from agents.compress.result import result_of
from agents.compress.sender_clocks import SenderClocks
from schemas import CompressedAudio, MediaType, Policy, RawAudio, Rejection
from schemas.raw_audio import hotel_of, in_senders_terms
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, topic
from streams.analysis.analysis import LazyAnalysis, analyse, analyse_lazily
from streams.audio import Clip, ClipMetadata
from streams.cache import Memo, TieredCache, admits, cache_key
from streams.codecs import Encoded
from streams.compression import INPUT_KEPT, Decision, LoadGovernor, Plan, choose, encode, is_smaller, smallest
from streams.delivery.interpreter_gate import InterpreterGate
from streams.delivery.outcome import InputRecord, Lookup, Outcome, Output
from streams.delivery.placement import Placement
from streams.kafka.broker_clocks import age
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime
from streams.sandbox import SandboxError
from streams.telemetry.metrics.recorder import MetricsRecorder

log = structlog.get_logger(__name__)

#: Of so many inputs is remembered what was heard in them that it takes less than a hundredth of what the cache may.
_CACHED_BYTES_PER_HEARING = 65_536


class _Kept(NamedTuple):
    """A file, and what the cache has to do with it.

    Attributes:
        encoded: The file.
        source: Where it came from; from its encoder, if it was missed.
        age: Seconds since it was admitted, if it was found.
        updates: What the table should know of it.
    """

    encoded: Encoded
    source: Literal["memory", "table", "miss"]
    age: float | None
    updates: tuple[tuple[bytes, bytes], ...]


class _Analysed(NamedTuple):
    """What is known of an input before it is encoded.

    Attributes:
        outline: What it is.
        hearing: What is heard in it.
        clip: The decoded audio, or None where the rest is remembered.
    """

    metadata: ClipMetadata
    lazy_analysis: LazyAnalysis
    clip: Clip | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the logs and metrics say about one result.

    Attributes:
        result: The result.
        labelled: What its input was said to be.
        source: Who sent its input.
        encode_seconds: What it took.
        kept: What the cache had to do with it; None where it was not asked.
    """

    result: CompressedAudio
    labelled: MediaType
    source: str
    encode_seconds: float
    kept: _Kept | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a compressor works with.

    Attributes:
        decode: Turns bytes of a media type into a clip; raises `SandboxError` when nothing can be decoded any more.
        policy_of: The policy of a hotel.
        governor: Turns lag into pressure.
        cache: Keeps what may be kept.
        tally: Where outcomes are counted.
        placement: Notices calls in more than one partition.
        senders: Looks at the times that senders write.
        on_failure: Ends the worker.
        now: The time by the brokers' clocks, in seconds since the Unix epoch.
    """

    decode: Callable[[bytes, MediaType], Clip | Rejection]
    policy_of: Callable[[str], Policy]
    governor: LoadGovernor
    cache: TieredCache
    recorder: MetricsRecorder
    placement: Placement
    senders: SenderClocks
    on_failure: Callable[[BaseException], None]
    now: Callable[[], float]


class Compressor:
    """Turns one record of ``audio.raw`` into a compressed result or a dead letter.

    Args:
        results: Real name of the topic for results.
        dead_letters: Real name of the topic for dead letters.
        settings: Size limit and level.
        parts: What it works with.
    """

    def __init__(self, results: str, dead_letters: str, settings: Settings, parts: Parts) -> None:
        self._results = results
        self._dead_letters = dead_letters
        self._level = settings.compression_level
        self._max_bytes = settings.max_record_bytes
        self._letter_bytes = topic(DEAD_LETTER).max_message_bytes  # a worker's start checks that it is so
        self._parts = parts
        self._gate = InterpreterGate()
        self._analysed: Memo[_Analysed] = Memo(settings.cache_bytes // _CACHED_BYTES_PER_HEARING)

    def process(self, record: InputRecord, lookup: Lookup) -> Outcome:
        """Parse, decode, choose, encode; see docs/ARCHITECTURE.md for the way of one record."""
        with self._gate:
            return self._process(record, lookup)

    def _process(self, record: InputRecord, lookup: Lookup) -> Outcome:
        started = time.perf_counter()
        event = RawAudio.from_record(record.content, max_bytes=self._max_bytes)
        if isinstance(event, Rejection):
            return self.reject(record, event)
        policy = self._parts.policy_of(event.hotel_id)
        repeats = admits(event.channel, policy)
        analysed = self._analyse_channel(event, repeats=repeats)
        if isinstance(analysed, Rejection):
            return self.reject(record, analysed)
        decision = choose(analysed.metadata, analysed.lazy_analysis, policy, self._parts.governor.pressure, self._level)
        found = self._find(analysed.metadata, decision.plan, record.position.partition, lookup) if repeats else None
        labelled = analysed.metadata.source.corrected or event.media_type
        if found is not None and is_smaller(found.encoded, analysed.metadata, event.audio, labelled):
            kept, best = found, found.encoded
        else:
            clip = analysed.clip or self._decode(event.audio, event.media_type)
            if isinstance(clip, Rejection):
                return self.reject(record, clip)
            kept = found or self._make(clip, decision.plan, record.position.partition, offer=repeats)
            best = smallest(kept.encoded, clip, event.audio, labelled, policy)
        if best != kept.encoded:
            decision = Decision(decision.plan, INPUT_KEPT)
        result = result_of(record, event, analysed.metadata, decision=decision, encoded=best, hit=found is not None)
        return Outcome(
            outputs=(Output(self._results, result.to_record()),),
            table_updates=kept.updates,
            report=Report(
                result, event.media_type, event.source, time.perf_counter() - started, kept if repeats else None
            ),
        )

    def _analyse_channel(self, event: RawAudio, *, repeats: bool) -> _Analysed | Rejection:
        """Decode and analyse, or remember what was heard of the same bytes: next to a hit that is most of the work."""
        if repeats:
            digest = hashlib.sha256(f"{event.media_type}\0".encode())
            digest.update(event.audio)
            known = self._analysed.recall(digest.digest())
            if known is not None:
                return known
        clip = self._decode(event.audio, event.media_type)
        if isinstance(clip, Rejection):
            return clip
        analysed = _Analysed(
            clip.metadata, LazyAnalysis.known(analyse(clip)) if repeats else analyse_lazily(clip), clip
        )
        if repeats:
            self._analysed.remember(digest.digest(), analysed._replace(clip=None))
        return analysed

    def _find(self, metadata: ClipMetadata, plan: Plan, partition: int, lookup: Lookup) -> _Kept | None:
        key = cache_key(metadata.pcm_sha256, plan.profile)
        found = self._parts.cache.find(key, partition, lookup)
        return found and _Kept(found.encoded, found.tier, found.age, _table_updates(key, found.update))

    def _make(self, clip: Clip, plan: Plan, partition: int, *, offer: bool) -> _Kept:
        """Encode, and offer what may be kept to the cache."""
        with self._gate.released:
            encoded = encode(clip, plan)
        if not offer:
            return _Kept(encoded, "miss", None, ())
        key = cache_key(clip.pcm_sha256, plan.profile)
        return _Kept(encoded, "miss", None, _table_updates(key, self._parts.cache.offer(key, encoded, partition)))

    def _decode(self, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        try:
            with nullcontext() if media_type.is_raw else self._gate.released:  # a file is decoded in another process
                return self._parts.decode(audio, media_type)
        except SandboxError as error:  # the executor would make dead letters of all that comes
            self._parts.on_failure(error)
            raise

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome:
        """Make the dead letter: the original and the reason, cut only if the topic would not take it whole."""
        if rejection.stage in {"decode", "compress"}:
            rejection = in_senders_terms(record.content, rejection)
        letter = record.letter(rejection).fitted(self._letter_bytes)
        return Outcome(outputs=(Output(self._dead_letters, letter.to_record()),), rejection=rejection)

    def delivered(self, record: InputRecord, outcome: Outcome) -> None:
        """Log and count what was committed, and let the governor know how late it is."""
        call, now = (record.content.key or b"").decode("utf-8", "replace"), self._parts.now()
        delay = age(record.content.timestamp_ms, now)
        if delay is not None:
            self._parts.governor.observe(delay, partition=record.position.partition, call=call)
        place = {"partition": record.position.partition, "offset": record.position.offset}
        if outcome.rejection is not None:
            rejection, hotel = outcome.rejection, hotel_of(record.content)
            self._parts.recorder.delivered(hotel, call, delay)
            self._parts.recorder.dead_letter(hotel, rejection)
            self._parts.senders.look(record.content, hotel, None, now)
            log.warning("dead_letter", call=call, code=rejection.code, reason=rejection.message, **place)
            return
        report: Report = outcome.report
        result = report.result
        self._parts.recorder.delivered(result.hotel_id, call, delay)
        self._parts.recorder.result(result, report.labelled, report.encode_seconds)
        self._parts.placement.seen(result.call_id, record.position.partition, report.source)
        self._parts.senders.look(record.content, result.hotel_id, result.time, now)
        if report.kept is not None:
            self._parts.recorder.cached(
                report.kept.source, report.kept.age, [len(value) for _, value in report.kept.updates]
            )
        log.debug(
            "compressed",
            call=result.call_id,
            compression_level=result.level,
            codec=result.codec,
            quality=result.quality,
            reason=result.reason,
            corrected_type=result.corrected_type,
            bytes_in=result.original_bytes,
            bytes_out=len(result.audio),
            ratio=round(result.original_bytes / len(result.audio), 2),
            cache=result.cache,
            **place,
        )


def register(runtime: Runtime) -> None:
    """Put the agent on ``audio.raw``."""
    settings = runtime.settings
    placement = Placement(lambda: runtime.partitions.input, runtime.metrics)
    recorder, on_failure = runtime.recorder, runtime.on_failure
    parts = Parts(
        runtime.sandbox.decode,
        runtime.policies.of,
        runtime.governor,
        runtime.cache,
        recorder,
        placement,
        SenderClocks(runtime.metrics),
        on_failure,
        runtime.clocks.now,
    )
    compressor = Compressor(runtime.topic_name(COMPRESSED), runtime.topic_name(DEAD_LETTER), settings, parts)
    runtime.serve(RAW, compressor, agent="compress")


def _table_updates(key: bytes, entry: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if entry is None else ((key, entry),)
