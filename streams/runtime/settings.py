"""The settings of a worker, each declared once: variable, kind with its unit, default, meaning, secret or not."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.endpoint_tls import endpoint_tls
from streams.runtime.sealing_settings import (
    DEFAULT_KEY_STORE,
    KEY_STORE,
    KEY_STORE_MEANING,
    KEY_STORE_PIN_MEANING,
    OFF,
    ON,
    SWITCH,
)
from streams.runtime.setting_declaration import SettingsError, setting
from streams.runtime.setting_kinds import (
    DIRECTORY,
    DURATION,
    FILE,
    FOLLOWED_SECRET,
    HOST,
    LEVEL,
    NETWORKS,
    ORDINAL,
    PORT,
    REPLICAS_SOURCE,
    SIZE,
    STORES,
    TEXT,
    TOKEN,
    home_directory,
    in_home,
    number_of,
    one_of,
)
from streams.security.client_address import Networks
from streams.stores import Credentials, Secret, Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from streams.stores.configuration import parse_locations

_DEFAULT_STORES = "file://~/.local/state/hotel-audio/objects"
#: Values of AUDIO_SANDBOX_PROTECTIONS.
OFFERED, DEMANDED = "offered", "all"


@dataclass(frozen=True, slots=True)
class StoreSettings(ClusterSettings):
    """Where the topics are, and the object stores: what workers and commands have to know that handle large audio."""

    store_uris: str = setting(
        "AUDIO_STORES",
        STORES,
        "object stores for audio that is too large for a record, the first of which is written to:"
        " `file:///directory`, or `s3://bucket?endpoint=URL&endpoint=URL&region=R`; all programs need the same ones",
        default=_DEFAULT_STORES,
    )
    stores_access_key: Secret | None = setting(
        "AUDIO_STORES_ACCESS_KEY",
        FOLLOWED_SECRET,
        "the account of all buckets; without it, what Amazon's own variables, files and services say",
        secret=True,
    )
    stores_secret_key: Secret | None = setting(
        "AUDIO_STORES_SECRET_KEY",
        FOLLOWED_SECRET,
        "the key of that account; files are read again when they change",
        secret=True,
    )
    inline_limit: int = setting(
        "AUDIO_INLINE_LIMIT",
        SIZE,
        "audio in a record, at most; larger audio is stored, and the record has a reference to it",
        default="900KB",
    )
    max_size: int = setting("AUDIO_MAX_SIZE", SIZE, "audio that is fetched from a store, at most", default="2GiB")
    pool_size: int = setting(
        "AUDIO_POOL_SIZE", number_of("connections"), "to each endpoint of a store, at most", default="50"
    )
    health_check_interval: float = setting(
        "AUDIO_HEALTH_CHECK_INTERVAL",
        DURATION,
        "longest time between two checks of the brokers, and of each endpoint of a store; the lag is read every 5 s",
        default="30s",
    )

    @property
    def stores_are_named(self) -> bool:
        """Whether a setting names the stores. Otherwise there is a directory that this account alone can read."""
        return self.store_uris != _DEFAULT_STORES

    @property
    def store_configuration(self) -> StoresConfiguration:
        """The object stores. Those that no setting names are not checked before they are used.

        Raises:
            SettingsError: If only one of the account's keys is given.
        """
        try:
            return StoresConfiguration(
                parse_locations(in_home(self.store_uris, home_directory())),
                Credentials(self.stores_access_key, self.stores_secret_key),
                self.pool_size,
                self.health_check_interval,
                checked=self.stores_are_named,
            )
        except ValueError as error:
            raise SettingsError(f"AUDIO_STORES_ACCESS_KEY, AUDIO_STORES_SECRET_KEY: {error}") from None

    def claim_check(self, stores: Stores) -> ClaimCheck:
        """What exchanges large audio for references to it, within these limits."""
        return ClaimCheck(stores, self.inline_limit, self.max_size)


@dataclass(frozen=True, slots=True)
class EndpointSettings(StoreSettings):
    """What every process has that answers over HTTP: where, to whom, and where its log and its files go."""

    state_dir: Path = setting(
        "AUDIO_STATE_DIR",
        DIRECTORY,
        "tables and member id of a worker, or index of the HTTP API; one directory per process, kept over restarts",
        default=".state",
    )
    http_host: str = setting(
        "AUDIO_HTTP_HOST",
        HOST,
        "where health, metrics and the HTTP API are served; `0.0.0.0` (or `::`, in IPv6) lets others reach them",
        default="127.0.0.1",
    )
    http_tls_certfile: Path | None = setting(
        "AUDIO_HTTP_TLS_CERTFILE",
        FILE,
        "certificate and its chain in PEM, with which these are served by TLS; without it, as plain HTTP",
    )
    http_tls_keyfile: Path | None = setting(
        "AUDIO_HTTP_TLS_KEYFILE", FILE, "the key of that certificate in PEM; without it, in the certificate's file"
    )
    admin_token: str | None = setting(
        "AUDIO_ADMIN_TOKEN",
        TOKEN,
        "opens `/admin/audio/status` to who sends it as `Authorization: Bearer ...`, as an admin",
        secret=True,
    )
    api_keys_file: Path | None = setting(
        "AUDIO_API_KEYS_FILE", FILE, "API keys, which `./scripts/api_keys` makes; read again when it changes"
    )
    jwt_issuer: str | None = setting(
        "AUDIO_JWT_ISSUER", TEXT, "the identity provider whose JSON Web Tokens are accepted: their `iss`"
    )
    jwt_audience: str | None = setting("AUDIO_JWT_AUDIENCE", TEXT, "for whom its tokens have to be: their `aud`")
    jwt_keys_file: Path | None = setting(
        "AUDIO_JWT_KEYS_FILE", FILE, "its public keys as a JSON Web Key Set; read again when it changes"
    )
    trusted_proxies: Networks = setting(
        "AUDIO_TRUSTED_PROXIES",
        NETWORKS,
        "proxies whose `X-Forwarded-For` is believed, for the limit of 10 requests a second for each address",
        default="",
    )
    sandbox_protections: str = setting(
        "AUDIO_SANDBOX_PROTECTIONS",
        one_of(OFFERED, DEMANDED),
        "what confines the decoders beside limits and a user of their own: `offered` takes what the kernel has, `all` "
        "does not start without any of it",
        default=OFFERED,
    )
    key_store: str = setting("AUDIO_KEY_STORE", KEY_STORE, KEY_STORE_MEANING, default=DEFAULT_KEY_STORE)
    key_store_pin: str | None = setting("AUDIO_KEY_STORE_PIN", TEXT, KEY_STORE_PIN_MEANING, secret=True)
    log_level: str = setting(
        "AUDIO_LOG_LEVEL",
        one_of("debug", "info", "warning", "error"),
        "`debug` writes a line for every result",
        default="info",
    )
    log_format: str = setting(
        "AUDIO_LOG_FORMAT",
        one_of("auto", "text", "json"),
        "`auto` writes text for people at a terminal, and JSON lines elsewhere",
        default="auto",
    )

    def check_files(self) -> None:
        """Read the files that settings name, as `ClusterSettings.check_files`."""
        ClusterSettings.check_files(self)
        _ = self.http_tls

    @property
    def http_tls(self) -> ssl.SSLContext | None:
        """How health and metrics are served by TLS; None for plain HTTP. Raises SettingsError as `endpoint_tls`."""
        return endpoint_tls(self.http_tls_certfile, self.http_tls_keyfile)

    def __post_init__(self) -> None:
        if len({one is None for one in (self.jwt_issuer, self.jwt_audience, self.jwt_keys_file)}) > 1:
            raise SettingsError("AUDIO_JWT_ISSUER, AUDIO_JWT_AUDIENCE and AUDIO_JWT_KEYS_FILE need each other")


@dataclass(frozen=True, slots=True)
class Settings(EndpointSettings):
    """The settings of one worker."""

    http_port: int = setting("AUDIO_HTTP_PORT", PORT, "health and metrics; `0` takes a free port", default="8080")
    ordinal: int | None = setting(
        "AUDIO_ORDINAL", ORDINAL, "the worker's number among its replicas, as a StatefulSet counts its pods"
    )
    replicas_from: str | None = setting(
        "AUDIO_REPLICAS_FROM",
        REPLICAS_SOURCE,
        "where the number of replicas wanted is read on a stop: if `AUDIO_ORDINAL` is beyond it, the worker leaves its "
        "group, and its partitions need not wait for it",
    )
    compression_level: int | None = setting(
        "AUDIO_COMPRESSION_LEVEL", LEVEL, "compression level; `auto` chooses it for each record", default="auto"
    )
    max_concurrency: int = setting(
        "AUDIO_MAX_CONCURRENCY", number_of("records"), "processed at the same time, at most", default="50"
    )
    max_in_flight_bytes: int = setting(
        "AUDIO_MAX_IN_FLIGHT", SIZE, "input that is read and not yet committed, at most", default="64MiB"
    )
    max_record_bytes: int = setting("AUDIO_MAX_RECORD_SIZE", SIZE, "larger inputs become dead letters", default="8MiB")
    processing_timeout: float = setting(
        "AUDIO_PROCESSING_TIMEOUT", DURATION, "a record that takes longer becomes a dead letter", default="120s"
    )
    lag_objective: float = setting(
        "AUDIO_LAG_OBJECTIVE",
        DURATION,
        "with more lag a worker spends less effort, then chooses higher levels within the policies",
        default="5s",
    )
    cache_bytes: int = setting(
        "AUDIO_CACHE_SIZE",
        SIZE,
        "memory for cached files; each partition's table, and its replica on another worker, takes as much on disk",
        default="512MB",
    )
    cache_ttl: float = setting(
        "AUDIO_CACHE_TTL",
        DURATION,
        "lifetime of a cached file until its second use; then it follows its use, from half to 24 times as long",
        default="3600s",
    )
    memory_limit: int | None = setting(
        "AUDIO_MEMORY_LIMIT", SIZE, "near it the cache shrinks; without it the control group's limit counts, if any"
    )
    dead_letter_limit: int = setting(
        "AUDIO_DEAD_LETTER_LIMIT", number_of("dead letters"), "in a row that end the worker", default="1000"
    )
    stall_timeout: float = setting(
        "AUDIO_STALL_TIMEOUT", DURATION, "lag without progress for so long ends the worker", default="60s"
    )

    sealing: str = setting(
        "AUDIO_SEALING",
        SWITCH,
        "`on` seals results and dead letters under a key for each call; `off` those of hotels whose policy demands it",
        default=OFF,
    )
    require_sealed_input: str = setting(
        "AUDIO_REQUIRE_SEALED_INPUT", SWITCH, "`on` refuses inputs that their sender has not sealed", default=OFF
    )

    @property
    def seals_everything(self) -> bool:
        """Whether everything is sealed, whatever the policies say."""
        return self.sealing == ON

    @property
    def requires_sealed_input(self) -> bool:
        """Whether inputs in clear are refused."""
        return self.require_sealed_input == ON

    def __post_init__(self) -> None:
        EndpointSettings.__post_init__(self)
        if self.replicas_from is not None and self.ordinal is None:
            raise SettingsError(f"AUDIO_REPLICAS_FROM={self.replicas_from}: needs AUDIO_ORDINAL as well")
