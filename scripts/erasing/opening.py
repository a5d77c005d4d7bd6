"""Opens the topic of keys, and the key store that the settings name."""

from schemas.topics import AUDIT, KEYS
from scripts.cli import Cluster
from scripts.sealing.opening import key_store_address
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.key_stores import key_store_at


def key_log(cluster: Cluster) -> KafkaKeyLog:
    """The topic of keys, for one erasure or turn."""
    return KafkaKeyLog(cluster.connection, cluster.topic(KEYS), cluster.topic(AUDIT))


def key_store() -> KeyStore:
    """The key store.

    Raises:
        SettingsError: If the setting cannot be used.
        KeyStoreError: If there is no key store, or it cannot be used.
    """
    return key_store_at(key_store_address())
