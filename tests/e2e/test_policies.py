"""Policies, label correction and the decoder sandbox in a whole worker, checked in headers, logs and metrics."""

import asyncio
import time
from dataclasses import replace

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from schemas import Policy, PolicyEvent, Record
from schemas.topics import POLICY
from scripts.commands import policy
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin, describe
from streams.kafka.topics import apply_topics
from tests.chaos.damage import with_header
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_health import readiness, until
from tests.e2e.test_worker import exact, headers, metric, planned
from tests.support.brokers import Broker, Namespace

FORMATS = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg;codecs=opus",
    "vorbis": "audio/ogg;codecs=vorbis",
}


async def publish(broker: Broker, namespace: Namespace, *records: Record) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        for record in records:
            await producer.send_and_wait(f"{namespace.prefix}{POLICY}", record.value, key=record.key)


def said_in(hotel: str, number: int) -> PlannedInput:
    """One segment of a call in a hotel; the call has no other segments."""
    return segment(sample(2.0, "audio/L16", seed=number), f"call-{number}", 0, hotel=hotel)


def results_by_hotel(oracle: DeliveryOracle) -> dict[str, dict[str, str]]:
    return {headers(record)["ce_hotelid"]: headers(record) for record in oracle.results}


def results_by_call(oracle: DeliveryOracle) -> dict[str, dict[str, str]]:
    """Result headers by call id, as a hotel's calls are in several partitions."""
    return {headers(record)["ce_callid"]: headers(record) for record in oracle.results}


async def wait_for(worker: Worker, name: str, value: float) -> None:
    async with asyncio.timeout(20):
        while metric(worker, name) != value:
            await asyncio.sleep(0.05)


async def test_every_format_is_reached_by_a_policy_that_was_there_before_the_worker(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle
) -> None:
    policies = [PolicyEvent(hotel, Policy(1, accept=(accepted,))) for hotel, accepted in FORMATS.items()]
    policies.append(PolicyEvent("court", Policy(1, legal_hold=True)))
    await publish(broker, namespace, *(policy.to_record() for policy in policies))
    hotels = [*FORMATS, "court", "nobody"]
    await oracle.send([said_in(hotel, number) for number, hotel in enumerate(hotels)])

    with running(worker):
        await exact(oracle)
        assert metric(worker, "audio_policies") == len(policies)
        assert metric(worker, "audio_choices_total") == len(hotels)
        shown = worker.get("/metrics")[1]

    found = results_by_hotel(oracle)
    assert {hotel: found[hotel]["content-type"] for hotel in FORMATS} == FORMATS
    assert (found["court"]["ce_level"], found["court"]["ce_quality"]) == ("2", "5.00")
    assert found["court"]["ce_reason"] == "legal hold"
    assert (found["nobody"]["ce_level"], found["nobody"]["ce_codec"]) == ("3", "opus")
    lines = {(line["partition"], line["offset"]): line for line in worker.lines() if line["event"] == "compressed"}
    for result in oracle.results:
        told, place = headers(result), result.place
        assert place is not None
        line = lines[place]
        assert (str(line["compression_level"]), line["codec"]) == (told["ce_level"], told["ce_codec"])
        assert (f"{line['quality']:.2f}", line["reason"]) == (told["ce_quality"], told["ce_reason"])
        assert f'audio_choices_total{{level="{told["ce_level"]}",reason="{told["ce_reason"]}"}}' in shown
        assert f'level="{told["ce_level"]}"' in shown
        assert f'codec="{told["ce_codec"]}"' in shown


async def test_a_policy_is_followed_while_the_worker_runs_and_a_bad_one_is_refused(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle
) -> None:
    with running(worker):
        await publish(broker, namespace, PolicyEvent("seaside", Policy(1, ceiling_level=2)).to_record())
        await wait_for(worker, "audio_policies", 1)
        bad = Record(b"seaside", b'{"version": 2, "hotel": "seaside", "ceilingLevel": 9}')
        await publish(broker, namespace, bad)
        await wait_for(worker, "audio_policies_refused_total", 1)
        await oracle.send([said_in("seaside", 0)])
        await exact(oracle)
        assert results_by_hotel(oracle)["seaside"]["ce_reason"] == "policy ceiling 2"
        await publish(broker, namespace, PolicyEvent("seaside", None).to_record())
        await wait_for(worker, "audio_policies", 0)
    refused = [line for line in worker.lines() if line["event"] == "policy_refused"]
    assert [(line["hotel"], line["code"]) for line in refused] == [("seaside", "BadPolicy")]


