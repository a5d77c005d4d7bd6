"""The state table of a worker: a Faust table on RocksDB, changelog in Kafka."""

import logging
import weakref
from typing import Any

import faust
import faust.streams
from faust.tables.manager import TableManager
from faust.types import EventT

from streams.delivery.intake import raw_topic
from streams.delivery.outcome import Lookup
from streams.rocksdb_store import RebuildingStore

#: RocksDB per partition. Faust's defaults (2 GiB block cache, 3 memtables of 64 MiB, for each partition) would take
#: more than the whole worker may.
_ROCKSDB_OPTIONS = {
    "block_cache_size": 8 * 2**20,
    "write_buffer_size": 4 * 2**20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * 2**20,
    "max_open_files": 64,
}

#: Changelog records held in memory during recovery, before they are written as one batch.
_RECOVERY_BUFFER = 64


class PromptTableManager(TableManager):
    """Faust's, without the second that it gives an app's modules to declare their tables: ours are declared by now.

    That second is a good part of the time that a restarted worker's partitions stand still.
    """

    logger = logging.getLogger("faust.tables")  # mode would name it after this module

    async def on_start(self) -> None:
        """Announce the changelogs and begin to recover."""
        await self._update_channels()
        await self.recovery.start()


class CacheTable:
    """Encoded files by content key, sharded like the input, surviving restarts and moving with their partitions.

    Args:
        app: The app, not yet started.
        changelog: Name of the compacted changelog topic; it must exist, with as many partitions as the input.
        partitions: Partitions of input and changelog.
    """

    def __init__(self, app: faust.App, changelog: str, partitions: int) -> None:
        self._table: Any = app.Table(
            "audio-cache",
            key_type=bytes,
            value_type=bytes,
            partitions=partitions,
            changelog_topic=raw_topic(
                app, changelog, _RECOVERY_BUFFER, partitions=partitions, compacting=True, internal=True
            ),
            recovery_buffer_size=_RECOVERY_BUFFER,
            options=dict(_ROCKSDB_OPTIONS),
        )

    def lookup(self, partition: int) -> Lookup:
        """Return the reader of one partition's entries, safe to call from any thread.

        It holds the database open for as long as it lives. An entry that cannot be read is as good as missing: what it
        holds can be encoded again.
        """
        store: RebuildingStore = self._table.data
        database = store._db_for_partition(partition)  # noqa: SLF001  Table.get works only in a stream

        def read(key: bytes) -> bytes | None:
            try:
                value: bytes | None = database.get(key)
            except Exception as error:  # noqa: BLE001  RocksDB's errors have no class of their own
                store.condemn(partition, error)
                return None
            return value

        return read

    def put(self, context: object, key: bytes, value: bytes) -> None:
        """Write an entry locally and to the changelog.

        Args:
            context: The Faust event on whose behalf it is written; its partition decides the shard.
            key: Content key.
            value: Packed entry.
        """
        if not isinstance(context, EventT):
            raise TypeError(f"a table update needs its Faust event, not {type(context).__name__}")
        # Faust takes the partition from the current event, and knows one only inside a stream's own task. Lanes live
        # longer than that; setting the context variable is the only door.
        faust.streams._current_event.set(weakref.ref(context))  # noqa: SLF001
        try:
            self._table[key] = value
        except Exception as error:
            self._table.data.condemn(context.message.partition, error)
            raise
