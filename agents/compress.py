"""The compress agent: raw call audio in, small playable files out."""

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog

from agents.result import result_of
from schemas import CompressedAudio, MediaType, Policy, RawAudio, Rejection
from schemas.raw_audio import hotel_of, in_senders_terms
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, topic
from streams.app import Runtime
from streams.audio import Clip, Outline
from streams.audio.analysis import Hearing, analyse, listen
from streams.cache import Memo, TieredCache, admits, cache_key
from streams.codecs import Encoded
from streams.compression import KEPT, Decision, LoadGovernor, Plan, choose, encode, pays, smallest
from streams.delivery.clocks import age
from streams.delivery.outcome import Input, Lookup, Outcome, Output
from streams.delivery.placement import Placement
from streams.delivery.turn import Turn
from streams.isolation import CageError
from streams.metrics.tally import Tally
from streams.sender_clocks import SenderClocks
from streams.settings import Settings

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


class _Heard(NamedTuple):
    """What is known of an input before it is encoded.

    Attributes:
        outline: What it is.
        hearing: What is heard in it.
        clip: The decoded audio, or None where the rest is remembered.
    """

    outline: Outline
    hearing: Hearing
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
        decode: Turns bytes of a media type into a clip; raises `CageError` when nothing can be decoded any more.
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
    tally: Tally
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
        self._turn = Turn()
        self._heard: Memo[_Heard] = Memo(settings.cache_bytes // _CACHED_BYTES_PER_HEARING)

    def process(self, item: Input, lookup: Lookup) -> Outcome:
        """Parse, decode, choose, encode; see docs/ARCHITECTURE.md for the way of one record."""
        with self._turn:
            return self._process(item, lookup)

    def _process(self, item: Input, lookup: Lookup) -> Outcome:
        started = time.perf_counter()
        event = RawAudio.from_record(item.record, max_bytes=self._max_bytes)
        if isinstance(event, Rejection):
            return self.reject(item, event)
        policy = self._parts.policy_of(event.hotel_id)
        repeats = admits(event.channel, policy)
        heard = self._hear(event, repeats=repeats)
        if isinstance(heard, Rejection):
            return self.reject(item, heard)
        decision = choose(heard.outline, heard.hearing, policy, self._parts.governor.pressure, self._level)
        found = self._find(heard.outline, decision.plan, item.position.partition, lookup) if repeats else None
        labelled = heard.outline.source.corrected or event.media_type
        if found is not None and pays(found.encoded, heard.outline, event.audio, labelled):
            kept, best = found, found.encoded
        else:
            clip = heard.clip or self._decode(event.audio, event.media_type)
            if isinstance(clip, Rejection):
                return self.reject(item, clip)
            kept = found or self._make(clip, decision.plan, item.position.partition, offer=repeats)
            best = smallest(kept.encoded, clip, event.audio, labelled, policy)
        if best != kept.encoded:
            decision = Decision(decision.plan, KEPT)
        result = result_of(item, event, heard.outline, decision=decision, encoded=best, hit=found is not None)
        return Outcome(
            outputs=(Output(self._results, result.to_record()),),
            table_updates=kept.updates,
            report=Report(
                result, event.media_type, event.source, time.perf_counter() - started, kept if repeats else None
            ),
        )

    def _hear(self, event: RawAudio, *, repeats: bool) -> _Heard | Rejection:
        """Decode and analyse, or remember what was heard of the same bytes: next to a hit that is most of the work."""
        if repeats:
            digest = hashlib.sha256(f"{event.media_type}\0".encode())
            digest.update(event.audio)
            known = self._heard.recall(digest.digest())
            if known is not None:
                return known
        clip = self._decode(event.audio, event.media_type)
        if isinstance(clip, Rejection):
            return clip
        heard = _Heard(clip.outline, Hearing.known(analyse(clip)) if repeats else listen(clip), clip)
        if repeats:
            self._heard.remember(digest.digest(), heard._replace(clip=None))
        return heard

    def _find(self, outline: Outline, plan: Plan, partition: int, lookup: Lookup) -> _Kept | None:
        key = cache_key(outline.pcm_sha256, plan.profile)
        found = self._parts.cache.find(key, partition, lookup)
        return found and _Kept(found.encoded, found.tier, found.age, _table_updates(key, found.update))

    def _make(self, clip: Clip, plan: Plan, partition: int, *, offer: bool) -> _Kept:
        """Encode, and offer what may be kept to the cache."""
        with self._turn.left:
            encoded = encode(clip, plan)
        if not offer:
            return _Kept(encoded, "miss", None, ())
        key = cache_key(clip.pcm_sha256, plan.profile)
        return _Kept(encoded, "miss", None, _table_updates(key, self._parts.cache.offer(key, encoded, partition)))

    def _decode(self, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        try:
            with nullcontext() if media_type.is_raw else self._turn.left:  # a file is decoded in another process
                return self._parts.decode(audio, media_type)
        except CageError as error:  # the executor would make dead letters of all that comes
            self._parts.on_failure(error)
            raise

    def reject(self, item: Input, rejection: Rejection) -> Outcome:
        """Make the dead letter: the original and the reason, cut only if the topic would not take it whole."""
        if rejection.stage in {"decode", "compress"}:
            rejection = in_senders_terms(item.record, rejection)
        letter = item.letter(rejection).fitted(self._letter_bytes)
        return Outcome(outputs=(Output(self._dead_letters, letter.to_record()),), rejection=rejection)

    def delivered(self, item: Input, outcome: Outcome) -> None:
        """Log and count what was committed, and let the governor know how late it is."""
        call, now = (item.record.key or b"").decode("utf-8", "replace"), self._parts.now()
        delay = age(item.record.timestamp_ms, now)
        if delay is not None:
            self._parts.governor.observe(delay, partition=item.position.partition, call=call)
        place = {"partition": item.position.partition, "offset": item.position.offset}
        if outcome.rejection is not None:
            rejection, hotel = outcome.rejection, hotel_of(item.record)
            self._parts.tally.delivered(hotel, call, delay)
            self._parts.tally.dead_letter(hotel, rejection)
            self._parts.senders.look(item.record, hotel, None, now)
            log.warning("dead_letter", call=call, code=rejection.code, reason=rejection.message, **place)
            return
        report: Report = outcome.report
        result = report.result
        self._parts.tally.delivered(result.hotel_id, call, delay)
        self._parts.tally.result(result, report.labelled, report.encode_seconds)
        self._parts.placement.seen(result.call_id, item.position.partition, report.source)
        self._parts.senders.look(item.record, result.hotel_id, result.time, now)
        if report.kept is not None:
            self._parts.tally.cached(
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
    tally, on_failure = runtime.tally, runtime.on_failure
    parts = Parts(
        runtime.cage.decode,
        runtime.policies.of,
        runtime.governor,
        runtime.cache,
        tally,
        placement,
        SenderClocks(runtime.metrics),
        on_failure,
        runtime.clocks.now,
    )
    compressor = Compressor(runtime.topic_name(COMPRESSED), runtime.topic_name(DEAD_LETTER), settings, parts)
    runtime.app.agent(runtime.input_topic(RAW, compressor), name="compress")(runtime.deliver)


def _table_updates(key: bytes, entry: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if entry is None else ((key, entry),)
