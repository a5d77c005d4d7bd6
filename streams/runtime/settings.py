"""Every setting of a worker: one place, validated once, frozen."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

_SIZE_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
}  # fmt: skip
_SECONDS_UNITS = {"": 1.0, "S": 1.0, "MS": 0.001, "M": 60.0, "H": 3600.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_Number = TypeVar("_Number", int, float)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+):([0-9]{1,9})")
_HIGHEST_PORT = 65535
_KAFKA_NAME = re.compile(r"[A-Za-z0-9._-]+")


class SettingsError(ValueError):
    """A setting cannot be used as given. The operator has to change the named variable; the message is one line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A worker's settings, each read from the environment variable named in its comment.

    Sizes take B, KB, MB, GB, KiB, MiB and GiB; durations ms, s, m and h, and seconds where no unit is given.
    """

    bootstrap_servers: str = "127.0.0.1:9092"  # KAFKA_BOOTSTRAP_SERVERS: host:port[,host:port...]
    group: str = "hotel-audio"  # AUDIO_GROUP: consumer group, also the Faust app's id
    topic_prefix: str = ""  # AUDIO_TOPIC_PREFIX: put before every topic's name
    state_dir: Path = Path(".state")  # AUDIO_STATE_DIR: RocksDB tables; one directory per worker
    http_port: int = 8080  # AUDIO_HTTP_PORT: health and metrics; 0 takes a free port
    compression_level: int | None = None  # AUDIO_COMPRESSION_LEVEL: auto (None) or 1-5
    max_concurrency: int = 50  # AUDIO_MAX_CONCURRENCY: clips worked on at a time per worker
    max_in_flight_bytes: int = 64 * 2**20  # AUDIO_MAX_IN_FLIGHT: input bytes in flight per worker
    max_record_bytes: int = 8 * 2**20  # AUDIO_MAX_RECORD_SIZE: larger inputs go to the dead letters
    processing_timeout: float = 120.0  # AUDIO_PROCESSING_TIMEOUT: seconds for one clip before it is a dead letter
    lag_objective: float = 5.0  # AUDIO_LAG_OBJECTIVE: seconds behind from which cheaper work is chosen
    stall_timeout: float = 60.0  # AUDIO_STALL_TIMEOUT: seconds without progress under lag before the worker ends
    health_check_interval: float = 30.0  # AUDIO_HEALTH_CHECK_INTERVAL: most seconds between looks at the brokers
    cache_bytes: int = (
        512 * 10**6
    )  # AUDIO_CACHE_SIZE: memory for cached files; a partition's table takes as much on disk
    cache_ttl: float = 3600.0  # AUDIO_CACHE_TTL: seconds that a cached file lives on as long as its use is not known
    memory_limit: int | None = (
        None  # AUDIO_MEMORY_LIMIT: near it the cache gives way; None is the control group's limit
    )
    dead_letter_limit: int = 1000  # AUDIO_DEAD_LETTER_LIMIT: dead letters in a row before the worker ends
    admin_token: str | None = field(
        default=None, repr=False
    )  # AUDIO_ADMIN_TOKEN: who sends it may see the status; without, nobody may
    log_level: str = "info"  # AUDIO_LOG_LEVEL: debug, info, warning or error

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and validate the settings.

        Raises:
            SettingsError: With one line that names the variable, its value and what would be accepted.
        """
        values: dict[str, Any] = {}
        for variable, (name, parse) in VARIABLES.items():
            text = environ.get(variable)
            if text is None or text == "":
                continue
            try:
                values[name] = parse(text)
            except ValueError as error:
                shown = "..." if variable in SECRETS else text
                raise SettingsError(f"{variable}={shown}: {error}") from None
        return cls(**values)


def parse_size(text: str) -> int:
    """Bytes from a text such as ``512MB`` or ``8 MiB``."""
    number, unit = _quantity(text)
    if unit not in _SIZE_UNITS:
        raise ValueError("not a size; write for example 512MB or 8MiB")
    return int(number * _SIZE_UNITS[unit])


def parse_seconds(text: str) -> float:
    """Seconds from a text such as ``120s``, ``250ms``, ``5m`` or ``30``."""
    number, unit = _quantity(text)
    if unit not in _SECONDS_UNITS:
        raise ValueError("not a duration; write for example 120s, 250ms or 5m")
    return number * _SECONDS_UNITS[unit]


