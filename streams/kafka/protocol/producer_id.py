"""Producer id and epoch, by which brokers recognise a transactional producer."""

from typing import NamedTuple


class ProducerIdAndEpoch(NamedTuple):
    """A producer id with its epoch; every commit starts a new epoch (KIP-890).

    Attributes:
        id: The id that belongs to the transactional id.
        epoch: Brokers refuse requests with an earlier epoch.
    """

    id: int
    epoch: int
