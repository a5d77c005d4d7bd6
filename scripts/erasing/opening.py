"""Opens the topic of keys for erasures and turns."""

from schemas.topics import AUDIT, KEYS
from scripts.cli import Cluster
from streams.compliance.kafka_key_log import KafkaKeyLog


def key_log(cluster: Cluster) -> KafkaKeyLog:
    """The topic of keys, for one erasure or turn."""
    return KafkaKeyLog(cluster.connection, cluster.topic(KEYS), cluster.topic(AUDIT))
