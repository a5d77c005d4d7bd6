"""The errors of our clients. A message is one line that says what to do; the Kafka client's own error is its cause."""


class HotelAudioError(Exception):
    """The base class of every error of our clients."""


class ContractError(HotelAudioError, ValueError):
    """An event breaks the contract and would become a dead letter: correct the field that the message names."""


class InvalidAddressError(HotelAudioError, ValueError):
    """Addresses of brokers are not of the form ``host:port[,host:port...]``: correct them."""


class BrokersUnavailableError(HotelAudioError):
    """No broker answers: check the addresses and the network, and try again."""


class UnacknowledgedError(HotelAudioError):
    """No broker has acknowledged an event in time. It may arrive all the same: send it again with the same id."""


class TopicNotFoundError(HotelAudioError):
    """The topic does not exist: check its name, prefix included, or have it created."""


class AccessDeniedError(HotelAudioError):
    """The brokers refuse the connection, the account or the request: correct it, or have its rights extended."""


class BrokersRefusedError(HotelAudioError):
    """The brokers refuse a request for another reason, which the message names; trying again does not help."""


class PartitionsLostError(HotelAudioError):
    """The group assigned partitions to another consumer, which gets the uncommitted results again: continue to read."""


class GroupRequiredError(HotelAudioError):
    """A consumer without a group commits nothing: give it a ``group_id``."""


class ClientClosedError(HotelAudioError):
    """The client is closed: use it inside its ``async with``."""


class ReplayError(HotelAudioError):
    """Inputs were not sent; the message says why. None of them is visible, unless their transaction is undecided."""


class ReplayReplacedError(ReplayError):
    """Somebody else has begun to replay, as only one may at a time: try again, what was sent is not sent twice."""


class MixedIterationError(HotelAudioError):
    """A consumer returns either single results or whole calls: make another consumer for the other ones."""


class StoresUnavailableError(HotelAudioError):
    """No object store does what is asked: check its addresses, its account and the network, and try again."""


class StoresRequiredError(HotelAudioError):
    """The audio is too large for a record, or lies in an object store: give the client its ``stores``."""


class BrokenReferenceError(HotelAudioError):
    """The file that a result names is missing, has changed, or lies in no configured store; the message says which."""


class KeysUnavailableError(HotelAudioError):
    """The topic of keys or the key store cannot be used now, so that nothing can be opened or sealed: try again."""


class SealedError(HotelAudioError):
    """The file of a result is sealed and its key is not there; the message says why, such as that it was erased."""


class AudioNotFetchedError(HotelAudioError):
    """A segment's file is too large to come with its call: raise ``fetch_limit``, or use the consumer's ``files``."""


class ExtraRequiredError(HotelAudioError):
    """The audio libraries are not installed: install ``hotel-audio-streams[worker]``."""


class ApiRefusedError(HotelAudioError):
    """The HTTP API refuses a request; the message says what to change.

    Attributes:
        status: The status of its answer.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class ApiUnavailableError(ApiRefusedError):
    """The HTTP API does not answer, or is not able to do it now (status 429 or 503): try again, with the same key."""
