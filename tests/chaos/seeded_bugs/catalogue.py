"""The seeded bugs: each with its patch, the faults that expose it, and the problems that the oracle must report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.seeded_bugs import content, fencing, order, reading, sealing, writing
from tests.chaos.seeded_bugs.patch import Patch
from tests.chaos.topic_settings import WRITERS_TIMES, TopicSettings

#: The environment variable with the name of a worker's bug.
VARIABLE = "SEEDED_BUG"


@dataclass(frozen=True, slots=True)
class SeededBug:
    """One bug.

    Attributes:
        apply: Patches the product in this process.
        expected_problems: Kinds of problem; the oracle must report at least one of them.
        faults: The faults that expose it.
        rounds: Rounds in which it must be caught.
        seed: Determines the rounds.
        brokers: Number of brokers that it needs.
        topic_settings: Topic settings that it needs.
        sealing: Whether it needs workers that seal.
    """

    apply: Callable[[Patch], None]
    expected_problems: frozenset[str]
    faults: Sequence[str] = ("worker-kill",)
    rounds: int = 5
    seed: int = 0
    brokers: int = 1
    topic_settings: TopicSettings = field(default_factory=dict)
    sealing: bool = False

    @property
    def name(self) -> str:
        """The bug's name in reports."""
        return self.apply.__name__.replace("_", "-")


_ALL = (
    SeededBug(writing.commit_before_produce, frozenset({"lost"}), ("workers-kill-busy",)),
    SeededBug(writing.commit_the_last_offset, frozenset({"offsets", "duplicated"})),
    SeededBug(writing.skip_an_abort, frozenset({"lost"}), ("broker-freeze",)),
    SeededBug(writing.swallow_a_send_error, frozenset({"lost"})),
    SeededBug(writing.results_outside_the_transaction, frozenset({"duplicated"}), ("workers-kill-busy",)),
    SeededBug(writing.dead_letters_outside_the_transaction, frozenset({"duplicated"}), ("workers-kill-busy",)),
    SeededBug(writing.partition_by_key, frozenset({"damaged"})),
    SeededBug(order.acknowledge_out_of_order, frozenset({"reordered", "duplicated", "lost"}), ("broker-freeze",)),
    SeededBug(order.order_by_size, frozenset({"reordered"}), ("broker-freeze",)),
    SeededBug(fencing.fence_nobody, frozenset({"duplicated"}), ("worker-freeze",)),
    SeededBug(fencing.drop_the_lane_on_revoke, frozenset({"lost"}), ("rebalance-busy",)),
    SeededBug(fencing.retry_an_open_fate, frozenset({"duplicated"}), ("network-delay",)),
    SeededBug(
        fencing.read_offsets_from_anybody, frozenset({"duplicated"}), ("broker-cut-from-peers",), rounds=6, brokers=3
    ),
    SeededBug(reading.trust_a_committed_offset, frozenset({"lost"}), ("offsets-beyond-the-end",)),
    SeededBug(reading.pass_over_the_unreadable, frozenset({"lost"}), ("odd-batches",)),
    SeededBug(reading.refuse_the_neighbours, frozenset({"lost"}), ("odd-batches",)),
    SeededBug(
        content.letters_with_their_inputs_times,
        frozenset({"damaged"}),
        ("foreign-senders",),
        topic_settings=WRITERS_TIMES,
    ),
    SeededBug(content.cache_without_the_profile, frozenset({"damaged"})),
    SeededBug(content.cache_everything, frozenset({"table"})),
    SeededBug(content.read_uncommitted, frozenset({"damaged"})),
    SeededBug(
        sealing.write_in_clear_without_keys, frozenset({"plaintext"}), ("key-store-broken",), sealing=True, seed=4
    ),
    SeededBug(sealing.key_records_outside_the_transaction, frozenset({"keys"}), ("workers-kill-busy",), sealing=True),
)
BUGS = {bug.name: bug for bug in _ALL}
