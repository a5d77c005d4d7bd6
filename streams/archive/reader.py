"""Reads the archive."""

from collections.abc import Iterator
from datetime import date, timedelta

from schemas import Rejection
from streams.archive.entry import LARGEST, Entry
from streams.archive.names import ENTRY_SUFFIX, MANIFEST, CallDay, day_directory
from streams.stores import ObjectReference, Stores


class ArchiveReader:
    """Finds and reads entries. All methods wait for the stores, and raise `StoreUnavailableError` if these do not work.

    Args:
        stores: The object stores.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def names(self, directory: str) -> list[ObjectReference]:
        """The entries below a directory of the archive, in the order of their names.

        Args:
            directory: What their names begin with, with a slash at the end.
        """
        found = (one.reference for one in self._stores.list(directory.rstrip("/")))
        return sorted((one for one in found if _is_entry(one)), key=lambda one: one.key)

    def of_hotel(self, hotel_id: str, first: date, last: date, call_id: str | None = None) -> Iterator[ObjectReference]:
        """The entries of a hotel, day by day.

        Args:
            hotel_id: The hotel.
            first: The first day, in UTC, on which the results were written.
            last: The last day.
            call_id: The call; None means all.
        """
        for days in range((last - first).days + 1):
            day = first + timedelta(days=days)
            whole = day_directory(hotel_id, day)
            yield from self.names(whole if call_id is None else CallDay(hotel_id, day, call_id).directory)

    def read(self, name: ObjectReference) -> Entry | Rejection:
        """Read an entry, or say why it is none."""
        text = self._stores.read(name, limit=LARGEST)
        if isinstance(text, Rejection):
            return text
        return Entry.from_json(text, name.text.rpartition("/")[0] + "/")


def _is_entry(one: ObjectReference) -> bool:
    name = one.key.rpartition("/")[2]
    return name.endswith(ENTRY_SUFFIX) and name != MANIFEST
