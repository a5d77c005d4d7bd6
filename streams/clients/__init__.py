"""For the neighbours: a producer of raw audio and a consumer of compressed audio.

All that they raise of their own is a `HotelAudioError`; `streams.clients.errors` lists the kinds.
`streams.clients.segments` is imported by itself: it needs the audio libraries, these two need only Kafka's client.
"""

from streams.clients.consumer import CompressedAudioConsumer
from streams.clients.errors import (
    AccessDeniedError,
    BrokersRefusedError,
    BrokersUnavailableError,
    ClientClosedError,
    ContractError,
    GroupRequiredError,
    HotelAudioError,
    PartitionsLostError,
    TopicNotFoundError,
    UnacknowledgedError,
)
from streams.clients.producer import RawAudioProducer

__all__ = [
    "AccessDeniedError",
    "BrokersRefusedError",
    "BrokersUnavailableError",
    "ClientClosedError",
    "CompressedAudioConsumer",
    "ContractError",
    "GroupRequiredError",
    "HotelAudioError",
    "PartitionsLostError",
    "RawAudioProducer",
    "TopicNotFoundError",
    "UnacknowledgedError",
]
