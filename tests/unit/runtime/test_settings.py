import pytest

from streams.runtime.settings import Settings, SettingsError, parse_seconds, parse_size


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"AUDIO_COMPRESSION_LEVEL": ""}) == Settings()


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("8MiB", 8 * 2**20), ("1 gib", 2**30), ("1.5kb", 1500), ("7", 7), ("7B", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("120s", 120), ("250ms", 0.25), ("5m", 300), ("1h", 3600), ("30", 30)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://a:9092,b:9092", "brokers have no scheme; write a:9092,b:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "http://a:9092/", "brokers have no scheme; write a:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,", "a comma too many; write a:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", ",", "a comma too many; write host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092;b:9092", "must be host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a 9092", "must be host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "::1:9092", "an IPv6 address as [::1]:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:0", "0 is not a port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:99999", "99999 is not a port"),
        ("AUDIO_GROUP", "a b", "only letters"),
        ("AUDIO_TOPIC_PREFIX", "a/b", "only letters"),
        ("AUDIO_HTTP_PORT", "70000", "between 0 and 65535"),
        ("AUDIO_HTTP_PORT", "http", "whole number"),
        ("AUDIO_COMPRESSION_LEVEL", "6", "auto or a level"),
        ("AUDIO_MAX_CONCURRENCY", "0", "greater than zero"),
        ("AUDIO_MAX_IN_FLIGHT", "12 parsecs", "not a size"),
        ("AUDIO_PROCESSING_TIMEOUT", "soon", "not a number"),
        ("AUDIO_STALL_TIMEOUT", "5 parsecs", "not a duration"),
        ("AUDIO_LOG_LEVEL", "loud", "must be debug"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting(name: str, value: str, rule: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}={value}: ")
    assert rule in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "brokers"),
    [
        ("kafka-1:9092, kafka-2.lisbon:9093 ", "kafka-1:9092,kafka-2.lisbon:9093"),
        ("[::1]:9092", "[::1]:9092"),
        ("10.0.0.1:65535", "10.0.0.1:65535"),
    ],
)
def test_brokers(text: str, brokers: str) -> None:
    assert Settings.from_environment({"KAFKA_BOOTSTRAP_SERVERS": text}).bootstrap_servers == brokers


def test_the_level_is_automatic_or_fixed() -> None:
    assert Settings.from_environment({"AUDIO_COMPRESSION_LEVEL": "Auto"}).compression_level is None
    assert Settings.from_environment({"AUDIO_COMPRESSION_LEVEL": "2"}).compression_level == 2


def test_a_token_is_told_nobody() -> None:
    token = "correct-horse-battery"  # noqa: S105  of nobody
    assert token not in repr(Settings.from_environment({"AUDIO_ADMIN_TOKEN": token}))
    with pytest.raises(SettingsError, match=r"^AUDIO_ADMIN_TOKEN=\.\.\.: must be 16 or more") as caught:
        Settings.from_environment({"AUDIO_ADMIN_TOKEN": "short secret"})
    assert "secret" not in str(caught.value)
