import pytest

from scripts.command_settings import LocalSettings, MonitoringSettings
from streams.runtime.environment_check import without_effect
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings

#: Names that the product's documents promise, also those that are not read yet.
PROMISED = (
    "AUDIO_CACHE_SIZE", "AUDIO_POOL_SIZE", "AUDIO_HEALTH_CHECK_INTERVAL", "GRAFANA_ADMIN_PASSWORD", "AUDIO_API_PORT",
    "AUDIO_STORES", "AUDIO_INLINE_LIMIT", "AUDIO_MAX_SIZE", "AUDIO_GATEWAY_AUDIOSOCKET", "AUDIO_VERSION",
    "AUDIO_ADMIN_TOKEN_FILE", "DEPLOY_ENV", "ROLLBACK_ON_FAILURE",
)  # fmt: skip
#: What Kafka's scripts and images read, and what Kubernetes sets for a service that is called kafka or audio-worker.
OTHERS = {
    "KAFKA_HEAP_OPTS": "-Xmx1G",
    "KAFKA_OPTS": "-Dx=y",
    "KAFKA_HOME": "/opt/kafka",
    "KAFKA_LOG4J_OPTS": "-Dlog4j",
    "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseG1GC",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://a:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "A:PLAINTEXT",
    "KAFKA_CFG_NODE_ID": "1",
    "KAFKA_NODE_ID": "1",
    "KAFKA_LOG_DIRS": "/data",
    "KAFKA_SERVICE_HOST": "10.0.0.1",
    "KAFKA_SERVICE_PORT": "9092",
    "KAFKA_SERVICE_PORT_PLAIN": "9092",
    "KAFKA_PORT": "tcp://10.0.0.1:9092",
    "KAFKA_PORT_9092_TCP": "tcp://10.0.0.1:9092",
    "KAFKA_PORT_9092_TCP_ADDR": "10.0.0.1",
    "KAFKA_BROKER_PORT_9092_TCP_PROTO": "tcp",
    "AUDIO_WORKER_PORT": "tcp://10.0.0.2:8080",
    "AUDIO_WORKER_SERVICE_HOST": "10.0.0.2",
    "HOME": "/root",
}


def remarks(**environ: str) -> list[str]:
    return [one.remark for one in without_effect(environ)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("AUDIO_CACHE_SIZ", "AUDIO_CACHE_SIZE"),
        ("AUDIO_LOGLEVEL", "AUDIO_LOG_LEVEL"),
        ("AUDIO_HTTP_PROT", "AUDIO_HTTP_PORT"),
        ("AUDIO_COMPRESION_LEVEL", "AUDIO_COMPRESSION_LEVEL"),
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_BOOTSTRAP", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_BROKERS", "KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_mistyped_setting_is_told_with_the_likely_one(typed: str, meant: str) -> None:
    assert remarks(**{typed: "7"}) == [f"{typed} is no setting; did you mean {meant}?"]


def test_a_variable_like_no_setting_is_told_as_well() -> None:
    assert remarks(AUDIO_XYZZY="1", KAFKA_XYZZY="1") == [
        "AUDIO_XYZZY is no setting, and has no effect",
        "KAFKA_XYZZY is no setting, and has no effect",
    ]


def test_settings_and_promised_names_are_known() -> None:
    ours = [one for kind in (Settings, LocalSettings, MonitoringSettings) for one in declared(kind).values()]
    assert remarks(**{one.variable: "1" for one in ours} | dict.fromkeys(PROMISED, "1")) == []


def test_variables_of_other_programs_are_left_alone() -> None:
    assert remarks(**OTHERS) == []
    assert remarks(KAFKA_BROKERS="a:9092", KAFKA_BOOTSTRAP_SERVERS="a:9092") == []


def test_an_empty_variable_is_no_mistake() -> None:
    assert remarks(AUDIO_CACHE_SIZ="") == []


def test_the_settings_of_a_java_client_are_none_of_ours() -> None:
    assert remarks(KAFKA_SASL_USER="x") == ["KAFKA_SASL_USER is no setting; did you mean KAFKA_SASL_USERNAME?"]
    assert remarks(KAFKA_SSL_TRUSTSTORE="x") == ["KAFKA_SSL_TRUSTSTORE is no setting, and has no effect"]
