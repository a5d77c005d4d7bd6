from dataclasses import replace

import httpx

from schemas import CompressedAudio, DeadLetter, MediaType, Position, RawAudio, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from streams.api.index.identity import recording_id
from streams.clients import RawAudioProducer
from streams.kafka.connection import KafkaConnection
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
        RESULT, call_id=EVENT.call_id, causation_id=EVENT.id, causation_source=EVENT.source, position=position
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


def test_every_error_is_a_problem_document(api: ApiProcess) -> None:
    unknown = httpx.get(f"{api.url}/v1/recordings/{recording_id('no', 'such')}")
    malformed = httpx.get(f"{api.url}/v1/recordings/1")
    nowhere = httpx.get(f"{api.url}/nowhere")
    method = httpx.post(f"{api.url}/openapi.json")
    answers = [unknown, malformed, nowhere, method]
    assert [answer.status_code for answer in answers] == [404, 400, 404, 405]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert [answer.json()["status"] for answer in answers] == [404, 400, 404, 405]


async def send(broker: Broker, namespace: Namespace, event: RawAudio) -> Position:
    async with RawAudioProducer(broker.bootstrap_servers, f"{namespace.prefix}{RAW}") as producer:
        return await producer.send(event)


async def write(broker: Broker, topic: str, event: CompressedAudio | DeadLetter) -> None:
    producer = KafkaConnection(broker.bootstrap_servers).producer()
    await producer.start()
    record = event.to_record()
    try:
        await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()
