"""Faust's RocksDB store, which sets corrupt databases aside and rebuilds them from their changelog.

It uses internals of Faust 0.15.3; the release is pinned for that reason.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.stores import STORES
from faust.stores.rocksdb import Store
from faust.types import TP, EventT
from faust.types.tables import CollectionT
from rocksdict import Rdict

from streams.delivery.outcome import Lookup
from streams.engine.rocksdb_options import AudioOptions

log = structlog.get_logger(__name__)

#: Value of the app's ``store`` setting.
STORE_URL = "rebuilding-rocksdb://?driver=rocksdict"
STORES.aliases["rebuilding-rocksdb"] = f"{__name__}:RebuildingStore"

#: Seconds for the brokers to answer with the changelogs' end offsets. A rebalance waits for it.
_ANSWER_TIMEOUT = 5.0
#: Beginnings of RocksDB's error messages when a file is not what it wrote. A full disk is another "IO error".
_DAMAGE = ("Corruption", "IO error: No such file or directory")


class RebuildingStore(Store):
    """One RocksDB database per partition; a corrupt one is set aside, and Faust fills a new one from the changelog.

    A database is set aside, with a line in the log, when it does not open, when a read or write found damage in it
    during the previous run, and when it is ahead of its changelog (the topic was created again). The latest one of each
    partition is kept on disk for inspection.
    """

    logger = logging.getLogger("faust.stores")  # mode would name it after this module

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rocksdb_options = AudioOptions()

    def entries(self, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a partition in key order, from the key ``start`` on."""
        cursor = self._db_for_partition(partition).iter()
        cursor.seek(start)
        while cursor.valid():
            if (key := cursor.key()) != self.offset_key:
                yield key, cursor.value()
            cursor.next()

    def size_of(self, partition: int, key: bytes) -> int:
        """Bytes of an entry's key and value, 0 when there is none."""
        value = self.reader(partition)(key)
        return 0 if value is None else len(key) + len(value)

    def reader(self, partition: int) -> Lookup:
        """Return a function that reads entries of a partition; it is thread-safe.

        The function keeps the database open while it is referenced. It returns None for an entry that cannot be read:
        the file is encoded again, or restored from the changelog.
        """
        database = self._db_for_partition(partition)

        def read(key: bytes) -> bytes | None:
            try:
                value: bytes | None = database.get(key)
            except Exception as error:  # noqa: BLE001  RocksDB's errors have no class of their own
                self.mark_corrupt(partition, error)
                return None
            return value

        return read

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset up to which a database is filled; None if unknown: it is filled from the start."""
        offset = self.reader(tp.partition)(self.offset_key)
        return None if offset is None else int(offset)

    def write(self, partition: int, key: bytes, value: bytes) -> None:
        """Write an entry of one partition."""
        self._db_for_partition(partition).put(key, value)

    def remove(self, partition: int, key: bytes) -> None:
        """Remove an entry from one partition; Faust would look for it in the partition that had the key last."""
        self._db_for_partition(partition).delete(key)

    def mark_corrupt(self, partition: int, error: Exception) -> None:
        """Mark a partition's database, to be set aside at its next opening, if ``error`` reports corruption."""
        if _is_damage(error):
            log.error("table_damaged", partition=partition, reason=str(error))
            self._corrupt_mark(partition).touch()

    async def assign_partitions(self, table: CollectionT, tps: set[TP], generation_id: int = 0) -> None:
        """Open the databases of newly assigned partitions and replicas; set aside those ahead of their changelog."""
        await super().assign_partitions(table, tps, generation_id)
        changelogs = [tp for tp in tps if tp.topic in table.changelog_topic.topics and self._is_mine(tp)]
        stands_at = {tp: offset for tp in changelogs if (offset := self.persisted_offset(tp)) is not None}
        if not stands_at:  # nothing to compare; saves a request during the rebalance
            return
        try:
            ends = await asyncio.wait_for(self.app.consumer.highwaters(*stands_at), _ANSWER_TIMEOUT)
        except (KafkaError, TimeoutError) as error:  # recovery asks again, and ends the worker if it has to
            log.warning("changelog_ends_unknown", reason=str(error) or type(error).__name__)
            return
        for tp, offset in stands_at.items():
            if offset >= ends[tp]:
                del self._dbs[tp.partition]
                self._set_aside(tp.partition, f"at offset {offset}, and its changelog ends at {ends[tp]}")
                self._db_for_partition(tp.partition)

    def apply_changelog_batch(
        self, batch: Iterable[EventT[Any]], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Write a batch read from the changelog; a failed write ends the worker.

        Faust would log the error, keep the batch, and try again with every following record.
        """
        events = list(batch)
        try:
            super().apply_changelog_batch(events, to_key, to_value)
        except Exception as error:
            for partition in {event.message.partition for event in events}:
                self.mark_corrupt(partition, error)
            app: Any = self.app
            app._crash(error)  # noqa: SLF001  Faust does the same when one of its services fails
            raise

    def _is_mine(self, tp: TP) -> bool:
        """Whether a partition's database is or will be open here: Faust opens replicas later, without this check."""
        return tp.partition in self._dbs or self.app.assignor.is_standby(tp)

    def _open_for_partition(self, partition: int) -> Rdict:
        if self._corrupt_mark(partition).exists():
            self._set_aside(partition, "damage was found in it")
        try:
            return self._open(partition)
        except Exception as error:  # RocksDB's errors have no class of their own
            if not _is_damage(error):
                raise
            self._set_aside(partition, str(error))
            return self._open(partition)

    def _open(self, partition: int) -> Rdict:
        database: Rdict = super()._open_for_partition(partition)
        return database

    def _set_aside(self, partition: int, reason: str) -> None:
        database = self.partition_path(partition)
        aside = database.with_suffix(".set-aside")
        log.warning("table_set_aside", partition=partition, reason=reason, kept_as=str(aside))
        shutil.rmtree(aside, ignore_errors=True)
        database.rename(aside)
        self._corrupt_mark(partition).unlink(missing_ok=True)

    def _corrupt_mark(self, partition: int) -> Path:
        """The file that marks a database as corrupt; its suffix is kept, so that marks survive an upgrade."""
        return self.partition_path(partition).with_suffix(".condemned")


def _is_damage(error: Exception) -> bool:
    return str(error).startswith(_DAMAGE)
