"""Policies, labels and the cage through a whole worker: what each changes is seen in headers, logs and metrics."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from schemas import Policy, PolicyEvent, Record
from schemas.topics import POLICY
from streams.topics import apply_topics
from tests.e2e.test_worker import headers, metric
from tests.support.brokers import Broker, Namespace
from tests.support.ledger import Ledger, exact
from tests.support.signals import encode_as, speech
from tests.support.workers import Worker, running
from tests.support.workload import Planned, Sample, event, planned

L16 = "audio/L16;rate=8000;channels=1"
FORMATS = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg;codecs=opus",
    "vorbis": "audio/ogg;codecs=vorbis",
}


@pytest.fixture
async def worker(broker: Broker, namespace: Namespace, tmp_path: Path) -> Worker:
    await apply_topics(broker.bootstrap_servers, namespace.prefix, namespace.group)
    return Worker(broker.bootstrap_servers, namespace, tmp_path)


@pytest.fixture
def ledger(broker: Broker, namespace: Namespace) -> Ledger:
    return Ledger(broker.bootstrap_servers, namespace.prefix)


async def publish(broker: Broker, namespace: Namespace, *records: Record) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        for record in records:
            await producer.send_and_wait(f"{namespace.prefix}{POLICY}", record.value, key=record.key)


def spoken(seconds: float, seed: int = 0) -> Sample:
    clip = speech(seconds, seed=seed)
    return Sample(L16, encode_as(clip, L16), clip.rate, clip.frames)


def said_in(hotel: str, number: int) -> Planned:
    """One segment of a call of its own in a hotel."""
    record = event(spoken(2.0, number), number, 0).to_record()
    changed = tuple((name, hotel.encode() if name == "ce_hotelid" else value) for name, value in record.headers)
    return Planned(Record(record.key, record.value, changed), f"call-{number}", 0, spoken(2.0, number))


def results_by_hotel(ledger: Ledger) -> dict[str, dict[str, str]]:
    return {headers(record)["ce_hotelid"]: headers(record) for record in ledger.results}


async def wait_for(worker: Worker, name: str, value: float) -> None:
    async with asyncio.timeout(20):
        while metric(worker, name) != value:
            await asyncio.sleep(0.05)


async def test_every_format_is_reached_by_a_policy_that_was_there_before_the_worker(
    broker: Broker, namespace: Namespace, worker: Worker, ledger: Ledger
) -> None:
    policies = [PolicyEvent(hotel, Policy(1, accept=(accepted,))) for hotel, accepted in FORMATS.items()]
    policies.append(PolicyEvent("court", Policy(1, legal_hold=True)))
    await publish(broker, namespace, *(policy.to_record() for policy in policies))
    hotels = [*FORMATS, "court", "nobody"]
    await ledger.send([said_in(hotel, number) for number, hotel in enumerate(hotels)])

    with running(worker):
        await exact(ledger)
        assert metric(worker, "audio_policies") == len(policies)
        assert metric(worker, "audio_choices_total") == len(hotels)
        assert 'reason="legal hold"' in worker.get("/metrics")[1]

    found = results_by_hotel(ledger)
    assert {hotel: found[hotel]["content-type"] for hotel in FORMATS} == FORMATS
    assert (found["court"]["ce_level"], found["court"]["ce_quality"]) == ("2", "5.00")
    assert found["court"]["ce_reason"] == "legal hold"
    assert (found["nobody"]["ce_level"], found["nobody"]["ce_codec"]) == ("3", "opus")
    lines = [line for line in worker.lines() if line["event"] == "compressed"]
    assert {"quality", "reason", "codec", "compression_level"} <= lines[0].keys()


async def test_a_policy_is_followed_while_the_worker_runs_and_a_bad_one_is_refused(
    broker: Broker, namespace: Namespace, worker: Worker, ledger: Ledger
) -> None:
    with running(worker):
        await publish(broker, namespace, PolicyEvent("seaside", Policy(1, ceiling_level=2)).to_record())
        await wait_for(worker, "audio_policies", 1)
        bad = Record(b"seaside", b'{"version": 2, "hotel": "seaside", "ceilingLevel": 9}')
        await publish(broker, namespace, bad)
        await wait_for(worker, "audio_policies_refused_total", 1)
        await ledger.send([said_in("seaside", 0)])
        await exact(ledger)
        assert results_by_hotel(ledger)["seaside"]["ce_reason"] == "policy ceiling 2"
        await publish(broker, namespace, PolicyEvent("seaside", None).to_record())
        await wait_for(worker, "audio_policies", 0)
    refused = [line for line in worker.lines() if line["event"] == "policy_refused"]
    assert [(line["hotel"], line["code"]) for line in refused] == [("seaside", "BadPolicy")]


async def test_a_wrong_label_is_corrected_and_told(worker: Worker, ledger: Ledger) -> None:
    clip = speech(2.0)
    truth = Sample("audio/PCMU", encode_as(clip, "audio/PCMU"), clip.rate, clip.frames)
    mislabelled = event(truth, 0, 0).to_record()
    wrong = tuple((name, L16.encode() if name == "content-type" else value) for name, value in mislabelled.headers)
    with running(worker):
        await ledger.send([Planned(Record(mislabelled.key, mislabelled.value, wrong), "call-0", 0, truth)])
        await exact(ledger)
        assert metric(worker, "audio_corrected_labels_total") == 1
    (result,) = ledger.results
    assert headers(result)["ce_correctedtype"].startswith("audio/PCMU")
    assert headers(result)["ce_durationms"] == "2000"


async def test_killing_the_decoders_costs_at_most_their_files_and_killing_the_worker_leaves_none(
    worker: Worker, ledger: Ledger
) -> None:
    sample = Sample("audio/flac", encode_as(speech(1.0), "audio/flac"), 8000, 8000)
    with running(worker):
        zygote, children = decoders(worker)
        for child in children:
            child.kill()
        await ledger.send([planned(sample, number) for number in range(20)])
        await ledger.collect(30)
        assert len(ledger.results) + len(ledger.dead_letters) == 20
        assert len(ledger.dead_letters) <= len(children)
        assert metric(worker, "audio_decoder_deaths_total") == len(ledger.dead_letters)
        zygote, children = decoders(worker)
        worker.kill()
        end = time.monotonic() + 20
        while any(process.is_running() for process in [zygote, *children]):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


def decoders(worker: Worker) -> tuple[psutil.Process, list[psutil.Process]]:
    (zygote,) = [
        process
        for process in psutil.Process(worker.process.pid).children()
        if "streams.isolation.zygote" in process.cmdline()
    ]
    return zygote, zygote.children()
