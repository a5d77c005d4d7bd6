import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.setting_declaration import SettingsError, declared, shown
from streams.runtime.setting_kinds import parse_seconds, parse_size
from streams.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
TOKEN = "correct-horse-battery"  # noqa: S105  of nobody


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
        ("KAFKA_BOOTSTRAP_SERVERS", "a..b:9092", "no host has this name"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a" * 64 + ".example:9092", "no host has this name"),
        ("AUDIO_GROUP", "a b", "only letters"),
        ("AUDIO_TOPIC_PREFIX", "a/b", "only letters"),
        ("AUDIO_HTTP_PORT", "70000", "between 0 and 65535"),
        ("AUDIO_HTTP_PORT", "http", "whole number"),
        ("AUDIO_HTTP_HOST", "http://127.0.0.1", "not an address or a host name"),
        ("AUDIO_HTTP_HOST", "127.0.0.1:8080", "write for example 127.0.0.1"),
        ("AUDIO_LOG_FORMAT", "xml", "must be auto, text or json"),
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


@pytest.mark.parametrize("text", ["127.0.0.1", "::", "[::1]", "fe80::1%eth0", "worker-1.lisbon", "localhost"])
def test_hosts(text: str) -> None:
    assert Settings.from_environment({"AUDIO_HTTP_HOST": text}).http_host == text.strip("[]")


def test_the_level_is_automatic_or_fixed() -> None:
    assert Settings.from_environment({"AUDIO_COMPRESSION_LEVEL": "Auto"}).compression_level is None
    assert Settings.from_environment({"AUDIO_COMPRESSION_LEVEL": "2"}).compression_level == 2


def test_a_token_is_told_nobody() -> None:
    token = "correct-horse-battery"  # noqa: S105  of nobody
    assert token not in repr(Settings.from_environment({"AUDIO_ADMIN_TOKEN": token}))
    with pytest.raises(SettingsError, match=r"^AUDIO_ADMIN_TOKEN=\.\.\.: must be 16 or more") as caught:
        Settings.from_environment({"AUDIO_ADMIN_TOKEN": "short secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_be_in_a_file(end: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(f"{TOKEN}{end}".encode())
    settings = Settings.from_environment({"AUDIO_ADMIN_TOKEN_FILE": str(file), "AUDIO_ADMIN_TOKEN": ""})
    assert settings == Settings.from_environment({"AUDIO_ADMIN_TOKEN": TOKEN})


def test_a_secret_may_come_through_a_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, TOKEN.encode())
    os.close(writer)
    assert Settings.from_environment({"AUDIO_ADMIN_TOKEN_FILE": f"/dev/fd/{reader}"}).admin_token == TOKEN
    os.close(reader)


def test_a_secret_given_twice_is_refused_by_both_names(tmp_path: Path) -> None:
    environ = {"AUDIO_ADMIN_TOKEN": TOKEN, "AUDIO_ADMIN_TOKEN_FILE": str(tmp_path / "token")}
    with pytest.raises(SettingsError, match=r"^AUDIO_ADMIN_TOKEN and AUDIO_ADMIN_TOKEN_FILE are both set") as caught:
        Settings.from_environment(environ)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "No such file or directory"),
        (b"", "must be 16 or more"),
        (b"short secret", "must be 16 or more"),
        (b"correct-horse-battery\n\n", "must be 16 or more"),
        (b"\xffcorrect-horse-battery", "is not text in UTF-8"),
        (b"secret" * 100_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_one_line_that_names_the_setting(
    content: bytes | None, rule: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"AUDIO_ADMIN_TOKEN_FILE": str(file)})
    message = str(caught.value)
    assert message.startswith(f"AUDIO_ADMIN_TOKEN_FILE={file}: {rule}")
    assert len(message.splitlines()) == 1
    assert "secret" not in message


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^AUDIO_ADMIN_TOKEN_FILE=.*: Is a directory$"):
        Settings.from_environment({"AUDIO_ADMIN_TOKEN_FILE": str(tmp_path)})


def test_only_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    assert Settings.from_environment({"AUDIO_GROUP_FILE": str(tmp_path / "missing")}) == Settings()


@pytest.mark.parametrize("value", ["a\nb", "a\x1b[2J", "a\u2028b"])
def test_a_value_cannot_break_the_message_into_lines(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"AUDIO_GROUP": value})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("variable", ["AUDIO_CACHE_SIZE", "AUDIO_CACHE_TTL"])
def test_a_quantity_beyond_all_numbers_is_refused(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}=9+: has too many digits"):
        Settings.from_environment({variable: "9" * 400})


def test_what_is_shown_has_every_variable_and_no_secret() -> None:
    told = shown(Settings(admin_token=TOKEN, state_dir=Path("state")))
    assert list(told) == [one.variable for one in declared(Settings).values()]
    assert told["AUDIO_ADMIN_TOKEN"] is True
    assert shown(Settings())["AUDIO_ADMIN_TOKEN"] is False
    assert told["AUDIO_STATE_DIR"] == "state"
    assert told["AUDIO_LAG_OBJECTIVE"] == 5.0


