"""For the neighbours: a producer of raw audio and a consumer of compressed audio.

`streams.clients.segments` is imported by itself: it needs the audio libraries, these two need only Kafka's client.
"""

from streams.clients.consumer import CompressedAudioConsumer
from streams.clients.producer import ContractError, RawAudioProducer

__all__ = ["CompressedAudioConsumer", "ContractError", "RawAudioProducer"]
