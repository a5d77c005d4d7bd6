"""All faults, by name."""

from collections.abc import Mapping

from tests.chaos.faults.base import Fault
from tests.chaos.faults.brokers import (
    AllBrokersKill,
    BrokerFreeze,
    BrokerKill,
    BrokersRolling,
    GroupCoordinatorKill,
    TransactionCoordinatorKill,
)
from tests.chaos.faults.busy import BusyKill, BusyRebalance, BusyZombie
from tests.chaos.faults.keys import KeyStoreBroken, KeyStoreForeign, KeysUnreadable, KillWithNewKeys
from tests.chaos.faults.network import Isolation, LinkCut, LinkDelay, LinkReset
from tests.chaos.faults.offsets import OffsetsBeyondTheEnd, RetentionExpires
from tests.chaos.faults.partitions import BrokerCutFromPeers
from tests.chaos.faults.policies import PolicyRecreated
from tests.chaos.faults.senders import BombClips, CarelessSender, ForeignSenders, OddBatches
from tests.chaos.faults.state import StateCorrupted, StateFull, StateReadOnly, StateTruncated, StateWiped, can_mount
from tests.chaos.faults.stores import StoreFreeze, StoreFull, StoreKill, StoreLies, StoreSlow
from tests.chaos.faults.workers import (
    AllWorkersKill,
    DecoderKill,
    MemoryPressure,
    RebalanceInRecovery,
    Rebalances,
    StalledPipe,
    WorkerFreeze,
    WorkerKill,
    WorkerPause,
    WorkersRemoved,
    WorkersRolling,
    WorkerStop,
    WrongClock,
)

_CLASSES: tuple[type[Fault], ...] = (
    WorkerKill,
    AllWorkersKill,
    WorkerPause,
    WorkerFreeze,
    WorkerStop,
    WorkersRolling,
    WorkersRemoved,
    Rebalances,
    RebalanceInRecovery,
    BusyKill,
    BusyZombie,
    BusyRebalance,
    DecoderKill,
    BombClips,
    MemoryPressure,
    StalledPipe,
    WrongClock,
    BrokerKill,
    AllBrokersKill,
    GroupCoordinatorKill,
    TransactionCoordinatorKill,
    BrokerFreeze,
    BrokersRolling,
    BrokerCutFromPeers,
    LinkReset,
    LinkCut,
    LinkDelay,
    Isolation,
    CarelessSender,
    ForeignSenders,
    OddBatches,
    RetentionExpires,
    OffsetsBeyondTheEnd,
    PolicyRecreated,
    StateWiped,
    StateTruncated,
    StateCorrupted,
    StateReadOnly,
    StateFull,
    StoreKill,
    StoreFreeze,
    StoreSlow,
    StoreFull,
    StoreLies,
    KeyStoreBroken,
    KeyStoreForeign,
    KeysUnreadable,
    KillWithNewKeys,
)
FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in _CLASSES}


def possible(*, secure: bool = False) -> list[str]:
    """Names of the faults that this process may inject.

    Args:
        secure: Whether the cluster is secure and its workers seal.
    """
    mounts = can_mount()
    return [
        name
        for name, fault in FAULTS.items()
        if (mounts or not fault.needs_mounts) and (not fault.reads_requests if secure else not fault.needs_sealing)
    ]
