"""The contract between telephony, hotel-audio-streams and the consumers of its results.

It depends only on the standard library and PyYAML, so that a producer or consumer can use it alone. Every event is a
frozen dataclass with ``to_record`` and ``from_record``. A record that cannot be read is returned as a `Rejection`,
never raised as an exception. ``asyncapi.yaml`` describes the same contract for other languages, and ``samples/`` holds
one record of each kind.
"""

from schemas.compressed_audio import COMPRESSED_AUDIO_TYPE, CompressedAudio, derive_id
from schemas.dead_letter import Cut, DeadLetter
from schemas.media_type import MediaType
from schemas.policy import Policy, PolicyEvent, parse_policy
from schemas.raw_audio import MAX_RAW_BYTES, RAW_AUDIO_TYPE, Channel, RawAudio
from schemas.record import Headers, Position, Record, TopicPartition
from schemas.rejection import Rejection, Stage
from schemas.topics import TopicSpec, load_topics

__all__ = [
    "COMPRESSED_AUDIO_TYPE",
    "MAX_RAW_BYTES",
    "RAW_AUDIO_TYPE",
    "Channel",
    "CompressedAudio",
    "Cut",
    "DeadLetter",
    "Headers",
    "MediaType",
    "Policy",
    "PolicyEvent",
    "Position",
    "RawAudio",
    "Record",
    "Rejection",
    "Stage",
    "TopicPartition",
    "TopicSpec",
    "derive_id",
    "load_topics",
    "parse_policy",
]
