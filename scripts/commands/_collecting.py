"""Collects the results of calls, from the topic and from the archive, and exports the calls that they make."""

import argparse
import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from schemas import CompressedAudio, Rejection
from schemas.topics import COMPRESSED
from scripts.audit_trail.writing import Audit, ids_of
from scripts.cli import Cluster, CommandError, counted, progress_bar, say
from scripts.commands._exporting import export, line
from scripts.commands._json import write_json
from scripts.commands._spool import Spool
from streams.archive.entry import Entry
from streams.archive.names import day_of
from streams.archive.reader import ArchiveReader
from streams.clients.assembling import assemble
from streams.clients.calls import NO_END, Call
from streams.clients.errors import BrokenReferenceError
from streams.clients.opening import RecordOpener
from streams.clients.result_files import ResultFiles
from streams.clients.results import ResultReader, with_file
from streams.clients.stores import stores_of, translated_store_errors
from streams.clients.track_parts import Segment
from streams.security.sealing.missing import GONE
from streams.stores import StoresConfiguration

_LARGEST_FILE = 512 * 2**20  # bytes: it is held in memory, and in the spool; at the default level, five days of speech


@dataclass(frozen=True, slots=True)
class Choice:
    """Which results are wanted.

    Attributes:
        hotel: Of this hotel; None for all.
        call: Of this call; None for all.
        channel: Files of this channel; None for all.
        since: Written since then, in milliseconds since the epoch; None from the oldest one on.
        until: Written before then; None until now.
        audio: Whether their files are wanted as well.
    """

    hotel: str | None
    call: str | None
    channel: str | None
    since: int | None
    until: int | None
    audio: bool

    def has(self, segment: Segment) -> bool:
        """Whether a result is one of them, as far as its call says it."""
        result = segment.result
        return self.hotel in (None, result.hotel_id) and self.call in (None, result.call_id)


