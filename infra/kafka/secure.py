"""What makes a local cluster secure: its authority, its accounts, and the settings of its listeners.

Clients reach it with an account over TLS, or with a certificate (`MUTUAL`); the nodes reach each other with
certificates. Nobody may do what is not granted, except the nodes and the account `admin`.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

from infra.kafka.certificates import Authority
from infra.kafka.listeners import PeerListeners, ProxiedListener, listener_lines
from infra.secret_files import write_secret

ADMIN = "admin"
_NODE = "broker"  # the name of the nodes' certificate
_MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256")
_MODULES = "org.apache.kafka.common.security"
#: Milliseconds after which an open connection has to log in again: a revoked account is cut off within this time.
_LOGIN_LIFETIME_MS = 600_000


class ClusterSecurity:
    """The files that make a cluster secure, in a directory; those that are missing are made.

    Args:
        directory: Of the files; only their owner can read it.
        accounts: Names of the accounts, beside `ADMIN`.
    """

    def __init__(self, directory: Path, accounts: Sequence[str]) -> None:
        self._directory = directory
        self._accounts = tuple(dict.fromkeys([ADMIN, *accounts]))
        self._authority = Authority(directory)
        self._authority.issue(_NODE)
        for account in self._accounts:
            if not self.password_file(account).exists():
                write_secret(self.password_file(account), secrets.token_urlsafe(24).encode())

    @property
    def authorities(self) -> Path:
        """The PEM file with the certificate that vouches for the brokers."""
        return self._authority.certificate

    @property
    def key_store_file(self) -> Path:
        """The file of the installation's key store, which is made by who knows its format."""
        return self._directory / "keys"

    def certificate(self, account: str) -> Path:
        """The PEM file with an account's certificate and its key, for the listener `MUTUAL`."""
        return self._authority.issue(account)

    def renew_node_certificate(self) -> dict[str, str]:
        """Replace the certificate of the nodes.

        Returns:
            Settings of a broker, which has to get them again: then it reads the file. They are as they were.
        """
        file = str(self._authority.renew(_NODE))
        return {f"listener.name.{listener}.ssl.keystore.location": file for listener in ("accounts", "mutual")}

    def password_file(self, account: str) -> Path:
        """The file with an account's password."""
        return self._directory / f"{account}.password"

    def format_arguments(self, cluster_id: str, properties: Path) -> list[str]:
        """The arguments of a JVM that formats a node's storage with the accounts."""
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
        for account in self._accounts:
            for mechanism in _MECHANISMS:
                arguments += ["--add-scram", f"{mechanism}=[name={account},password={self._password(account)}]"]
        return arguments

    def properties(
        self,
        port: int,
        mutual_port: int,
        controller_port: int,
        *,
        proxied: Sequence[ProxiedListener] = (),
        peers: PeerListeners | None = None,
    ) -> str:
        """The settings that override those of the template: if a name occurs twice, Kafka uses the last one.

        Args:
            port: The port for accounts.
            mutual_port: The port for clients with a certificate, and for the other nodes.
            controller_port: The port of the controllers' listener.
            proxied: Further listeners for accounts.
            peers: Listeners for the other nodes; None if they reach this node without a proxy.
        """
        for_accounts = ["ACCOUNTS", *(one.name for one in proxied if not one.plain)]
        for_nodes = ["MUTUAL", "CONTROLLER", *([peers.brokers.name] if peers else [])]
        protocols = {**dict.fromkeys(for_accounts, "SASL_SSL"), **dict.fromkeys(for_nodes, "SSL")}
        direct = {"ACCOUNTS": port, "MUTUAL": mutual_port, "CONTROLLER": controller_port}
        lines = [
            "inter.broker.listener.name=MUTUAL",
            *listener_lines(direct, proxied, peers, protocols),
            *(line for name in for_accounts for line in self._login_lines(name.lower())),
            f"sasl.enabled.mechanisms={','.join(_MECHANISMS)},PLAIN",
            f"connections.max.reauth.ms={_LOGIN_LIFETIME_MS}",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.certificate(_NODE)}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.authorities}",
            *(
                f"listener.name.{listener.lower()}.ssl.{setting}"
                for listener in for_nodes
                for setting in ("client.auth=required", "principal.mapping.rules=RULE:^.*CN=([A-Za-z0-9._-]+).*$/$1/")
            ),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found=false",
            f"super.users=User:{_NODE};User:{ADMIN}" + (";User:ANONYMOUS" if any(one.plain for one in proxied) else ""),
        ]
        return "\n" + "\n".join(lines) + "\n"

    def _login_lines(self, listener: str) -> list[str]:
        """The settings by which a listener lets accounts in."""
        users = " ".join(f'user_{account}="{self._password(account)}"' for account in self._accounts)
        return [
            *(
                f"listener.name.{listener}.{name.lower()}.sasl.jaas.config={_MODULES}.scram.ScramLoginModule required;"
                for name in _MECHANISMS
            ),
            f"listener.name.{listener}.plain.sasl.jaas.config={_MODULES}.plain.PlainLoginModule required {users};",
        ]

    def _password(self, account: str) -> str:
        return self.password_file(account).read_text()
