"""The topic of keys and a key store in memory, where a writer can be killed at any step, or others come between."""

from collections.abc import AsyncIterator, Callable, Sequence

from schemas import Record
from streams.compliance.key_log import Ends, KeyEntry, WriterReplacedError
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import FIRST_EPOCH, INDEX_EPOCH, KeyStoreError
from streams.security.sealing.wrapped_key import Owner, WrappedKey, parse, unwrap, wrap

PARTITIONS = 2
STORE = bytes(range(16))


class KilledError(Exception):
    """The process ends here."""


class MemoryKeyStore:
    """A `KeyStore` in memory."""

    def __init__(self) -> None:
        self.id = STORE
        self._keys = {INDEX_EPOCH: bytes(32), FIRST_EPOCH: bytes([FIRST_EPOCH]) * 32}

    def epochs(self) -> tuple[int, ...]:
        return tuple(sorted(set(self._keys) - {INDEX_EPOCH}))

    def create(self, epoch: int) -> None:
        if epoch <= max(self._keys):
            raise KeyStoreError(f"epoch {epoch} is not later than {max(self._keys)}")
        self._keys[epoch] = epoch.to_bytes(32, "big")

    def read(self, epoch: int) -> bytes:
        if epoch not in self._keys:
            raise KeyStoreError(f"no key of epoch {epoch}")
        return self._keys[epoch]

    def destroy(self, epoch: int) -> None:
        self._keys.pop(epoch, None)


class KeyTopic:
    """All records that were ever written, as backups and deleted blocks have them."""

    def __init__(self) -> None:
        self.partitions: list[list[KeyEntry]] = [[] for _ in range(PARTITIONS)]
        self.audit: list[Record] = []
        self.writer: object = None

    def new_key(
        self, store: MemoryKeyStore, owner: Owner, created_ms: int, expires_ms: int = 0, epoch: int = 0
    ) -> DataKey:
        """A worker makes a key, by default under the newest epoch."""
        key, epoch = DataKey.new(), epoch or store.epochs()[-1]
        value = wrap(
            key, owner, store=store.id, epoch=epoch, epoch_key=store.read(epoch), index_key=store.read(INDEX_EPOCH),
            created_ms=created_ms, expires_ms=expires_ms,
        )  # fmt: skip
        partition = hash(owner.call) % PARTITIONS
        self.partitions[partition].append(KeyEntry(partition, key.id, value))
        return key

    def last(self, key_id: bytes) -> bytes | None:
        """What is known of a key now."""
        return next((one.value for part in self.partitions for one in reversed(part) if one.key == key_id), None)

    def opens(self, store: MemoryKeyStore, key: DataKey) -> bool:
        """Whether a reader finds the key."""
        return _opens(store, key, self.last(key.id))

    def ever_opens(self, store: MemoryKeyStore, key: DataKey) -> bool:
        """Whether somebody finds it who has every record that ever was."""
        return any(_opens(store, key, one.value) for part in self.partitions for one in part if one.key == key.id)


class MemoryKeyLog:
    """A `KeyLog` on a `KeyTopic`.

    Args:
        topic: The topic.
        before: Called before each step with its number, from 0; may raise `KilledError`, or act as somebody else.
    """

    def __init__(self, topic: KeyTopic, before: Callable[[int], None] = lambda _: None) -> None:
        self._topic = topic
        self._before = before
        self._steps = 0

    async def claim(self) -> None:
        self._step()
        self._topic.writer = self

    async def ends(self) -> Ends:
        self._step()
        return {number: len(part) for number, part in enumerate(self._topic.partitions)}

    async def between(self, begins: Ends, ends: Ends) -> AsyncIterator[Sequence[KeyEntry]]:
        for number, end in ends.items():
            self._step()
            yield self._topic.partitions[number][begins.get(number, 0) : end]

    async def write(self, entries: Sequence[KeyEntry], audit: Sequence[Record]) -> None:
        self._step()
        if self._topic.writer is not self:
            raise WriterReplacedError("another one has begun")
        for entry in entries:
            self._topic.partitions[entry.partition].append(entry)
        self._topic.audit.extend(audit)

    def _step(self) -> None:
        self._before(self._steps)
        self._steps += 1


def _opens(store: MemoryKeyStore, key: DataKey, value: bytes | None) -> bool:
    wrapped = parse(value or b"")
    if not isinstance(wrapped, WrappedKey) or wrapped.epoch not in store.epochs():
        return False
    opened = unwrap(key.id, wrapped, store.read(wrapped.epoch))
    return isinstance(opened, tuple) and opened[0] == key
