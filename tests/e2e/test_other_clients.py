"""Records of other programs, through a whole worker: other event modes, and other partitioners."""

import asyncio
from collections.abc import Mapping

import confluent_kafka
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from schemas import CompressedAudio, DeadLetter, Record
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import wait_for
from tests.e2e.test_worker import metric
from tests.support.brokers import Broker, Namespace

MESSAGE = segment(sample(0.5, "audio/L16", seed=1), "call-1", 0).message
AUDIO = MESSAGE.value or b""
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Sender:
    """A producer on librdkafka, like confluent-kafka in any language."""

    def __init__(self, broker: Broker, namespace: Namespace, **settings: str) -> None:
        self._producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
        self._topic = f"{namespace.prefix}{RAW}"

    def send(self, key: str, value: bytes | None, headers: Mapping[str, bytes | None]) -> None:
        self._producer.produce(self._topic, value, key, headers=list(headers.items()))
        assert self._producer.flush(20) == 0


async def outcomes(broker: Broker, namespace: Namespace, topic: str, count: int) -> list[Record]:
    """The first records of a topic, as a `read_committed` consumer sees them."""
    consumer = AIOKafkaConsumer(
        f"{namespace.prefix}{topic}",
        bootstrap_servers=broker.bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer, asyncio.timeout(40):
        return [_record(await consumer.getone()) for _ in range(count)]


def _record(message: ConsumerRecord) -> Record:
    return Record(message.key, message.value, tuple(message.headers), message.timestamp)


def structured(call: str) -> KafkaMessage:
    attributes = {
        "specversion": "1.0",
        "id": f"{call}-0",
        "source": "/pbx",
        "type": "hotel.audio.raw.v1",
        "datacontenttype": "audio/L16;rate=8000",
        "hotelid": "seaside",
        "callid": call,
        "sequence": 0,
        "final": True,
        "traceparent": TRACE,
    }
    return to_structured_event(CloudEvent(attributes, AUDIO), key_mapper=lambda _event: call)


async def test_an_event_in_structured_mode_has_its_result_and_one_in_a_format_that_is_not_served_its_letter(
    broker: Broker, namespace: Namespace, worker: Worker
) -> None:
    sender = Sender(broker, namespace, partitioner="murmur2_random")
    served, refused = structured("call-1"), structured("call-2")
    with running(worker):
        sender.send("call-1", served.value, {"Content-Type": b"Application/CloudEvents+JSON; charset=UTF-8"})
        sender.send("call-2", refused.value, {"content-type": b"application/cloudevents+avro"})
        (result,) = await outcomes(broker, namespace, COMPRESSED, 1)
        (letter,) = await outcomes(broker, namespace, DEAD_LETTER, 1)

    event = CompressedAudio.from_record(result)
    assert isinstance(event, CompressedAudio)
    assert (event.call_id, event.hotel_id, event.sequence, event.final) == ("call-1", "seaside", 0, True)
    assert (event.original_bytes, event.trace_parent) == (len(AUDIO), TRACE)
    dead = DeadLetter.from_record(letter)
    assert isinstance(dead, DeadLetter)
    assert (dead.rejection.code, dead.rejection.field) == ("UnsupportedEventFormat", "content-type")
    assert (dead.original.key, dead.original.value) == (b"call-2", refused.value)
    assert dead.original.headers == (("content-type", b"application/cloudevents+avro"),)


async def test_a_call_whose_senders_choose_different_partitions_is_noticed(
    broker: Broker, namespace: Namespace, worker: Worker
) -> None:
    with running(worker):
        for settings in ({"partitioner": "murmur2_random"}, {}):
            sender = Sender(broker, namespace, **settings)
            for _ in range(2):
                sender.send("call-1", AUDIO, dict(MESSAGE.headers))
        await wait_for(worker, "audio_records_in_total", 4)
        assert metric(worker, "audio_split_calls_total") == 1
        assert metric(worker, "audio_misplaced_records_total") == 2

    (line,) = [line for line in worker.lines() if line["event"] == "call_in_two_partitions"]
    assert line["call"] == "call-1"
    assert len(set(line["partitions"])) == 2
    assert line["source"] == (dict(MESSAGE.headers)["ce_source"] or b"").decode()
