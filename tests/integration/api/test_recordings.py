from dataclasses import replace

import httpx
from aiokafka.admin import RecordsToDelete

from schemas import CompressedAudio, DeadLetter, MediaType, Position, RawAudio, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from streams.api.index.identity import recording_id
from streams.clients import RawAudioProducer
from streams.clients.topic_reader import TopicReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT

EVENT = RawAudio("event-1", "/pbx/lobby", "lisbon", "call-1", MediaType("audio/PCMU"), bytes(800))


async def test_a_recording_is_queued_and_then_done(broker: Broker, namespace: Namespace, api: ApiProcess) -> None:
    position = await send(broker, namespace, EVENT)
    number = recording_id(EVENT.source, EVENT.id)
    queued = api.wait_for(number, "queued")
    assert (queued["hotel"], queued["call"], queued["result"]) == ("lisbon", "call-1", None)
    result = replace(
        RESULT,
        hotel_id=EVENT.hotel_id,
        call_id=EVENT.call_id,
        causation_id=EVENT.id,
        causation_source=EVENT.source,
        position=position,
    )
    await write(broker, f"{namespace.prefix}{COMPRESSED}", result)
    done = api.wait_for(number, "done")
    assert done["result"]["sha256"] == result.sha256


async def test_a_refused_recording_is_dead_and_says_why(broker: Broker, namespace: Namespace, api: ApiProcess) -> None:
    position = await send(broker, namespace, EVENT)
    rejection = Rejection("decode", "NotAudio", "value", "is no audio; send a file that a player opens")
    await write(broker, f"{namespace.prefix}{DEAD_LETTER}", DeadLetter(EVENT.to_record(), position, rejection))
    dead = api.wait_for(recording_id(EVENT.source, EVENT.id), "dead")
    assert (dead["refusal"]["code"], dead["refusal"]["reason"]) == (rejection.code, rejection.reason)
    await send(broker, namespace, EVENT)
    api.wait_for(recording_id(EVENT.source, EVENT.id), "queued")


async def test_a_result_past_its_retention_is_expired_and_gone(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    topic = f"{namespace.prefix}{COMPRESSED}"
    await write(broker, topic, replace(RESULT, causation_id="old", causation_source="/pbx"))
    number = recording_id("/pbx", "old")
    api.wait_for(number, "done")
    assert audio(api, number).status_code == 200
    await forget(broker, topic)
    api.wait_for(number, "expired")
    gone = audio(api, number)
    assert (gone.status_code, gone.json()["detail"]) == (410, "It is expired.")


def test_every_error_is_a_problem_document(api: ApiProcess) -> None:
    unknown = httpx.get(f"{api.url}/v1/recordings/{recording_id('no', 'such')}")
    malformed = httpx.get(f"{api.url}/v1/recordings/1")
    nowhere = httpx.get(f"{api.url}/nowhere")
    method = httpx.post(f"{api.url}/openapi.json")
    answers = [unknown, malformed, nowhere, method]
    assert [answer.status_code for answer in answers] == [404, 400, 404, 405]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert [answer.json()["status"] for answer in answers] == [404, 400, 404, 405]


def audio(api: ApiProcess, number: str) -> httpx.Response:
    return httpx.get(f"{api.url}/v1/recordings/{number}/audio")


async def send(broker: Broker, namespace: Namespace, event: RawAudio) -> Position:
    async with RawAudioProducer(broker.bootstrap_servers, f"{namespace.prefix}{RAW}") as producer:
        return await producer.send(event)


async def forget(broker: Broker, topic: str) -> None:
    """Let all that is in a topic be past its retention."""
    async with TopicReader(broker.bootstrap_servers, topic) as reader:
        _, ends = await reader.bounds()
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        await admin.delete_records({place: RecordsToDelete(end) for place, end in ends.items()})


async def write(broker: Broker, topic: str, event: CompressedAudio | DeadLetter) -> None:
    producer = KafkaConnection(broker.bootstrap_servers).producer()
    await producer.start()
    record = event.to_record()
    try:
        await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()
