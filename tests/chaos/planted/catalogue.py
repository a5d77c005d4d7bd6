"""The planted bugs: how each gets in, what brings it to light, and as what it has to show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.planted import content, fencing, order, reading, writing
from tests.chaos.planted.patch import Patch
from tests.chaos.topic_settings import WRITERS_TIMES, TopicSettings

#: Environment variable that names a worker's bug.
VARIABLE = "PLANTED_BUG"


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """One bug.

    Attributes:
        plant: Patches the product with it, in this process.
        shows_as: Kinds of problem of which the ledger must report at least one.
        faults: What brings it to light.
        rounds: Within how many rounds.
        seed: Decides them.
        brokers: How many it needs.
        topic_settings: Settings of topics, on which it shows.
    """

    plant: Callable[[Patch], None]
    shows_as: frozenset[str]
    faults: Sequence[str] = ("worker-kill",)
    rounds: int = 5
    seed: int = 0
    brokers: int = 1
    topic_settings: TopicSettings = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the report calls it."""
        return self.plant.__name__.replace("_", "-")


_ALL = (
    PlantedBug(writing.commit_before_produce, frozenset({"lost"}), ("workers-kill-busy",)),
    PlantedBug(writing.commit_the_last_offset, frozenset({"offsets", "duplicated"})),
    PlantedBug(writing.skip_an_abort, frozenset({"lost"}), ("broker-freeze",)),
    PlantedBug(writing.swallow_a_send_error, frozenset({"lost"})),
    PlantedBug(writing.results_outside_the_transaction, frozenset({"duplicated"}), ("workers-kill-busy",)),
    PlantedBug(writing.dead_letters_outside_the_transaction, frozenset({"duplicated"}), ("workers-kill-busy",)),
    PlantedBug(writing.partition_by_key, frozenset({"damaged"})),
    PlantedBug(order.acknowledge_out_of_order, frozenset({"reordered", "duplicated", "lost"}), ("broker-freeze",)),
    PlantedBug(order.order_by_size, frozenset({"reordered"}), ("broker-freeze",)),
    PlantedBug(fencing.fence_nobody, frozenset({"duplicated"}), ("worker-freeze",)),
    PlantedBug(fencing.drop_the_lane_on_revoke, frozenset({"lost"}), ("rebalance-busy",)),
    PlantedBug(fencing.retry_an_open_fate, frozenset({"duplicated"}), ("network-delay",)),
    PlantedBug(
        fencing.read_offsets_from_anybody, frozenset({"duplicated"}), ("broker-cut-from-peers",), rounds=6, brokers=3
    ),
    PlantedBug(reading.trust_a_committed_offset, frozenset({"lost"}), ("offsets-beyond-the-end",)),
    PlantedBug(reading.pass_over_the_unreadable, frozenset({"lost"}), ("odd-batches",)),
    PlantedBug(reading.refuse_the_neighbours, frozenset({"lost"}), ("odd-batches",)),
    PlantedBug(
        content.letters_with_their_inputs_times,
        frozenset({"damaged"}),
        ("foreign-senders",),
        topic_settings=WRITERS_TIMES,
    ),
    PlantedBug(content.cache_without_the_profile, frozenset({"damaged"})),
    PlantedBug(content.cache_everything, frozenset({"table"})),
    PlantedBug(content.read_uncommitted, frozenset({"damaged"})),
)
BUGS = {bug.name: bug for bug in _ALL}
