"""Compares what went in with what came out, knowing nothing but the topics and the contract.

It imports nothing of the product: header names are spelled out here as the contract spells them, and files are opened
with libsndfile as any consumer would.
"""

import asyncio
import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field

import soundfile
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from tests.support.workload import Planned

_SETTLE_SECONDS = 2.0
_MAX_REQUEST = 10 * 2**20
_WAV_HEADER = {"audio/L16": 44, "audio/x-slin": 44, "audio/PCMU": 58, "audio/PCMA": 58}

_LOSSLESS_LEVELS = 2
#: Codecs whose every decoder gives the same samples; a lossy input that was kept as sent may round differently.
_EXACT = {"flac", "pcm", "pcmu", "pcma"}

Place = tuple[int, int]


@dataclass
class Verdict:
    """What the ledger found; a delivery is exact when ``faults`` is empty."""

    inputs: int = 0
    results: int = 0
    dead_letters: int = 0
    faults: list[str] = field(default_factory=list)


class Ledger:
    """Sends inputs, keeps what the brokers acknowledged, and judges what came out.

    Args:
        bootstrap_servers: The cluster.
        prefix: Topic prefix of the test.
    """

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self._servers = bootstrap_servers
        self._prefix = prefix
        self._sent: dict[Place, Planned] = {}
        self.results: list[ConsumerRecord] = []
        self.dead_letters: list[ConsumerRecord] = []

    async def send(self, planned: list[Planned], *, per_second: float | None = None) -> None:
        """Send records in order and note where the brokers put them."""
        async with AIOKafkaProducer(
            bootstrap_servers=self._servers, acks="all", enable_idempotence=True, max_request_size=_MAX_REQUEST
        ) as producer:
            pending = []
            for plan in planned:
                record = plan.record
                pending.append(
                    await producer.send(
                        f"{self._prefix}audio.raw", record.value, key=record.key, headers=list(record.headers)
                    )
                )
                if per_second:
                    await asyncio.sleep(1 / per_second)
            for plan, metadata in zip(planned, await asyncio.gather(*pending), strict=True):
                self._sent[metadata.partition, metadata.offset] = plan

    async def collect(self, within: float) -> None:
        """Read results and dead letters until each input has one, then a little longer for doubled ones.

        Args:
            within: Seconds after which it stops waiting for missing ones.
        """
        self.results, self.dead_letters = [], []
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            outputs = [f"{self._prefix}audio.compressed", f"{self._prefix}audio.dead-letter"]
            consumer.assign(
                [
                    TopicPartition(topic, partition)
                    for topic in outputs
                    for partition in await _partitions(consumer, topic)
                ]
            )
            loop = asyncio.get_running_loop()
            until = loop.time() + within
            while loop.time() < until:
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    (self.results if tp.topic == outputs[0] else self.dead_letters).extend(records)
                if len(self.results) + len(self.dead_letters) >= len(self._sent):
                    until = min(until, loop.time() + _SETTLE_SECONDS)
        finally:
            await consumer.stop()

    def verdict(self) -> Verdict:
        """Judge everything collected so far."""
        found = Verdict(len(self._sent), len(self.results), len(self.dead_letters))
        outcomes = Counter(_place(record, "ce_source") for record in self.results)
        outcomes.update(_place(record, "__connect.errors.") for record in self.dead_letters)
        found.faults += [f"lost: {place} {self._sent[place]}"[:300] for place in self._sent if not outcomes[place]]
        found.faults += [f"doubled: {place}" for place, count in outcomes.items() if count > 1]
        found.faults += [f"from nowhere: {place}" for place in outcomes if place not in self._sent]
        found.faults += _disorder(self.results) + _disorder(self.dead_letters)
        for record in self.results:
            found.faults += self._check_result(record)
        for record in self.dead_letters:
            found.faults += self._check_dead_letter(record)
        return found

    def _check_result(self, record: ConsumerRecord) -> list[str]:
        place = _place(record, "ce_source")
        plan = self._sent.get(place)
        if plan is None or plan.sample is None:
            return [f"a result for a bad input ({plan and plan.bad}): {place}"]
        headers = _headers(record)
        faults = []
        if record.key != plan.record.key or record.partition != place[0]:
            faults.append(f"wrong key or partition: {place}")
        if headers["ce_sequence"] != str(plan.sequence):
            faults.append(f"wrong sequence: {place}")
        if hashlib.sha256(record.value).hexdigest() != headers["ce_sha256"]:
            faults.append(f"digest differs: {place}")
        media_type = plan.sample.media_type.partition(";")[0]
        if len(record.value) > len(plan.sample.audio) + _WAV_HEADER.get(media_type, 0):
            faults.append(f"larger than its input: {place} {media_type} {headers['ce_codec']}")
        with soundfile.SoundFile(io.BytesIO(record.value)) as sound:
            pcm = sound.read(dtype="int16", always_2d=True)
            if abs(len(pcm) / sound.samplerate - plan.sample.frames / plan.sample.rate) > 1 / plan.sample.rate:
                faults.append(f"wrong length: {place} {media_type} {headers['ce_codec']} {len(pcm)} frames")
        exact = headers["ce_codec"] in _EXACT and int(headers["ce_level"]) <= _LOSSLESS_LEVELS
        if exact and hashlib.sha256(pcm.tobytes()).hexdigest() != headers["ce_pcmsha256"]:
            faults.append(f"not lossless: {place} {media_type} {headers['ce_codec']}")
        return faults

    def _check_dead_letter(self, record: ConsumerRecord) -> list[str]:
        place = _place(record, "__connect.errors.")
        plan = self._sent.get(place)
        if plan is None or plan.bad is None:
            return [f"a dead letter for a good input: {place} {_headers(record)}"]
        original = plan.record
        if (record.key, record.value) != (original.key, original.value):
            return [f"dead letter not intact: {place}"]
        if tuple(record.headers)[: len(original.headers)] != original.headers:
            return [f"dead letter's headers not intact: {place}"]
        return []


async def exact(ledger: Ledger, within: float = 60) -> None:
    """Wait until everything sent is answered, and see to it that the answers are right."""
    await ledger.collect(within)
    assert ledger.verdict().faults == []


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    await consumer._client.force_metadata_update()  # noqa: SLF001  an unassigned consumer knows no topic yet
    while not (found := consumer.partitions_for_topic(topic)):
        await consumer.topics()
        await asyncio.sleep(0.1)
    return sorted(found)


def _headers(record: ConsumerRecord) -> dict[str, str]:
    return {name: value.decode("utf-8", "replace") for name, value in record.headers}


def _place(record: ConsumerRecord, prefix: str) -> Place:
    headers = _headers(record)
    return int(headers[f"{prefix}partition"]), int(headers[f"{prefix}offset"])


def _disorder(records: list[ConsumerRecord]) -> list[str]:
    """Results of one call that do not follow the order in which its inputs were sent."""
    faults = []
    last: dict[tuple[int, bytes | None], int] = {}
    for record in records:
        headers = _headers(record)
        offset = int(headers.get("ce_sourceoffset") or headers["__connect.errors.offset"])
        call = (record.partition, record.key)
        if offset < last.get(call, -1):
            faults.append(f"out of order: {call} {offset} after {last[call]}")
        last[call] = offset
    return faults
