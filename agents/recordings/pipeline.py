"""The way of one recording: fetch, decode and encode in chunks, store."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agents.compress.result import result_of
from agents.recordings.patience import NoSpaceError, Patience
from agents.recordings.work_files import WorkFiles
from schemas import CompressedAudio, MediaType, Policy, Position, RawAudio, Record, Rejection
from streams.codecs.recordings import RunChunks
from streams.compression.recordings import CompressedRecording, compress_recording
from streams.compression.recordings.compress import OpenAudio
from streams.delivery.recording_control import RecordingControl
from streams.runtime.settings import Settings
from streams.security.sealing.data_key import DataKey
from streams.stores.claim_check import ClaimCheck


@dataclass(frozen=True, slots=True)
class RecordingCompression:
    """A result, and how it was made.

    Attributes:
        result: The event for the output topic.
        media_type: The input's, as its sender labelled it.
        source: The input's ``ce_source``.
        seconds: How long it took.
        key: The data key of its file, if that is sealed.
    """

    result: CompressedAudio
    media_type: MediaType
    source: str
    seconds: float
    key: DataKey | None = None


class RecordingPipeline:
    """Turns one recording into a result or a rejection. Thread-safe.

    The level depends on policy and content alone, not on the load: a recording that is begun again by another worker
    gets the same bytes.

    Args:
        settings: Size limit and level.
        policy_of: Returns the policy of a hotel.
        claim_check: Fetches inputs and stores results.
        files: The directory for files in progress.
        run_chunks: Runs the chunks of a recording.
        open_audio: Begins to decode a file.
        seals: Whether the results of a hotel are sealed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        policy_of: Callable[[str], Policy],
        claim_check: ClaimCheck,
        files: WorkFiles,
        run_chunks: RunChunks,
        open_audio: OpenAudio,
        seals: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._max_bytes = settings.max_record_bytes
        self._level = settings.compression_level
        self._policy_of = policy_of
        self._claim_check = claim_check
        self._files = files
        self._run_chunks = run_chunks
        self._open_audio = open_audio
        self._seals = seals

    def run(self, record: Record, position: Position, control: RecordingControl) -> RecordingCompression | Rejection:
        """Compress one recording.

        Args:
            record: The record.
            position: Its topic, partition and offset.
            control: Gets the progress; cancels the work.

        Raises:
            RecordingCancelledError: When it was cancelled.
            SandboxError: When no file can be decoded any more.
        """
        event = RawAudio.from_record(record, max_bytes=self._max_bytes)
        if isinstance(event, Rejection):
            return event
        patience = Patience(control, position)
        return patience.until_done(partial(self._compress, event, position, control, patience))

    def sealed(self, made: RecordingCompression, key: DataKey) -> RecordingCompression:
        """Store the file of a result once more, sealed, for a hotel that demands that by now.

        The object in clear stays where it is, because other results may refer to the same content.

        Raises:
            OSError: If there is no room on the disk.
            StoreUnavailableError: If the store fails.
            RuntimeError: If the object is not there any more.
        """
        with self._files.directory() as directory:
            path = directory / "result"
            size = self._claim_check.fetch_result(made.result, path)
            if isinstance(size, Rejection):
                raise RuntimeError(f"a result was stored a moment ago, and cannot be read: {size.message}")  # noqa: TRY004  no type
            return replace(made, result=self._claim_check.store_result(made.result, path, key=key), key=key)

    def _compress(
        self, event: RawAudio, position: Position, control: RecordingControl, patience: Patience
    ) -> RecordingCompression | Rejection:
        """Compress it in a directory of its own; an error of the disk begins it again."""
        started = time.perf_counter()
        policy = self._policy_of(event.hotel_id)
        with self._files.directory() as directory:
            source, output = directory / "source", directory / "result"
            with control.untimed():
                size = patience.until_done(partial(self._fetch, event, source))
            if isinstance(size, Rejection):
                return size
            made = compress_recording(
                source,
                event.media_type,
                output,
                policy=policy,
                level=self._level,
                open_audio=self._open_audio,
                run_chunks=self._run_chunks,
                progress=control.progressed,
                cancelled=partial(_is_cancelled, control),
            )
            if isinstance(made, Rejection):
                return made
            result = _result(event, position, made, size, archive=policy.archive)
            key = DataKey.new() if self._seals(event.hotel_id) else None
            with control.untimed():
                result = patience.until_done(partial(self._claim_check.store_result, result, output, made.sha256, key))
        return RecordingCompression(result, event.media_type, event.source, time.perf_counter() - started, key)

    def _fetch(self, event: RawAudio, path: Path) -> int | Rejection:
        """Fetch the audio once there is room for it and for its result."""
        size = self._size(event)
        if isinstance(size, Rejection):
            return size
        if lacking := self._files.lacks(min(size, self._claim_check.max_size)):
            raise NoSpaceError(f"the disk of AUDIO_STATE_DIR lacks {lacking / 1e6:.0f} MB for the recording")
        return self._claim_check.fetch_input(event, path)

    def _size(self, event: RawAudio) -> int | Rejection:
        if event.data_ref is None:
            return len(event.audio)
        reference = self._claim_check.stores.reference(event.data_ref)
        return reference if isinstance(reference, Rejection) else self._claim_check.stores.size(reference)


def _is_cancelled(control: RecordingControl) -> bool:
    """Never true: the control raises an error of its own, which the worker expects."""
    control.check()
    return False


def _result(
    event: RawAudio, position: Position, made: CompressedRecording, size: int, *, archive: bool
) -> CompressedAudio:
    result = result_of(position, event, made.metadata, decision=made.decision, encoded=made.encoded, hit=False)
    return replace(result, original_bytes=size, archive=archive)
