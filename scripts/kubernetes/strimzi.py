"""The topics of schemas/topics.yaml as Strimzi's KafkaTopics, and KafkaUsers with the rights that each role needs."""

from collections.abc import Iterator
from typing import Any

from schemas.topics import CACHE_CHANGELOG, COMPRESSED, DEAD_LETTER, POLICY, RAW, load_topics, topic

#: The Kafka of Strimzi that the objects belong to, as its resource `Kafka` is named.
CLUSTER = "hotel-audio"
#: The workers' group (AUDIO_GROUP); the topics have no prefix (AUDIO_TOPIC_PREFIX).
GROUP = "hotel-audio"
#: As infra/k8s/components/partitions.
PARTITIONS = 60
_REPLICAS = 3

Manifest = dict[str, Any]


def kafka_topics() -> Iterator[Manifest]:
    """A KafkaTopic for each topic, as `topics apply --partitions 60` creates it."""
    for spec in load_topics():
        yield _manifest(
            "KafkaTopic",
            spec.resolve("", GROUP),
            {
                "partitions": PARTITIONS if spec.copartitioned else spec.partitions,
                "replicas": _REPLICAS,
                "config": spec.configs,
            },
        )


def kafka_users() -> Iterator[Manifest]:
    """A KafkaUser for each role, with a password in a Secret of its name.

    Read and Write include Describe. DescribeConfigs is for the check of a topic's settings, which workers and commands
    begin with.
    """
    yield _user(
        "worker",
        _topic(RAW, "Read"),
        _topic(POLICY, "Read"),
        _topic(COMPRESSED, "Write"),
        _topic(DEAD_LETTER, "Write"),
        _topic(CACHE_CHANGELOG, "Read", "Write"),
        _rule("group", GROUP, "Read"),
        _rule("transactionalId", f"{GROUP}-", "Write", pattern="prefix"),
    )
    yield _user("telephony", _topic(RAW, "Write"))
    yield _user("consumer", _topic(COMPRESSED, "Read"), _rule("group", f"{GROUP}-consumer", "Read", pattern="prefix"))
    # It looks at the oldest input that waits, for its age.
    unread = (COMPRESSED, DEAD_LETTER, CACHE_CHANGELOG, POLICY)
    yield _user(
        "lag-monitor",
        _topic(RAW, "Read"),
        *(_topic(name, "Describe") for name in unread),
        _rule("group", GROUP, "Describe"),
    )
    yield _user("hotel-operations", _topic(POLICY, "Read", "Write"))


def _user(role: str, *rules: Manifest) -> Manifest:
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": list(rules)}}
    return _manifest("KafkaUser", f"hotel-audio-{role}", spec)


def _topic(name: str, *operations: str) -> Manifest:
    return _rule("topic", topic(name).resolve("", GROUP), *operations, "DescribeConfigs")


def _rule(kind: str, name: str, *operations: str, pattern: str = "literal") -> Manifest:
    return {"resource": {"type": kind, "name": name, "patternType": pattern}, "operations": list(operations)}


def _manifest(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": CLUSTER, "app.kubernetes.io/name": "hotel-audio"}}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
