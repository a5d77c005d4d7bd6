"""The settings of the connection to Kafka, which a worker and every command have."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import MECHANISMS, PLAINTEXT, PROTOCOLS
from streams.runtime.kafka_security import Account, Tls, connection_security
from streams.runtime.setting_declaration import read, setting
from streams.runtime.setting_kinds import BROKERS, FILE, KAFKA_NAME, KAFKA_PREFIX, TEXT, one_of


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Where the topics are: what a worker and every command that uses Kafka has to know."""

    bootstrap_servers: str = setting(
        "KAFKA_BOOTSTRAP_SERVERS", BROKERS, "Kafka brokers to connect to first", default="127.0.0.1:9092"
    )
    group: str = setting("AUDIO_GROUP", KAFKA_NAME, "the workers' consumer group", default="hotel-audio")
    topic_prefix: str = setting("AUDIO_TOPIC_PREFIX", KAFKA_PREFIX, "put before every topic's name", default="")
    security_protocol: str = setting(
        "KAFKA_SECURITY_PROTOCOL",
        one_of(*PROTOCOLS),
        "how the brokers are reached: `SSL` encrypts and may have a client's certificate, `SASL_...` has an account",
        default=PLAINTEXT,
    )
    sasl_mechanism: str = setting(
        "KAFKA_SASL_MECHANISM", one_of(*MECHANISMS), "how the brokers check the account", default=MECHANISMS[0]
    )
    sasl_username: str | None = setting("KAFKA_SASL_USERNAME", TEXT, "the account's name")
    sasl_password: str | None = setting("KAFKA_SASL_PASSWORD", TEXT, "the account's password", secret=True)
    ssl_cafile: Path | None = setting(
        "KAFKA_SSL_CAFILE", FILE, "certificates in PEM that vouch for the brokers'; without it, those of the system"
    )
    ssl_certfile: Path | None = setting(
        "KAFKA_SSL_CERTFILE", FILE, "the client's own certificate and its chain in PEM, for brokers that want one"
    )
    ssl_keyfile: Path | None = setting(
        "KAFKA_SSL_KEYFILE", FILE, "the key of that certificate in PEM; without it, in the certificate's file"
    )
    ssl_key_password: str | None = setting(
        "KAFKA_SSL_KEY_PASSWORD", TEXT, "the password of that key, if it is encrypted", secret=True
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read and validate the settings.

        Raises:
            SettingsError: With one line that names the variable, its value and what would be accepted.
        """
        settings = read(cls, environ)
        settings.check_files()
        return settings

    def check_files(self) -> None:
        """Read the files that settings name.

        Raises:
            SettingsError: If one of them cannot be used.
        """
        _ = self.connection

    @property
    def connection(self) -> KafkaConnection:
        """How every Kafka client connects.

        Raises:
            SettingsError: If the settings of its security contradict each other, or a file of theirs cannot be used.
        """
        tls = Tls(self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, self.ssl_key_password)
        account = Account(self.sasl_username, self.sasl_password, self.sasl_mechanism)
        return KafkaConnection(self.bootstrap_servers, connection_security(self.security_protocol, account, tls))
