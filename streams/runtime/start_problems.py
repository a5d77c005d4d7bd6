"""Why a worker cannot start, in the words that an operator needs; `./scripts/doctor` says the same."""

import errno
import socket

from aiokafka.errors import KafkaError

from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.denials import REMEDY, denial_of
from streams.kafka.topic_errors import TopicError
from streams.runtime.kafka_security import CHECK_SECURITY


def kafka_problem(error: KafkaError | TopicError | OSError, bootstrap_servers: str) -> str:
    """What is wrong with brokers, topics or rights.

    Args:
        error: What was raised when a client connected, or looked at the topics.
        bootstrap_servers: The brokers of the connection.
    """
    if isinstance(error, TopicError):
        return str(error)
    if isinstance(error, ConnectionRefusalError):
        return f"{error}; {CHECK_SECURITY}"
    if denial := denial_of(error):
        return f"{denial}; {REMEDY}"
    return f"no Kafka broker answers at KAFKA_BOOTSTRAP_SERVERS={bootstrap_servers} ({error})"


def endpoint_problem(error: OSError, host: str, variable: str, port: int) -> str:
    """Why an HTTP endpoint cannot listen.

    Args:
        error: What was raised.
        host: The value of AUDIO_HTTP_HOST.
        variable: The setting of the port.
        port: Its value.
    """
    of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
    name, value = ("AUDIO_HTTP_HOST", host) if of_host else (variable, port)
    return f"{name}={value}: {error.strerror}"
