"""Opens the topic of keys, and the key store that the settings name."""

from pathlib import Path

from schemas.topics import AUDIT, KEYS
from scripts.cli import Cluster
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.slot_file import SlotFile


def key_log(cluster: Cluster) -> KafkaKeyLog:
    """The topic of keys, for one erasure or turn."""
    return KafkaKeyLog(cluster.connection, cluster.topic(KEYS), cluster.topic(AUDIT))


def key_store(path: Path) -> KeyStore:
    """The key store.

    Raises:
        KeyStoreError: If it cannot be used.
    """
    return SlotFile(path)
