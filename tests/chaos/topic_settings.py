"""Changes topic settings to values that other installations may have."""

from collections.abc import Mapping

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.chaos.records import DEAD_LETTER, RAW

_WITHIN_S = 30.0

#: Settings by topic.
TopicSettings = Mapping[str, Mapping[str, str]]

#: Records have their writers' timestamps.
WRITERS_TIMES: TopicSettings = {
    topic: {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}
    for topic in (RAW, DEAD_LETTER)
}


def alter(servers: str, prefix: str, settings: TopicSettings) -> None:
    """Change these settings, and leave the others as they are.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        settings: Settings to change, by topic.

    Raises:
        confluent_kafka.KafkaException: When the brokers refuse.
    """
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            f"{prefix}{topic}",
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in wanted.items()
            ],
        )
        for topic, wanted in settings.items()
    ]
    if resources:
        admin = AdminClient({"bootstrap.servers": servers})
        for future in admin.incremental_alter_configs(resources).values():
            future.result(_WITHIN_S)