def test_names_and_defaults_that_operators_rely_on_stay() -> None:
    defaults = {one.variable: one.default for one in declared(Settings).values()}
    assert (
        defaults.items()
        >= {
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
            "AUDIO_GROUP": "hotel-audio",
            "AUDIO_TOPIC_PREFIX": "",
            "AUDIO_STATE_DIR": ".state",
            "AUDIO_HTTP_PORT": "8080",
            "AUDIO_COMPRESSION_LEVEL": "auto",
            "AUDIO_MAX_CONCURRENCY": "50",
            "AUDIO_PROCESSING_TIMEOUT": "120s",
            "AUDIO_CACHE_SIZE": "512MB",
            "AUDIO_CACHE_TTL": "3600s",
            "AUDIO_HEALTH_CHECK_INTERVAL": "30s",
        }.items()
    )
    assert Settings.from_environment({"AUDIO_HEALTH_CHECK_INTERVAL": "30"}) == Settings()


@pytest.mark.parametrize(
    ("environ", "refused"),
    [
        ({"AUDIO_REPLICAS_FROM": "/replicas"}, "^AUDIO_REPLICAS_FROM=/replicas: needs AUDIO_ORDINAL as well$"),
        ({"AUDIO_REPLICAS_FROM": "http://api/scale", "AUDIO_ORDINAL": "0"}, "begins with https://"),
        ({"AUDIO_REPLICAS_FROM": "replicas", "AUDIO_ORDINAL": "0"}, "absolute path"),
        ({"AUDIO_ORDINAL": "-1"}, "^AUDIO_ORDINAL=-1: must be 0 or more$"),
        ({"AUDIO_ORDINAL": "hotel-audio-worker-9"}, "not a whole number"),
    ],
)
def test_an_ordinal_without_sense_is_refused(environ: dict[str, str], refused: str) -> None:
    with pytest.raises(SettingsError, match=refused):
        Settings.from_environment(environ)


def test_a_command_reads_only_what_it_needs() -> None:
    environ = {"AUDIO_GROUP": "g", "AUDIO_HTTP_PORT": "http"}
    assert ClusterSettings.from_environment(environ) == ClusterSettings(group="g")


def test_every_setting_is_read_somewhere() -> None:
    sources = [path.read_text() for folder in ("agents", "streams") for path in (ROOT / folder).rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\bsettings\.(\w+)", text)}
    declarations = [
        (ROOT / "streams" / "runtime" / name).read_text() for name in ("settings.py", "cluster_settings.py")
    ]
    used |= {name for text in declarations for name in re.findall(r"\bself\.(\w+)", text)}  # parts of a connection
    assert {field.name for field in fields(Settings)} <= used


def test_the_stores_and_their_account_are_read_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    access, secret = tmp_path / "access", tmp_path / "secret"
    access.write_text("account\n")
    secret.write_text("before\n")
    environ = {
        "AUDIO_STORES": "s3://hotel-audio?endpoint=http://127.0.0.1:9000 file:///srv/objects",
        "AUDIO_STORES_ACCESS_KEY_FILE": str(access),
        "AUDIO_STORES_SECRET_KEY_FILE": str(secret),
        "AUDIO_POOL_SIZE": "7",
    }
    configuration = Settings.from_environment(environ).store_configuration
    assert [one.uri for one in configuration.locations] == ["s3://hotel-audio", "file:///srv/objects"]
    assert (configuration.pool_size, configuration.health_check_interval) == (7, 30.0)
    assert configuration.credentials.current() == ("account", "before")
    secret.write_text("after it was changed\n")
    assert configuration.credentials.current() == ("account", "after it was changed")


def test_without_a_setting_the_store_is_a_directory_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a b")
    settings = Settings.from_environment({})
    [location] = settings.store_configuration.locations
    assert location.uri == "file:///home/a%20b/.local/state/hotel-audio/objects"
    assert not settings.stores_are_named
    assert Settings.from_environment({"AUDIO_STORES": "s3://calls"}).stores_are_named


def test_an_account_without_a_home_directory_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    [location] = Settings.from_environment({}).store_configuration.locations
    assert location.uri == "file:///.local/state/hotel-audio/objects"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AUDIO_STORES": "http://127.0.0.1"}, "AUDIO_STORES=http://127.0.0.1: a store's URI must begin with s3://"),
        ({"AUDIO_STORES": "file://~nobody/x"}, "a directory must be given as file:///absolute/path"),
        ({"AUDIO_STORES_ACCESS_KEY_FILE": "/missing"}, "AUDIO_STORES_ACCESS_KEY_FILE=/missing: No such file"),
    ],
)
def test_stores_that_cannot_be_used_are_told(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        _ = Settings.from_environment(environ).store_configuration


def test_one_key_of_an_account_is_none() -> None:
    settings = Settings.from_environment({"AUDIO_STORES_SECRET_KEY": "secret-text"})
    with pytest.raises(SettingsError, match=r"AUDIO_STORES_ACCESS_KEY.*only one of them"):
        _ = settings.store_configuration
    assert "secret-text" not in repr(settings)
