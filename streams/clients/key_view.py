"""How our clients reach the keys of sealed records."""

from collections.abc import Callable

from aiokafka.errors import KafkaError

from streams.clients.errors import InvalidAddressError, KeysUnavailableError
from streams.clients.opening import KeyView
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.denials import denial_of
from streams.kafka.protocol.metadata import fetch_topics
from streams.sealing.key_ring import KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.key_stores import key_store_at, parse_address
from streams.security.sealing.missing import Missing, no_keys
from streams.security.sealing.pkcs11_address import without_pin


class _Keys:
    """The keys of an installation; without access where the account or the key store do not give it."""

    def __init__(self, connection: KafkaConnection, topic: str, open_store: Callable[[], KeyStore]) -> None:
        self._connection = connection
        self._topic = topic
        self._open_store = open_store
        self._ring: KeyRing | None = None
        self.obstacle: str | None = None

    async def start(self) -> None:
        """See `KeyView`."""
        try:
            self.obstacle = await self._topic_problem()
            if self.obstacle is None:
                ring = KeyRing(self._connection, self._topic, self._open_store)
                await ring.start()
                self._ring = ring
        except KeyStoreError as error:
            self.obstacle = str(error)
        except (KafkaError, OSError) as error:
            raise KeysUnavailableError(
                f"{self._topic} cannot be read ({error}): check that its brokers are up"
            ) from error

    async def _topic_problem(self) -> str | None:
        """Why the account cannot read the topic; None if nothing is known against it."""
        try:
            async with connected_client(self._connection) as client:
                found = await fetch_topics(client, [self._topic])
        except KafkaError as error:
            if (denial := denial_of(error)) is None:
                raise
            return denial
        return None if self._topic in found else f"there is no topic {self._topic}"

    def find(self, key_id: bytes) -> DataKey | Missing:
        """See `KeyView`."""
        return no_keys(key_id) if self._ring is None else self._ring.find(key_id)

    async def stop(self) -> None:
        """See `KeyView`."""
        if self._ring is not None:
            await self._ring.stop()


#: The address of a key store, as the setting AUDIO_KEY_STORE; the key store itself, or what opens it.
KeyStoreSource = str | KeyStore | Callable[[], KeyStore]


def key_view_of(
    connection: KafkaConnection, topic: str, key_store: KeyStoreSource | None
) -> Callable[[], KeyView] | None:
    """What makes the view of an installation's keys; None without a key store.

    Args:
        connection: The cluster.
        topic: Full name of the topic of keys.
        key_store: The key store.

    Raises:
        InvalidAddressError: If the address is of another form.
    """
    open_store = opener_of(key_store)
    return None if open_store is None else lambda: _Keys(connection, topic, open_store)


def opener_of(key_store: KeyStoreSource | None) -> Callable[[], KeyStore] | None:
    """What opens a key store; None without one.

    Args:
        key_store: The key store.

    Raises:
        InvalidAddressError: If the address is of another form.
    """
    if key_store is None:
        return None
    if callable(key_store):
        return key_store
    if not isinstance(key_store, str):
        return lambda: key_store
    try:
        parse_address(key_store)
    except ValueError as error:
        raise InvalidAddressError(f"the key store is {without_pin(key_store)!r}: {error}") from None
    return lambda: key_store_at(key_store)
