"""What sealing shows: a sealed result as it lies in its topic, who opens it and who does not, and its erasure."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from schemas import CompressedAudio, Record, Rejection
from schemas import headers as h
from schemas.topics import COMPRESSED, KEYS, RAW
from scripts.cli import CommandError
from scripts.demonstration.acting import run_as
from scripts.demonstration.environment import DemoEnvironment
from scripts.demonstration.synthesis import speech
from scripts.tables import ReportTable
from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.clients.messages import record_of
from streams.clients.segments import segments
from streams.clients.topic_reader import TopicReader
from streams.kafka.protocol.unreadable import Unreadable

_HOTEL, _CALL = "discreet", "sealed-call"
_SECONDS = 2.0
_WITHIN_S, _PAUSE_S = 60.0, 0.2
_SHOWN = (h.CONTENT_TYPE, h.HOTEL_ID, h.CALL_ID, h.SHA256, h.SEAL, h.SEAL_KEY, h.SEALED_HEADERS)
_LONGEST = 48


@dataclass(frozen=True, slots=True)
class SealingStep:
    """One thing that was tried.

    Attributes:
        account: Who tried it.
        act: What was tried.
        answer: What came of it.
        right: Whether that is as it has to be.
    """

    account: str
    act: str
    answer: str
    right: bool


@dataclass(frozen=True, slots=True)
class SealingReport:
    """What was tried with a hotel whose policy demands sealing.

    Attributes:
        steps: In order.
        headers: Headers of the sealed result, as they lie in the topic.
    """

    steps: Sequence[SealingStep]
    headers: Sequence[tuple[str, str]]

    @property
    def faults(self) -> list[str]:
        """What is not as it has to be, a line each."""
        return [f"{one.act} as {one.account}: {one.answer}" for one in self.steps if not one.right]

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {"steps": [asdict(one) for one in self.steps], "headers": dict(self.headers)}

    def print(self, console: Console) -> None:
        """The report for people."""
        steps = ReportTable("account", "act", "answer", title="What sealing does")
        for one in self.steps:
            steps.add_row(one.account, one.act, one.answer)
        record = ReportTable("header", "value", title="The sealed result, as it lies in its topic")
        for name, value in self.headers:
            record.add_row(name, value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
        for table in (steps, record):
            console.print(table)
            console.print()


def make_keys(environment: DemoEnvironment) -> None:
    """Make the key store of the run, which holds for what its environment runs.

    Raises:
        CommandError: If that fails.
    """
    made = run_as(environment, "eraser", "keys", "init")
    if made.code:
        raise CommandError(f"{made.command}: {made.summary}")


def look_at_sealing(environment: DemoEnvironment, worker_url: str, say: Callable[[str], None]) -> SealingReport:
    """Seal a call by its hotel's policy, open it, and erase it.

    Args:
        environment: Of a secure Kafka, with a key store and a worker that is ready.
        worker_url: Where the worker says which policies are in force.
        say: Called with a line before each long step.
    """
    say("sealing, opening and erasing a call")
    policy = run_as(environment, "operator", "policy", "set", "--hotel", _HOTEL, "--sealed", "--worker", worker_url)
    steps = [SealingStep("operator", f"policy set --hotel {_HOTEL} --sealed", policy.summary, not policy.code)]
    sealed = asyncio.run(_sent_and_sealed(environment))
    steps.append(_looked(sealed))
    store = f"file://{environment.key_store}"
    steps.append(_opened(environment, "open it with the key store", store, None))
    nowhere = f"file://{environment.directory / 'no-key-store'}"
    steps.append(_opened(environment, "open it without the key store", nowhere, "SealedNoAccess"))
    erased = run_as(environment, "eraser", "erase", "--hotel", _HOTEL, "--call", _CALL, "--yes")
    what = f"erase --hotel {_HOTEL} --call {_CALL}"
    told = next(iter(erased.output.splitlines()), "")
    steps.append(SealingStep("eraser", what, told, not erased.code and "erased" in told))
    steps.append(_opened(environment, "open it with the key store afterwards", store, "SealedErased"))
    shown = [(name, (value or b"").decode("utf-8", "replace")) for name, value in sealed.headers if name in _SHOWN]
    return SealingReport(steps, shown)


async def _sent_and_sealed(environment: DemoEnvironment) -> Record:
    """Send a call that its sender seals, and wait for its result, as it lies in the topic."""
    telephony = environment.cluster_of("telephony")
    names = {name: telephony.topic(name) for name in (RAW, KEYS)}
    store = f"file://{environment.key_store}"
    async with RawAudioProducer(telephony.connection, names[RAW], keys=names[KEYS], seal=store) as producer:
        for event in segments(speech(_SECONDS, 1), hotel_id=_HOTEL, call_id=_CALL, source="/demo", seconds=_SECONDS):
            await producer.send(event)
    consumer = environment.cluster_of("consumer")
    try:
        async with asyncio.timeout(_WITHIN_S):
            while True:
                async with TopicReader(consumer.connection, consumer.topic(COMPRESSED)) as topic:
                    async for message in topic.between(*await topic.bounds()):
                        if not isinstance(message, Unreadable) and message.key == _CALL.encode():
                            return record_of(message)
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise CommandError(f"the call {_CALL} has no result after {_WITHIN_S:.0f} s") from None


def _looked(record: Record) -> SealingStep:
    value = record.value or b""
    is_sealed = any(name == h.SEAL for name, _ in record.headers)
    answer = f"{len(value)} bytes that begin with {value[:8].hex()}"
    return SealingStep("consumer", "look at the result", answer if is_sealed else "it is in clear", is_sealed)


def _opened(environment: DemoEnvironment, act: str, key_store: str, expected: str | None) -> SealingStep:
    """Read the result as a consumer does; ``expected`` is the code of the answer, None for the audio."""
    found = asyncio.run(_read(environment, key_store))
    if isinstance(found, Rejection):
        return SealingStep("consumer", act, f"{found.code}: {found.message}", found.code == expected)
    answer = f"{found.duration_ms / 1000:.1f} s of {found.codec}, {len(found.audio)} bytes"
    return SealingStep("consumer", act, answer, expected is None)


async def _read(environment: DemoEnvironment, key_store: str) -> CompressedAudio | Rejection:
    """The first sealed result, or why it cannot be opened."""
    cluster = environment.cluster_of("consumer")
    async with (
        asyncio.timeout(_WITHIN_S),
        CompressedAudioConsumer(
            cluster.connection,
            cluster.topic(COMPRESSED),
            from_beginning=True,
            key_store=key_store,
            keys=cluster.topic(KEYS),
        ) as consumer,
    ):
        async for found in consumer:
            if isinstance(found, Rejection) or found.hotel_id == _HOTEL:
                return found
    raise CommandError("the sealed result is gone")
