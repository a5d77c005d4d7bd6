"""Topics that reject outcomes, because an operator changed or deleted them while a worker runs."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.e2e.test_worker import bad, exact, planned, spoken
from tests.support.brokers import Broker, Namespace
from tests.support.topic_settings import set_topic


def last_reason(worker: Worker, event: str) -> str:
    return str([line["reason"] for line in worker.lines() if line["event"] == event][-1])


async def test_a_lowered_limit_is_named_with_the_input_and_what_to_do_and_nothing_is_lost(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle
) -> None:
    results = f"{namespace.prefix}audio.compressed"
    with running(worker):
        await oracle.send([planned(spoken(0.5), 0)])
        await exact(oracle, last=False)
        await set_topic(broker.bootstrap_servers, results, max_message_bytes="1000")
        await oracle.send([planned(spoken(5), 1)])
        assert await asyncio.to_thread(worker.process.wait, 60) == 1
        reason = last_reason(worker, "worker_failed")
        assert f"{results}-" in reason
        assert f"of {namespace.prefix}audio.raw-" in reason
        assert "from offset 1 to 1" in reason
        assert "MESSAGE_TOO_LARGE" in reason
        assert "./scripts/topics check" in reason
        worker.start()
        assert await asyncio.to_thread(worker.process.wait, 60) == 1
        said = last_reason(worker, "worker_not_started")
        assert f"topic {results} has max.message.bytes=1000" in said
        assert "--add-config max.message.bytes=9437184" in said
        await set_topic(broker.bootstrap_servers, results, max_message_bytes="9437184")
        worker.start()
        await exact(oracle)


async def test_a_topic_that_is_gone_is_named(
    broker: Broker, namespace: Namespace, worker: Worker, oracle: DeliveryOracle
) -> None:
    letters = f"{namespace.prefix}audio.dead-letter"
    with running(worker):
        await oracle.send([bad(0)])
        await exact(oracle, last=False)
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_topics([letters])
        finally:
            await admin.close()
        await oracle.send([bad(1)])
        assert await asyncio.to_thread(worker.process.wait, 60) == 1
        reason = last_reason(worker, "worker_failed")
        assert f"{letters}-" in reason
        assert "UNKNOWN_TOPIC_OR_PARTITION" in reason
        assert "./scripts/topics apply" in reason
