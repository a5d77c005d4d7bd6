"""aiokafka's clients, which log in with the password that its file has when they connect.

A broker that limits how long a login lasts (``connections.max.reauth.ms``) closes connections. Clients connect again:
with the password that was changed meanwhile, or not at all.
"""

from aiokafka.client import AIOKafkaClient

from streams.kafka.secret_text import latest

_PASSWORD = "_sasl_plain_password"  # noqa: S105  a name


class RenewingClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's client, which reads the password again for each new connection.

    aiokafka offers no option for it, so `renew_login` changes the class of a client that was made for it.
    """

    @property
    def _sasl_plain_password(self) -> str | None:
        password: str | None = self.__dict__[_PASSWORD]
        return None if password is None else latest(password)


def renew_login(client: AIOKafkaClient) -> None:
    """Turn a client that is not connected yet into a `RenewingClient`."""
    client.__class__ = RenewingClient
