"""Where the epochs' keys are kept: the one secret outside of Kafka."""

from typing import Protocol

from streams.security.sealing.data_key import SECRET_BYTES

#: Bytes of a key store's id.
STORE_ID_BYTES = 16
#: Bytes of an epoch's key, for AES-256.
EPOCH_KEY_BYTES = SECRET_BYTES
#: The epoch of the index key, by which keys of a call are found. It is made with the store, and never destroyed.
INDEX_EPOCH = 0
#: The first epoch whose key wraps data keys.
FIRST_EPOCH = 1


class KeyStoreError(Exception):
    """A key store cannot be used, or not in this way. The message is one line, for who operates it."""


class KeyStore(Protocol):
    """Keeps the key of each epoch, and destroys it for good.

    Attributes:
        id: 16 random bytes that tell the key stores of two installations apart.
    """

    id: bytes

    def epochs(self) -> tuple[int, ...]:
        """The epochs whose keys exist, oldest first, without `INDEX_EPOCH`.

        Raises:
            KeyStoreError: If the store cannot be read.
        """

    def create(self, epoch: int) -> None:
        """Make the random key of an epoch. Afterwards it survives a loss of power.

        Raises:
            KeyStoreError: If the store cannot be written, or the epoch is not later than all before.
        """

    def read(self, epoch: int) -> bytes:
        """The key of an epoch, 32 bytes, or one derived from it where it cannot leave the store.

        Raises:
            KeyStoreError: If the store cannot be read, or has no such epoch.
        """

    def destroy(self, epoch: int) -> None:
        """Destroy the key of an epoch, so that nothing that it wraps can be opened any more. Again, it does nothing.

        Raises:
            KeyStoreError: If the store cannot be written.
        """
