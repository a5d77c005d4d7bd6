"""The topics of schemas/topics.yaml as Strimzi's KafkaTopics, and KafkaUsers with the rights that each role needs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from schemas.access import Grant, load_roles
from schemas.topics import load_topics

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
    """A KafkaUser for each role of schemas/access.yaml, with a password in a Secret of its name."""
    for role in load_roles().values():
        account = f"hotel-audio-{role.name}"
        rules = [_rule(list(grants)) for _, grants in groupby(role.grants(account, "", GROUP), key=_place)]
        spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": rules}}
        yield _manifest("KafkaUser", account, spec)


def _place(grant: Grant) -> tuple[str, str, bool]:
    return grant.resource, grant.name, grant.prefixed


def _rule(grants: Sequence[Grant]) -> Manifest:
    """The rights for one resource."""
    first, operations = grants[0], [grant.operation for grant in grants]
    if first.resource == "cluster":
        return {"resource": {"type": "cluster"}, "operations": operations}
    kind = "transactionalId" if first.resource == "transactional_id" else first.resource
    pattern = "prefix" if first.prefixed else "literal"
    return {"resource": {"type": kind, "name": first.name, "patternType": pattern}, "operations": operations}


def _manifest(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": CLUSTER, "app.kubernetes.io/name": "hotel-audio"}}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
