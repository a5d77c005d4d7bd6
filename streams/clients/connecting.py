"""How users of our clients name a cluster."""

from streams.clients.errors import InvalidAddressError
from streams.kafka.addresses import parse_brokers
from streams.kafka.connection import KafkaConnection


def connection_to(cluster: str | KafkaConnection) -> KafkaConnection:
    """The connection itself, or one to brokers that are given as ``host:port[,host:port...]``.

    Raises:
        InvalidAddressError: For a text of another form.
    """
    if isinstance(cluster, KafkaConnection):
        return cluster
    try:
        return KafkaConnection(parse_brokers(cluster))
    except ValueError as error:
        raise InvalidAddressError(f"bootstrap_servers is {cluster!r}: {error}") from None
