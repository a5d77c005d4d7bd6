"""A broker that allows nothing to clients without a name but what rules say; the administrator may everything."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from infra.kafka.broker import Broker
from infra.kafka.jars import ensure_jars
from infra.kafka.ports import HOST, free_ports
from tests.support.containers import until

_CLUSTER_ID = "AGhvdGVsLWF1ZGlvLWFjbA"
_PASSWORD = "of-the-administrator"  # noqa: S105  of a broker that lives for one test
_ANONYMOUS = "User:ANONYMOUS"
_TIMEOUT_S = 60.0
_JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required"
    f' username="admin" password="{_PASSWORD}" user_admin="{_PASSWORD}";'
)
#: Strimzi's names of kinds of resources, as Kafka's clients name them.
_KINDS = {"topic": "TOPIC", "group": "GROUP", "transactionalId": "TRANSACTIONAL_ID"}
_PATTERNS = {"literal": "LITERAL", "prefix": "PREFIXED"}
_OPERATIONS = {"DescribeConfigs": "DESCRIBE_CONFIGS"}
_ALL = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, _ANONYMOUS, None, AclOperation.ANY, AclPermissionType.ANY
)

Rule = Mapping[str, Any]


class AuthorizingBroker:
    """The broker.

    Args:
        port: For clients without a name.
        admin_port: For the administrator.
    """

    def __init__(self, port: int, admin_port: int) -> None:
        self.servers = f"{HOST}:{port}"
        self._admin = AdminClient(
            {
                "bootstrap.servers": f"{HOST}:{admin_port}",
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "admin",
                "sasl.password": _PASSWORD,
            }
        )

    def create(self, topics: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
        """Create topics, with their partitions and settings."""
        new = [NewTopic(name, count, 1, config=dict(config)) for name, (count, config) in topics.items()]
        _done(self._admin.create_topics(new, operation_timeout=_TIMEOUT_S))

    def allow(self, rules: Sequence[Rule]) -> None:
        """Allow what rules of a KafkaUser say, and nothing else any more."""
        wanted = {binding for rule in rules for binding in _bindings(rule)}
        _done(self._admin.delete_acls([_ALL]))
        _done(self._admin.create_acls(list(wanted)))
        # The controller has them now, and the broker a moment later.
        until(lambda: set(self._admin.describe_acls(_ALL).result(_TIMEOUT_S)) == wanted, _TIMEOUT_S, str)


def _bindings(rule: Rule) -> Iterator[AclBinding]:
    resource = rule["resource"]
    for operation in rule["operations"]:
        yield AclBinding(
            ResourceType[_KINDS[resource["type"]]],
            resource["name"],
            ResourcePatternType[_PATTERNS[resource["patternType"]]],
            _ANONYMOUS,
            "*",
            AclOperation[_OPERATIONS.get(operation, operation.upper())],
            AclPermissionType.ALLOW,
        )


def _done(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(_TIMEOUT_S)


@contextmanager
def authorizing_broker(directory: Path) -> Iterator[AuthorizingBroker]:
    """Start it on free ports, from Kafka's jars."""
    port = free_ports(3)
    broker = Broker(directory, 1, port)
    broker.configure(port + 2, [port + 2])
    with (directory / "broker.properties").open("a") as properties:
        properties.write(_settings(port, port + 1, port + 2))
    try:
        broker.start(ensure_jars(lambda _: None), _CLUSTER_ID)
        broker.wait_until_accepting(_TIMEOUT_S)
        yield AuthorizingBroker(port, port + 1)
    finally:
        broker.signal(SIGKILL)
        broker.wait_until_ended(_TIMEOUT_S)


def _settings(port: int, admin_port: int, controller_port: int) -> str:
    """What overrides the template: of a name that occurs twice, Kafka takes the last one."""
    listeners = f"PLAINTEXT://{HOST}:{port},ADMIN://{HOST}:{admin_port}"
    return f"""
listeners={listeners},CONTROLLER://{HOST}:{controller_port}
advertised.listeners={listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,ADMIN:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=ADMIN
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.admin.plain.sasl.jaas.config={_JAAS}
listener.name.controller.plain.sasl.jaas.config={_JAAS}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
"""
