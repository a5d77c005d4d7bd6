"""An authority and the certificates that it issues, for a Kafka on this machine."""

from pathlib import Path

from infra.kafka.errors import LocalKafkaError
from infra.kafka.ports import HOST
from infra.secret_files import write_secret

_ORGANIZATION, _UNIT = "hotel-audio", "a local Kafka"


class Authority:
    """An authority in a directory: `ca.pem` to be trusted, `ca.key` to issue with. It is made where there is none.

    Args:
        directory: Of its files and of the certificates; only their owner can read it.

    Raises:
        LocalKafkaError: If the library that makes certificates is not installed.
    """

    def __init__(self, directory: Path) -> None:
        try:
            import trustme  # noqa: PLC0415  an installation without the extra `worker` has none
        except ModuleNotFoundError:
            raise LocalKafkaError(
                "certificates need the extra `worker`: pip install 'hotel-audio-streams[worker]'"
            ) from None
        self._directory = directory
        self.certificate = directory / "ca.pem"
        key = directory / "ca.key"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.certificate.exists():
            self._authority = trustme.CA.from_pem(self.certificate.read_bytes(), key.read_bytes())
        else:
            self._authority = trustme.CA(organization_name=_ORGANIZATION, organization_unit_name=_UNIT)
            write_secret(key, self._authority.private_key_pem.bytes())
            write_secret(self.certificate, self._authority.cert_pem.bytes())  # last: it says that the key is there

    def issue(self, name: str) -> Path:
        """Issue a certificate to a server or a client on this machine, unless there is one.

        Args:
            name: Its common name, which names a client.

        Returns:
            A PEM file with the key (PKCS #8, as Kafka wants it), the certificate, and the authority's.
        """
        file = self._directory / f"{name}.pem"
        return file if file.exists() else self.renew(name)

    def renew(self, name: str) -> Path:
        """Issue another certificate in place of the one before, as `issue`; the file changes all at once."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  comes with trustme

        file = self._directory / f"{name}.pem"
        # A broker takes another certificate while it runs only if both have the same whole name.
        issued = self._authority.issue_cert(
            HOST, "localhost", common_name=name, organization_name=_ORGANIZATION, organization_unit_name=_UNIT
        )
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        chain = [blob.bytes() for blob in issued.cert_chain_pems] + [self._authority.cert_pem.bytes()]
        pkcs8 = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(file, pkcs8 + b"".join(chain))
        return file
