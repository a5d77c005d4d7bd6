"""What messages of ``audio.compressed`` have: opened where they are sealed, with files from object stores."""

from aiokafka import ConsumerRecord

from schemas import CompressedAudio, Record, Rejection
from streams.clients.messages import record_of
from streams.clients.opening import RecordOpener
from streams.clients.result_files import ResultFiles
from streams.clients.results import segment_of, with_file
from streams.clients.track_parts import Segment
from streams.kafka.protocol.unreadable import Unreadable


class MessageContents:
    """Reads messages.

    Args:
        opener: Opens sealed ones.
        files: Fetches files that lie in an object store.
    """

    def __init__(self, opener: RecordOpener, files: ResultFiles) -> None:
        self._opener = opener
        self._files = files

    async def result(self, message: ConsumerRecord) -> CompressedAudio | Rejection:
        """The result that a message has, with its file, or why it has none.

        Raises:
            HotelAudioError: If a store, or the topic of keys, cannot be read.
        """
        if isinstance(message, Unreadable):
            return message.rejection
        record = await self._opener.open(record_of(message))
        result = record if isinstance(record, Rejection) else CompressedAudio.from_record(record)
        return result if isinstance(result, Rejection) else await self._files.filled(result)

    async def segment(self, message: ConsumerRecord) -> Segment | Rejection:
        """The segment that a message has, with its file; one that cannot be opened, or has no file, is not intact.

        Raises:
            HotelAudioError: As `result`.
        """
        opened = await self.opened(message)
        segment = segment_of(message, opened)
        if isinstance(segment, Rejection) or not segment.intact:
            return segment
        return with_file(segment, await self._files.filled(segment.result))

    async def opened(self, message: ConsumerRecord) -> Record | Rejection | None:
        """The record of a message, opened, or why it cannot be; None where it cannot even be read."""
        return None if isinstance(message, Unreadable) else await self._opener.open(record_of(message))