class Collection:
    """The chosen results, in a spool.

    Args:
        command: Name of the command, for its messages.
        choice: Which results.
        stores: The object stores, with the files of large results and the archive.
        opener: Opens sealed results.

    Attributes:
        spool: The results.
        damaged: Entries of the archive that could not be read.
    """

    def __init__(self, command: str, choice: Choice, stores: StoresConfiguration, opener: RecordOpener) -> None:
        self._command = command
        self._choice = choice
        self._stores = stores
        self._opener = opener
        self._files = ResultFiles(stores, _LARGEST_FILE, opener.find)
        self.spool = Spool()
        self.damaged = 0

    def close(self) -> None:
        """Remove the spool."""
        self._files.close()
        self.spool.close()

    async def read_topic(self, cluster: Cluster) -> None:
        """Keep the chosen results of the topic; tells of records that are none."""
        odd: list[Rejection] = []
        async with ResultReader(cluster.connection, cluster.topic(COMPRESSED), self._opener) as reader:
            chosen = await reader.range(self._choice.since, self._choice.until)
            with progress_bar() as progress:
                bar = progress.add_task("reading", total=chosen.offsets)
                async for one in reader.results(chosen, lambda offsets: progress.advance(bar, offsets)):
                    if isinstance(one, Rejection):
                        if one.code not in GONE:
                            odd.append(one)
                    elif self._choice.has(one):
                        await self._keep(one)
        if odd:
            reason = f"the first one because {odd[0].message}"
            say(self._command, f"skipped {counted(len(odd), 'record')} that are no results, {reason}")

    async def read_archive(self, hotel: str, since: int, until: int) -> None:
        """Keep the chosen results of the archive that the topic does not have any more.

        Args:
            hotel: The hotel.
            since: Written since then, in milliseconds since the epoch.
            until: Written before then.
        """
        stores = stores_of(self._stores)
        reader = ArchiveReader(stores)
        try:
            with translated_store_errors(), progress_bar() as progress:
                days = (day_of(since), day_of(until - 1))
                found = await asyncio.to_thread(lambda: list(reader.of_hotel(hotel, *days, self._choice.call)))
                for name in progress.track(found, description="archive"):
                    entry = await asyncio.to_thread(reader.read, name)
                    if isinstance(entry, Rejection):
                        self.damaged += 1
                        say(self._command, f"{name}: {entry.reason}")
                    elif since <= entry.segment.appended_ms < until and not self.spool.has(entry.segment):
                        segment = await self._opened(entry)
                        if segment is not None:
                            await self._keep(segment)
        finally:
            stores.close()

    async def _opened(self, entry: Entry) -> Segment | None:
        """The segment of an entry, opened if it is sealed; None if it was erased or has expired."""
        if not entry.sealed:
            return entry.segment
        try:
            value = b"" if entry.file is None else await self._files.read(entry.segment.result)
        except BrokenReferenceError as error:
            return replace(entry.segment, problem=f"has no file: {error}")
        opened = await self._opener.open(entry.record(value))
        result = opened if isinstance(opened, Rejection) else CompressedAudio.from_record(opened)
        if isinstance(result, CompressedAudio):
            return replace(entry.segment, result=result, sha256=result.sha256)
        return None if result.code in GONE else replace(entry.segment, problem=f"cannot be opened: {result.message}")

    async def _keep(self, segment: Segment) -> None:
        audio = self._choice.audio and self._choice.channel in (None, segment.result.channel)
        if audio and segment.intact and segment.result.data_ref is not None:
            size, place = segment.result.compressed_bytes, segment.result.data_ref
            segment = with_file(segment, await self._files.filled(segment.result))
            if segment.intact and segment.result.data_ref is not None:
                segment = replace(segment, problem=f"has {size} bytes, more than this command exports; see {place}")
        self.spool.add(segment, audio=audio)

    def calls(self) -> Iterator[Call]:
        """The chosen calls, one after the other; says if there is none.

        Raises:
            CommandError: If a call was chosen that is not there.
        """
        found, channel = False, self._choice.channel
        for hotel_id, call_id in self.spool.calls():
            call = assemble(self.spool.segments(hotel_id, call_id))
            if channel is not None:
                call = replace(call, tracks=tuple(one for one in call.tracks if one.channel == channel))
            if call.tracks:
                found = True
                yield call
        if not found:
            if self._choice.call is not None:
                wanted = repr(self._choice.call)
                raise CommandError(f"no result is of call {wanted} and of the chosen hotel, channel and time")
            say(self._command, "no result is of the chosen hotel, channel and time")

    async def export(self, options: argparse.Namespace, audit: Audit) -> list[list[str]]:
        """Tell the audit of the chosen calls, write them, and print a line for each.

        Args:
            options: Of the command line: ``out``, ``format``, ``stereo`` and ``json``.
            audit: The audit.

        Returns:
            For each call, what is missing or damaged, in one line each; that it has no end is not.
        """
        await audit.write("calls-export", ids_of(self.spool.calls()))
        lacking: list[list[str]] = []
        manifests: list[dict[str, Any]] = []
        for manifest in export(self.calls(), self.spool.count(), self.spool, options):
            lacking.append([one for one in manifest["problems"] if one != NO_END])
            if options.json is not None:
                manifests.append(manifest)
            if options.json != "-":
                print(line(manifest), flush=True)
        if options.json is not None:
            write_json(options.json, manifests)
        return lacking


@contextmanager
def collection(command: str, choice: Choice, stores: StoresConfiguration, opener: RecordOpener) -> Iterator[Collection]:
    """A collection that is removed at the end; for the arguments see `Collection`.

    Raises:
        CommandError: If its temporary file cannot be used.
    """
    made = Collection(command, choice, stores, opener)
    try:
        yield made
    except sqlite3.Error as error:
        raise CommandError(f"the temporary file for segments cannot be used: {error}") from error
    finally:
        made.close()
