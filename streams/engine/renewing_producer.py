"""Faust's producer, which logs in with the password that its file has when it connects."""

from aiokafka import AIOKafkaProducer
from faust.transport.drivers import aiokafka as driver

from streams.kafka.renewed_login import renew_login


class RenewingProducer(driver.Producer):
    """Writes the changelogs; see `renew_login`."""

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        renew_login(producer.client)
        return producer
