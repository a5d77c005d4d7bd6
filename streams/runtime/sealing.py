"""Seals what a worker writes, and opens what was sealed before it came."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import structlog

from schemas import Position, Record, Rejection
from schemas.raw_audio import guest_of, hotel_of
from streams.compliance.retention import expiry_of
from streams.delivery.outcome import InputRecord, Outcome, Output
from streams.runtime.policies import PoliciesInForce
from streams.runtime.settings import Settings
from streams.sealing import KeyMaker, KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.known_keys import Epoch
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import is_sealed, open_record, seal_record
from streams.security.sealing.wrapped_key import Owner
from streams.stores import StoreUnavailableError

log = structlog.get_logger(__name__)

#: Codes of refusals that are ordinary events: somebody wanted that nobody can open it.
GONE = frozenset({"SealedErased", "SealedExpired"})
#: Codes of refusals that may pass by themselves.
_PASSING = frozenset({"SealedNoAccess", "SealedStale"})
_UNKNOWN = "SealedUnknown"
_LOOK_INTERVAL = 0.2


class KeysUnavailableError(RuntimeError):
    """Something has to be sealed and there is no key. The worker ends rather than write it in clear."""


class RecordSealer:
    """The `Sealer` of a worker. What has to be sealed waits while there is no key, and is never written in clear.

    Args:
        ring: The keys of the installation.
        topic: Full name of the topic of keys.
        settings: Say whether everything is sealed.
        policies: Say what is sealed otherwise. An input whose hotel is unknown may be of any hotel.
    """

    def __init__(self, ring: KeyRing, topic: str, settings: Settings, policies: PoliciesInForce) -> None:
        self._ring = ring
        self._topic = topic
        self._always = settings.seals_everything
        self._policies = policies
        self._epoch: Epoch | None = None
        self._waits = False
        self._anew: dict[Position, Outcome[Any]] = {}  # of the transaction that is made
        self._owners: dict[Position, Owner] = {}  # of the same: whoever reads an input's headers does it once
        self._failed: Position | None = None  # what a store did not let be sealed anew
        self._wanted = False  # as `wanted`, for the transaction that is made
        self.maker = KeyMaker(self)

    @property
    def wanted(self) -> bool:
        """Whether anything has to be sealed."""
        return self._always or self._policies.any_seals

    @property
    def usable(self) -> bool:
        """Whether what has to be sealed can be."""
        return not self.wanted or self._ring.ready()

    @property
    def newest(self) -> Epoch | Missing:
        """The epoch for new keys, as it was when the transaction began."""
        return self._epoch or Missing.STALE

    def is_erased(self, key_id: bytes) -> bool:
        """Whether a key is known to be erased."""
        return self._ring.is_erased(key_id)

    def demands(self, hotel: str | None) -> bool:
        """Whether what belongs to a hotel has to be sealed; None for an unknown one."""
        if self._always:
            return True
        return self._policies.any_seals if hotel is None else self._policies.of(hotel).sealed

    async def ready(self, inputs: Collection[tuple[InputRecord, Outcome[Any]]], goes_on: Callable[[], bool]) -> bool:
        """See `Sealer`. Nothing is awaited after the last look at the policies, so that its answer holds."""
        self._anew.clear()
        self._owners.clear()
        while True:
            self._wanted = self.wanted
            latest = [(record, self._anew.get(record.position, outcome)) for record, outcome in inputs]
            seals = [one for one in latest if self._seals(*one)]
            if not seals:
                return True
            in_clear = [one for one in seals if one[1].key is None and one[1].sealing is not None]
            if isinstance(epoch := self._ring.newest, Missing):
                self._say_awaited()
                await asyncio.sleep(_LOOK_INTERVAL)
            elif in_clear:
                await self._seal_anew(*in_clear[0])
            else:
                self._begin(epoch)
                return True
            if not goes_on():
                return False

    def sealed(self, record: InputRecord, outcome: Outcome[Any]) -> Outcome[Any]:
        """See `Sealer`."""
        outcome = self._anew.get(record.position, outcome)
        if not self._seals(record, outcome):
            return outcome
        if self._is_gone(record.content):
            return replace(outcome, outputs=())
        owner = self._owner(record)
        made = time.time_ns() // 10**6
        expires = expiry_of(self._policies.of(owner.hotel), made)
        if outcome.key is None:
            found = self.maker.key_for(owner, expires, record.position.partition)
        else:
            found = outcome.key, self._record(outcome.key, owner, made, expires)
        if isinstance(found, Missing):
            raise KeysUnavailableError(f"{record.position} has to be sealed, and there is no key: {found.value}")
        key, written = found
        sealed = tuple(Output(one.topic, seal_record(one.record, key)) for one in outcome.outputs)
        return replace(outcome, outputs=sealed if written is None else (Output(self._topic, written), *sealed))

    def _begin(self, epoch: Epoch) -> None:
        if self._waits:
            self._waits = False
            log.warning("keys_found")
        self._epoch = epoch

    def _say_awaited(self) -> None:
        if not self._waits:
            self._waits = True
            log.error("keys_awaited", reason=self._ring.problem)

    async def _seal_anew(self, record: InputRecord, outcome: Outcome[Any]) -> None:
        """Seal what was left in clear before the policy demanded sealing; if the store fails, wait a moment."""
        position, sealing = record.position, outcome.sealing
        if sealing is None:
            return
        try:
            self._anew[position] = await asyncio.to_thread(sealing, DataKey.new())
        except (StoreUnavailableError, OSError) as error:
            if self._failed != position:
                self._failed = position
                place = {"topic": position.topic, "partition": position.partition, "offset": position.offset}
                log.warning("recording_waits", reason=str(error), **place)
            await asyncio.sleep(_LOOK_INTERVAL)

    def opened(self, record: Record, patience: float) -> Record | Rejection:
        """An input as its sender made it, in a thread; one in clear is returned as it is.

        Its key was written before it, and may be read after it: it is unknown only when all was read that was written
        before the input.

        Args:
            record: The input.
            patience: Seconds to wait while the keys cannot be read.
        """
        if not is_sealed(record):
            return record
        met = time.monotonic()
        until = met + patience
        while True:
            read = self._ring.settled > met
            found = open_record(record, self._ring.find)
            code = found.code if isinstance(found, Rejection) else None
            passing = code in _PASSING or (code == _UNKNOWN and not read)
            if not passing or time.monotonic() > until:
                return found
            time.sleep(_LOOK_INTERVAL)

    def _seals(self, record: InputRecord, outcome: Outcome[Any]) -> bool:
        """Whether outputs have to be sealed: by the policy, or because their object is sealed already."""
        if outcome.key is not None:
            return bool(outcome.outputs)
        # The hotel may be in a JSON document, which is read only if it matters.
        if not (self._wanted and outcome.outputs):
            return False
        return self._always or self.demands(self._owner(record).hotel or None)

    def _owner(self, record: InputRecord) -> Owner:
        """Whose an input is; one that is sealed names its guest inside."""
        owner = self._owners.get(record.position)
        if owner is None:
            opened = open_record(record.content, self._ring.find)
            if isinstance(opened, Rejection):  # perhaps because keys are awaited
                return owner_of(record.content)
            owner = self._owners[record.position] = owner_of(opened)
        return owner

    def _is_gone(self, record: Record) -> bool:
        """Whether an input that its sender has sealed was erased since it was opened."""
        if not is_sealed(record):
            return False
        opened = open_record(replace(record, value=None), self._ring.find)  # its key matters here, and not its value
        return isinstance(opened, Rejection) and opened.code in GONE

    def _record(self, key: DataKey, owner: Owner, made: int, expires: int) -> Record | None:
        epoch = self._epoch
        if epoch is None:
            raise KeysUnavailableError("a recording is sealed already, and its key cannot be written")
        return Record(key.id, epoch.wrap(key, owner, created_ms=made, expires_ms=expires))


def owner_of(record: Record) -> Owner:
    """Whose an input is, as far as it says so, even if other parts of it are invalid."""
    call = (record.key or b"").decode("utf-8", "replace")
    return Owner(hotel_of(record) or "", call, guest_of(record) or "")
