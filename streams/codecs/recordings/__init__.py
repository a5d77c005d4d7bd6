"""Encoders of recordings of any length: chunk by chunk, in bounded memory, into one file."""

from streams.codecs.recordings.base import Recording, RunChunks
from streams.codecs.recordings.encode import description, write_recording

__all__ = ["Recording", "RunChunks", "description", "write_recording"]
