"""The index: one SQLite file with one writer. Whoever loses the file loses time, and nothing else."""

import contextlib
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import structlog

from schemas.record import TopicPartition
from streams.api.index.changes import Change
from streams.api.index.recording import Recording
from streams.api.index.rows import recording_of
from streams.api.index.tables import SET_POSITION, TABLES, VERSION, is_current, upsert

log = structlog.get_logger(__name__)

#: Seconds that a statement may read, and the steps of SQLite's after which that is looked at.
_LONGEST_READ, _STEPS = 5.0, 50_000
_MOST_IDLE = 8  # connections for reading
#: Pages of the log that are written into the file together, and what the writer keeps of the file in memory.
_WAL_PAGES, _CACHE_KB = 4000, 16 * 2**10

#: Told of what was committed: the ids that have changed.
Listener = Callable[[Sequence[Change]], None]


class TooManyRowsError(Exception):
    """A statement has to look at more rows than it has time for."""


class ResultIndex:
    """Recordings by id, by hotel and time, by call, and by refusal.

    A file that is missing, corrupt, of other tables or of another installation is made anew, and filled from the topics
    again.

    Args:
        path: The file; other files beside it have names that begin with its name.
        topics: Full names of the topics in the order of `streams.api.index.changes.TOPICS`.
    """

    def __init__(self, path: Path, topics: Sequence[str]) -> None:
        self._path = path
        self._topics = tuple(topics)
        self._lock = threading.Lock()
        self._open()

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names of the topics."""
        return self._topics

    def get(self, number: str) -> Recording | None:
        """A recording by its id; None if there is none with it."""
        try:
            key = uuid.UUID(number).bytes
        except ValueError:
            return None
        found = self.select("WHERE id = ?", [key])
        return found[0] if found else None

    def select(self, condition: str, values: Iterable[str | int | bytes | None]) -> list[Recording]:
        """Recordings that fulfil a condition.

        Args:
            condition: What follows ``FROM recordings`` in SQL, with ``?`` for values; never with anything from outside.
            values: The values.
        """
        rows = self.query(f"SELECT * FROM recordings {condition}", values)  # noqa: S608  the caller's promise
        return [recording_of(row, self._topics) for row in rows]

    def query(self, statement: str, values: Iterable[str | int | bytes | None] = ()) -> list[sqlite3.Row]:
        """Rows of any statement that reads, for sums and counts; as `select`, nothing from outside may be in it.

        Raises:
            TooManyRowsError: If it takes longer than anybody waits.
        """
        with self._reader() as reader:
            try:
                return reader.execute(statement, list(values)).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooManyRowsError from None
                raise

    def positions(self) -> dict[TopicPartition, int]:
        """Up to where each partition was read: the next offset."""
        rows = self.query("SELECT topic, partition, next FROM positions")
        return {TopicPartition(row["topic"], row["partition"]): row["next"] for row in rows}

    def write(self, changes: Iterable[Change], positions: Mapping[TopicPartition, int]) -> None:
        """Apply changes and the positions that they lead to, together or not at all.

        Raises:
            sqlite3.Error: If the file cannot be written, or is corrupt.
        """
        with self._transaction() as database:
            for (kind, columns), alike in groupby(changes, lambda one: (one.kind, tuple(one.columns))):
                values = ((uuid.UUID(one.id).bytes, *one.columns.values()) for one in alike)
                database.executemany(upsert(kind, columns), values)
            database.executemany(SET_POSITION, [(*place, offset) for place, offset in positions.items()])

    def change(self, statement: str, values: Iterable[str | int | bytes | None]) -> None:
        """Run a statement that writes, in a transaction; as `query`, nothing from outside may be in it.

        Raises:
            sqlite3.Error: As `write`.
        """
        with self._transaction() as database:
            database.execute(statement, list(values))

    def belongs_to(self, installation: Mapping[str, str]) -> bool:
        """Whether the file was filled from these topics; a new one takes them for its own.

        Args:
            installation: The topics' ids by their names.
        """
        known = {row["name"]: row["value"] for row in self.query("SELECT name, value FROM installation")}
        if not known:
            with self._transaction() as database:
                database.executemany("INSERT INTO installation VALUES (?, ?)", installation.items())
        return not known or known == dict(installation)

    def recreate(self) -> None:
        """Begin with an empty file."""
        with self._lock:
            self._close()
            self._remove()
            self._open()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            log.warning("index_made_anew", path=str(self._path), reason=str(error))
            self._remove()
            self._connect()

    def _connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        writer = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            if self._path.stat().st_size and not is_current(writer):
                raise sqlite3.DatabaseError("it has other tables")  # noqa: TRY301  one way out for every reason
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = NORMAL")
            writer.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            writer.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            if not is_current(writer):
                writer.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
            writer.execute("SELECT count(*) FROM positions").fetchone()
        except BaseException:
            writer.close()
            raise
        self._writer = writer
        self._idle: list[sqlite3.Connection] = []  # a list of its own for each file

    def _close(self) -> None:
        self._writer.close()
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else reads with: a long list does not hold up who asks for an id."""
        with self._lock:
            idle = self._idle
            reader = idle.pop() if idle else self._new_reader()
        until = time.monotonic() + _LONGEST_READ
        reader.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            yield reader
        finally:
            with self._lock:
                if idle is self._idle and len(idle) < _MOST_IDLE:
                    idle.append(reader)
                else:
                    reader.close()

    def _new_reader(self) -> sqlite3.Connection:
        reader = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        reader.execute("PRAGMA query_only = ON")
        reader.row_factory = sqlite3.Row
        return reader

    def _remove(self) -> None:
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            raise