async def test_the_command_waits_until_a_worker_has_a_policy_in_force(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    asked = ["--hotel", "seaside", "--group", namespace.group, "--worker", f"http://127.0.0.1:{worker.port}"]
    with running(worker):
        assert await asyncio.to_thread(policy.main, ["set", "--ceiling-level", "2", *asked, *where]) == 0
        assert "version 1 is in force in 1 worker, all of the group" in capsys.readouterr().out
        await oracle.send([said_in("seaside", 0)])
        await exact(oracle)
        assert results_by_hotel(oracle)["seaside"]["ce_reason"] == "policy ceiling 2"
        assert await asyncio.to_thread(policy.main, ["remove", "--yes", *asked, *where]) == 0
        assert metric(worker, "audio_policies") == 0
        only_another = ["--worker", "http://127.0.0.1:1", "--timeout", "1"]
        unasked = ["set", "--legal-hold", *asked[:4], *only_another, *where]
        assert await asyncio.to_thread(policy.main, unasked) == 3
        assert f"the group {namespace.group} has 1 member\n" in capsys.readouterr().out


@pytest.mark.parametrize("frames", [16_000, 15_999])
async def test_a_wrong_label_is_corrected_and_told(frames: int, worker: Worker, oracle: DeliveryOracle) -> None:
    truth = planned(sample(frames / 8000, "audio/PCMU"), 0)
    mislabelled = with_header(truth.message, "content-type", b"audio/L16;rate=8000;channels=1")
    with running(worker):
        await oracle.send([replace(truth, message=mislabelled)])
        await exact(oracle)
        assert metric(worker, "audio_corrected_labels_total") == 1
    (result,) = oracle.results
    assert headers(result)["ce_correctedtype"].startswith("audio/PCMU")
    assert headers(result)["ce_durationms"] == "2000"


async def test_killing_the_decoders_costs_no_file_and_killing_the_worker_leaves_none_of_them(
    worker: Worker, oracle: DeliveryOracle
) -> None:
    said = sample(1.0, "audio/flac")
    with running(worker):
        fork_server, children = decoders(worker)
        for child in children:
            child.kill()
        await oracle.send([planned(said, number) for number in range(20)])
        await exact(oracle)
        assert len(oracle.results) == 20
        assert 1 <= metric(worker, "audio_decoder_deaths_total") <= len(children)
        fork_server, children = decoders(worker)
        worker.kill()
        end = time.monotonic() + 20
        while any(process.is_running() for process in [fork_server, *children]):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


def decoders(worker: Worker) -> tuple[psutil.Process, list[psutil.Process]]:
    (fork_server,) = [
        process
        for process in psutil.Process(worker.process.pid).children()
        if "streams.sandbox.forkserver" in process.cmdline()
    ]
    return fork_server, fork_server.children()


async def test_a_hold_in_a_policy_topic_that_was_made_again_is_in_force_soon_and_nothing_is_lost_before(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle
) -> None:
    await publish(broker, namespace, PolicyEvent("seaside", Policy(3)).to_record())
    with running(worker):
        await oracle.send([said_in("seaside", 0), said_in("court", 1)])
        await exact(oracle, last=False)
        assert {told["ce_level"] for told in results_by_hotel(oracle).values()} == {"3"}
        await delete_topic(broker, f"{namespace.prefix}{POLICY}")
        await until(lambda: not readiness(worker)["policies_loaded"], 20)
        await oracle.send([said_in("harbour", 2), said_in("seaside", 3)])
        await exact(oracle, last=False)
        assert results_by_hotel(oracle)["harbour"]["ce_reason"] == "policy unknown"
        await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
        await publish(broker, namespace, PolicyEvent("court", Policy(1, legal_hold=True)).to_record())
        await until(lambda: readiness(worker)["policies_loaded"] and metric(worker, "audio_policies") == 1, 20)
        await oracle.send([said_in("court", 4), said_in("seaside", 5), said_in("lisbon", 6)])
        await exact(oracle)
        assert worker.alive
    found = results_by_call(oracle)
    assert found["call-4"]["ce_reason"] == "legal hold"
    assert (found["call-5"]["ce_level"], found["call-5"]["ce_reason"]) == ("2", "policy unknown")  # not there again yet
    assert found["call-6"]["ce_level"] == "3"
    assert [line["hotels"] for line in worker.lines() if line["event"] == "policies_awaited"] == [["seaside"]]


async def delete_topic(broker: Broker, topic: str) -> None:
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        await admin.delete_topics([topic])
        while await describe(admin, [topic]):
            await asyncio.sleep(0.05)
