"""What the topic ``audio.policy`` says: each hotel's changes, as workers apply them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas import Policy, PolicyEvent, Position, Record, Rejection
from schemas.policy import stale


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a hotel.

    Attributes:
        hotel_id: The hotel.
        policy: Its new policy; None removes it.
        position: The record's place.
        time_ms: When its broker appended it, in milliseconds since the epoch.
        refused: Why workers do not apply it, or None.
    """

    hotel_id: str
    policy: Policy | None
    position: Position
    time_ms: int
    refused: Rejection | None = None


class History:
    """The changes of all hotels, in the order of the topic. Records that are no policy are ignored, as in workers.

    Args:
        records: Each record with its position and its time.
    """

    def __init__(self, records: Iterable[tuple[Record, Position, int]] = ()) -> None:
        self._changes: dict[str, list[Change]] = {}
        for record, position, time_ms in records:
            event = PolicyEvent.from_record(record)
            if isinstance(event, PolicyEvent):
                self._add(event, position, time_ms)

    def _add(self, event: PolicyEvent, position: Position, time_ms: int) -> None:
        before = self.in_force(event.hotel_id)
        version = before.policy.version if before is not None and before.policy is not None else 0
        refused = None if event.policy is None else stale(event.policy, version)
        change = Change(event.hotel_id, event.policy, position, time_ms, refused)
        self._changes.setdefault(event.hotel_id, []).append(change)

    def changes(self, hotel_id: str) -> list[Change]:
        """A hotel's changes that compaction has left."""
        return list(self._changes.get(hotel_id, ()))

    def in_force(self, hotel_id: str) -> Change | None:
        """The change that is in force for a hotel, which may be a removal; None if there was none."""
        applied = [change for change in self._changes.get(hotel_id, ()) if change.refused is None]
        return applied[-1] if applied else None

    def policy(self, hotel_id: str) -> Policy | None:
        """A hotel's policy in force."""
        change = self.in_force(hotel_id)
        return None if change is None else change.policy

    def all_in_force(self) -> list[Change]:
        """The changes in force for all hotels with a policy, by hotel."""
        changes = (self.in_force(hotel_id) for hotel_id in sorted(self._changes))
        return [change for change in changes if change is not None and change.policy is not None]

    def next_version(self, hotel_id: str) -> int:
        """The version of a hotel's next policy: above all that stand in the topic.

        Compaction may leave a refused policy alone, which workers then apply: the next one must be above that, too.
        """
        versions = [change.policy.version for change in self.changes(hotel_id) if change.policy is not None]
        return max(versions, default=0) + 1
