"""Clients for other programs: a producer of raw audio and a consumer of compressed audio.

Their errors are all a `HotelAudioError`; `streams.clients.errors` lists the kinds. `streams.clients.segments` is not
imported here, because it needs the audio libraries; these two need only the Kafka client.
"""

from streams.clients.calls import Call, Track
from streams.clients.consumer import CompressedAudioConsumer
from streams.clients.errors import (
    AccessDeniedError,
    ApiRefusedError,
    ApiUnavailableError,
    AudioNotFetchedError,
    BrokenReferenceError,
    BrokersRefusedError,
    BrokersUnavailableError,
    ClientClosedError,
    ContractError,
    ExtraRequiredError,
    GroupRequiredError,
    HotelAudioError,
    InvalidAddressError,
    KeysUnavailableError,
    MixedIterationError,
    PartitionsLostError,
    SealedError,
    StoresRequiredError,
    StoresUnavailableError,
    TopicNotFoundError,
    UnacknowledgedError,
)
from streams.clients.producer import RawAudioProducer
from streams.clients.track_parts import Gap, Segment

__all__ = [
    "AccessDeniedError",
    "ApiRefusedError",
    "ApiUnavailableError",
    "AudioNotFetchedError",
    "BrokenReferenceError",
    "BrokersRefusedError",
    "BrokersUnavailableError",
    "Call",
    "ClientClosedError",
    "CompressedAudioConsumer",
    "ContractError",
    "ExtraRequiredError",
    "Gap",
    "GroupRequiredError",
    "HotelAudioError",
    "InvalidAddressError",
    "KeysUnavailableError",
    "MixedIterationError",
    "PartitionsLostError",
    "RawAudioProducer",
    "SealedError",
    "Segment",
    "StoresRequiredError",
    "StoresUnavailableError",
    "TopicNotFoundError",
    "Track",
    "UnacknowledgedError",
]
