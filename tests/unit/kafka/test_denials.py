"""What a line says of a right that an account lacks."""

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)

from streams.kafka.denials import denial_of


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TopicAuthorizationFailedError("audio.raw"), "this account lacks a right to the topic audio.raw"),
        (TopicAuthorizationFailedError({"b", "a"}), "this account lacks a right to the topic a, b"),
        (GroupAuthorizationFailedError("archive"), "this account lacks a right to the group archive"),
        (TransactionalIdAuthorizationFailed("w-1"), "this account lacks a right to the transactional id w-1"),
        (TopicAuthorizationFailedError(None), "this account lacks a right to the topic"),
        (
            ClusterAuthorizationFailedError("Request Request(processor=0) needs DESCRIBE permission."),
            "this account lacks a right to the cluster itself",
        ),
    ],
)
def test_a_denial_names_what_is_not_allowed(error: KafkaError, said: str) -> None:
    assert denial_of(error) == said


def test_another_error_is_no_denial() -> None:
    assert denial_of(UnknownTopicOrPartitionError("audio.raw")) is None
