"""Translates the Kafka client's errors into ours, so that users of our clients need to know only ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CommitFailedError,
    ConsumerStoppedError,
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerClosed,
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
from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.denials import denial_of


@contextmanager
def translated_errors(connection: KafkaConnection, topic: str | None = None) -> Iterator[None]:
    """Replace errors of the Kafka client by ours.

    Args:
        connection: The cluster, for the messages.
        topic: The topic in use, for the messages; None for several.

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
        case KafkaError() if denial := _denial(error, servers):
            return AccessDeniedError(denial)
        case TimeoutError() | KafkaConnectionError() | KafkaTimeoutError() | KafkaError(retriable=True):
            return unavailable(connection)
        case _:
            return BrokersRefusedError(f"the Kafka brokers at {servers} refuse: {_reason(error)}")


def unavailable(connection: KafkaConnection) -> BrokersUnavailableError:
    """Create the error for brokers that do not answer."""
    servers = connection.bootstrap_servers
    return BrokersUnavailableError(
        f"no Kafka broker answers at {servers}: check the addresses, and that the brokers are up and can be reached"
    )


def closed() -> ClientClosedError:
    """Create the error for a client that is used after it was closed."""
    return ClientClosedError("the client is closed: use it inside of its async with")


def _denial(error: KafkaError, servers: str) -> str | None:
    """The line for an error that says what is not allowed; None for another one."""
    if isinstance(error, ConnectionRefusalError):
        return str(error)
    # Without a transactional id, a producer gets its number from the cluster, where it may write to some topic.
    nowhere = isinstance(error, ClusterAuthorizationFailedError)
    denial = "this account may write to no topic" if nowhere else denial_of(error)
    return denial and f"the Kafka brokers at {servers} do not allow it: {denial}"


def _reason(error: Exception) -> str:
    """The Kafka client's message in one line."""
    return " ".join(str(error).split()) or type(error).__name__
