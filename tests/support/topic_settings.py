"""Changes a topic's settings, as an operator can."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs

_WITHIN_S = 10.0
_IN_FORCE_S = 0.3  # the broker's log applies a change shortly after it becomes readable


async def set_topic(bootstrap_servers: str, topic: str, **settings: str) -> None:
    """Change settings of a topic, and wait until they are in force; names have underscores in place of dots."""
    wanted = {name.replace("_", "."): value for name, value in settings.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        answer = await admin._send_request(IncrementalAlterConfigs({topic: wanted}))  # noqa: SLF001  has no public method for it
        assert list(answer.errors()) == []
        async with asyncio.timeout(_WITHIN_S):
            while await settings_of(admin, topic, *wanted) != wanted:
                await asyncio.sleep(0.05)
        await asyncio.sleep(_IN_FORCE_S)
    finally:
        await admin.close()


async def settings_of(admin: AIOKafkaAdminClient, topic: str, *names: str) -> dict[str, str]:
    """Settings of a topic by their names."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict.fromkeys(names, ""))
    (answer,) = await admin.describe_configs([resource])
    return {entry[0]: entry[1] for *_, entries in answer.resources for entry in entries}
