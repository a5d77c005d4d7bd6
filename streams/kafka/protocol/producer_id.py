"""What a transaction's coordinator calls a producer."""

from typing import NamedTuple


class ProducerIdAndEpoch(NamedTuple):
    """A producer in one of its lives; every commit begins another one (KIP-890).

    Attributes:
        id: Stands for the transactional id.
        epoch: Counts its lives: brokers refuse what comes from an earlier one.
    """

    id: int
    epoch: int