def _quantity(text: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError("not a number with an optional unit")
    return float(match[1]), match[2].upper()


def _positive(parse: Callable[[str], _Number]) -> Callable[[str], _Number]:
    def parse_positive(text: str) -> _Number:
        value = parse(text)
        if value <= 0:
            raise ValueError("must be greater than zero")
        return value

    return parse_positive


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("not a whole number") from None


def _port(text: str) -> int:
    value = _integer(text)
    if not 0 <= value <= _HIGHEST_PORT:
        raise ValueError("not a port; must be between 0 and 65535")
    return value


def _level(text: str) -> int | None:
    if text.lower() == "auto":
        return None
    if text not in {"1", "2", "3", "4", "5"}:
        raise ValueError("must be auto or a level from 1 to 5")
    return int(text)


def _token(text: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("must be 16 or more letters, digits or any of -._~+/=")
    return text


def _kafka_name(text: str) -> str:
    if _KAFKA_NAME.fullmatch(text) is None:
        raise ValueError("may hold only letters, digits, dots, underscores and dashes")
    return text


def parse_brokers(text: str) -> str:
    """Brokers from a text such as ``kafka-1:9092, [::1]:9092``, without the blanks.

    Raises:
        ValueError: With the form that is wanted.
    """
    brokers = [broker.strip() for broker in text.split(",")]
    if "://" in text:
        plain = ",".join(broker.partition("://")[2].rstrip("/") if "://" in broker else broker for broker in brokers)
        raise ValueError(f"brokers have no scheme; write {plain}")
    if not all(brokers):
        raise ValueError(f"has a comma too many; write {','.join(filter(None, brokers)) or 'host:port'}")
    for broker in brokers:
        match = _BROKER.fullmatch(broker)
        if match is None:
            raise ValueError("must be host:port, or several separated by commas; an IPv6 address as [::1]:9092")
        if not 1 <= int(match[1]) <= _HIGHEST_PORT:
            raise ValueError(f"{match[1]} is not a port; must be between 1 and {_HIGHEST_PORT}")
    return ",".join(brokers)


def _log_level(text: str) -> str:
    if text.lower() not in {"debug", "info", "warning", "error"}:
        raise ValueError("must be debug, info, warning or error")
    return text.lower()


#: Environment variable to field and parser, in the order of the README.
VARIABLES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "KAFKA_BOOTSTRAP_SERVERS": ("bootstrap_servers", parse_brokers),
    "AUDIO_GROUP": ("group", _kafka_name),
    "AUDIO_TOPIC_PREFIX": ("topic_prefix", _kafka_name),
    "AUDIO_STATE_DIR": ("state_dir", Path),
    "AUDIO_HTTP_PORT": ("http_port", _port),
    "AUDIO_COMPRESSION_LEVEL": ("compression_level", _level),
    "AUDIO_MAX_CONCURRENCY": ("max_concurrency", _positive(_integer)),
    "AUDIO_MAX_IN_FLIGHT": ("max_in_flight_bytes", _positive(parse_size)),
    "AUDIO_MAX_RECORD_SIZE": ("max_record_bytes", _positive(parse_size)),
    "AUDIO_PROCESSING_TIMEOUT": ("processing_timeout", _positive(parse_seconds)),
    "AUDIO_LAG_OBJECTIVE": ("lag_objective", _positive(parse_seconds)),
    "AUDIO_CACHE_SIZE": ("cache_bytes", _positive(parse_size)),
    "AUDIO_CACHE_TTL": ("cache_ttl", _positive(parse_seconds)),
    "AUDIO_MEMORY_LIMIT": ("memory_limit", _positive(parse_size)),
    "AUDIO_DEAD_LETTER_LIMIT": ("dead_letter_limit", _positive(_integer)),
    "AUDIO_STALL_TIMEOUT": ("stall_timeout", _positive(parse_seconds)),
    "AUDIO_HEALTH_CHECK_INTERVAL": ("health_check_interval", _positive(parse_seconds)),
    "AUDIO_ADMIN_TOKEN": ("admin_token", _token),
    "AUDIO_LOG_LEVEL": ("log_level", _log_level),
}

#: Variables whose values are shown nowhere.
SECRETS = frozenset({"AUDIO_ADMIN_TOKEN"})
