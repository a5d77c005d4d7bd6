"""Clients for other programs: a producer of raw audio and a consumer of compressed audio.

Their errors are all a `HotelAudioError`; `streams.clients.errors` lists the kinds. `streams.clients.segments` is not
imported here, because it needs the audio libraries; these two need only the Kafka client.
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
    InvalidAddressError,
    JoinError,
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
    "InvalidAddressError",
    "JoinError",
    "PartitionsLostError",
    "RawAudioProducer",
    "TopicNotFoundError",
    "UnacknowledgedError",
]
