"""Turns the Kafka client's errors into ours, so that who uses our clients needs to know only those."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    CommitFailedError,
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerClosed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)

from streams.clients.errors import (
    AccessDeniedError,
    BrokersRefusedError,
    BrokersUnavailableError,
    ClientClosedError,
    HotelAudioError,
    PartitionsLostError,
    TopicNotFoundError,
)
from streams.kafka.connection import KafkaConnection

_DENIED = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


@contextmanager
def translated_errors(connection: KafkaConnection, topic: str | None = None) -> Iterator[None]:
    """Raise our errors in place of the Kafka client's.

    Args:
        connection: The cluster, for the messages.
        topic: The topic that is used; None where there are several.

    Raises:
        HotelAudioError: For any error of the Kafka client.
    """
    try:
        yield
    except (KafkaError, ConsumerStoppedError, IllegalOperation) as error:
        raise translated(error, connection, topic) from error


def translated(error: Exception, connection: KafkaConnection, topic: str | None = None) -> HotelAudioError:
    """Our error for one of the Kafka client, or for a `TimeoutError`; for the arguments see `translated_errors`."""
    servers = connection.bootstrap_servers
    match error:
        case UnknownTopicOrPartitionError():
            return TopicNotFoundError(
                f"there is no topic {topic or ''} at {servers}: check the name, prefix included, or have it created"
            )
        case CommitFailedError():
            return PartitionsLostError(
                "nothing was committed: the group has given partitions to another consumer, where results since the"
                " last commit arrive again; read on, and commit more often if this is not the end of a rebalance"
            )
        case ConsumerStoppedError() | ProducerClosed():
            return closed()
        case KafkaError() if isinstance(error, _DENIED):
            return AccessDeniedError(f"the Kafka brokers at {servers} do not allow it: {_reason(error)}")
        case TimeoutError() | KafkaConnectionError() | KafkaTimeoutError() | KafkaError(retriable=True):
            return unavailable(connection)
        case _:
            return BrokersRefusedError(f"the Kafka brokers at {servers} refuse: {_reason(error)}")


def unavailable(connection: KafkaConnection) -> BrokersUnavailableError:
    """The error to raise where no broker answers."""
    servers = connection.bootstrap_servers
    return BrokersUnavailableError(
        f"no Kafka broker answers at {servers}: check the addresses, and that the brokers are up and can be reached"
    )


def closed() -> ClientClosedError:
    """The error to raise for a client that is used after its end."""
    return ClientClosedError("the client is closed: use it inside of its async with")


def _reason(error: Exception) -> str:
    """What the Kafka client says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
