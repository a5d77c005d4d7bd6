"""Compresses recordings of any length in bounded memory: files in, one file out. Pure but for these files."""

from streams.compression.recordings.compress import CompressedRecording, RecordingCancelledError, compress_recording
from streams.compression.recordings.survey import RECORDING_LIMITS
from streams.compression.recordings.threads import in_threads

__all__ = [
    "RECORDING_LIMITS",
    "CompressedRecording",
    "RecordingCancelledError",
    "compress_recording",
    "in_threads",
]
