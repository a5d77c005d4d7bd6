"""Whether a record is sealed, and the object that it refers to, is decided once: right before the transaction."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from agents.recordings.pipeline import RecordingCompression, RecordingPipeline
from agents.recordings.work_files import WorkFiles
from schemas import CompressedAudio, Policy, PolicyEvent, Position, Rejection
from streams.delivery.outcome import InputRecord, Outcome, Output
from streams.runtime.policies import PoliciesInForce
from streams.runtime.sealing import RecordSealer
from streams.runtime.settings import Settings
from streams.sealing import KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import INDEX_EPOCH
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.missing import Missing
from streams.security.sealing.objects import is_sealed_object
from streams.security.sealing.sealed_record import is_sealed, open_record, seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import WrappedKey, erased_mark, parse, tag_of
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.claim_check import ClaimCheck
from tests.support.events import COMPRESSED, RAW
from tests.support.keys import key_record, new_store

FILE = b"OggS" + bytes(5000)
RECORD = InputRecord(Position("audio.raw", 3, 7), RAW.to_record())


class Ring:
    """The keys of an installation, without a topic. Looking at a key that is missing calls ``on_look``."""

    problem = "there is none"
    settled = math.inf

    def __init__(self, directory: Path) -> None:
        self.known = KnownKeys(lambda: new_store(directory))
        self.known.read_epochs()
        self.missing: Missing | None = None
        self.on_look: Callable[[], object] = lambda: None

    @property
    def newest(self) -> Epoch | Missing:
        if self.missing is not None:
            self.on_look()
            return Missing.STALE
        assert self.known.newest is not None
        return self.known.newest

    def is_erased(self, key_id: bytes) -> bool:
        return False

    def find(self, key_id: bytes) -> DataKey | Missing:
        return self.known.find(key_id)


class Installation:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ring, self.policies = Ring(directory), PoliciesInForce()
        self.sealer = RecordSealer(cast("KeyRing", self.ring), "audio.keys", Settings(), self.policies)
        stores = Stores.of(replace(StoresConfiguration.parse(f"file://{directory}/stored"), checked=False))
        self.claim_check = ClaimCheck(stores, inline_limit=1000, find=self.ring.find)
        self.pipeline = RecordingPipeline(
            Settings(),
            policy_of=self.policies.of,
            claim_check=self.claim_check,
            files=WorkFiles(directory / "work"),
            run_chunks=None,  # type: ignore[arg-type]  # nothing is encoded
            open_audio=None,  # type: ignore[arg-type]
        )

    def demand_sealing(self) -> None:
        self.policies.apply(PolicyEvent(RAW.hotel_id, Policy(1, sealed=True)).to_record())

    def stored_in_clear(self) -> Outcome[RecordingCompression]:
        """A recording whose file was stored while its hotel's policy did not demand sealing."""
        result = self.claim_check.store_result(COMPRESSED, FILE)
        made = RecordingCompression(result, RAW.media_type, RAW.source, 1.0)
        return self._outcome(made, lambda key: self._outcome(self.pipeline.sealed(made, key)))

    def _outcome(
        self,
        made: RecordingCompression,
        sealing: Callable[[DataKey], Outcome[RecordingCompression]] | None = None,
    ) -> Outcome[RecordingCompression]:
        record = made.result.to_record()
        return Outcome(
            (Output("audio.compressed", record),), made, ((b"k", b"clear"),) if sealing else (), made.key, sealing
        )

    def opened(self, outcome: Outcome[RecordingCompression]) -> CompressedAudio:
        """The result of a sealed outcome, whose key is written before it."""
        written, output = outcome.outputs
        assert written.topic == "audio.keys"
        self.ring.known.apply(written.record.key, written.record.value)
        assert is_sealed(output.record)
        record = open_record(output.record, self.ring.find)
        assert not isinstance(record, Rejection)
        result = CompressedAudio.from_record(record)
        assert isinstance(result, CompressedAudio)
        return result

    def is_sealed_file(self, result: CompressedAudio) -> bool:
        assert result.data_ref is not None
        return is_sealed_object(Path(result.data_ref.removeprefix("file://")).read_bytes())


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.claim_check.stores.close()


async def committed(here: Installation, outcome: Outcome[RecordingCompression]) -> Outcome[RecordingCompression]:
    assert await here.sealer.ready([(RECORD, outcome)], lambda: True)
    return here.sealer.sealed(RECORD, outcome)


async def test_an_object_that_was_stored_in_clear_before_the_policy_changed_is_sealed_with_its_record(
    here: Installation,
) -> None:
    outcome = here.stored_in_clear()
    here.demand_sealing()

    sealed = await committed(here, outcome)

    result = here.opened(sealed)
    assert here.is_sealed_file(result)
    assert here.claim_check.read_result(result) == FILE
    assert sealed.table_updates == ()
    assert list((here.directory / "work").iterdir()) == []


async def test_both_stay_in_clear_where_nobody_demands_sealing(here: Installation) -> None:
    outcome = here.stored_in_clear()
    assert await committed(here, outcome) is outcome


def test_a_key_that_is_read_after_its_input_is_waited_for(here: Installation) -> None:
    key = DataKey.new()
    sealed = seal_record(RECORD.content, key)
    here.ring.settled = -math.inf
    record = key_record(SlotFile(here.directory / "keys"), key)
    coming = threading.Timer(0.3, lambda: here.ring.known.apply(record.key, record.value))
    coming.start()
    assert here.sealer.opened(sealed, 60.0) == RECORD.content
    coming.join()


def test_a_key_is_unknown_when_all_was_read_that_was_written_before_its_input(here: Installation) -> None:
    sealed = seal_record(RECORD.content, DataKey.new())
    here.ring.settled = -math.inf
    reading = threading.Timer(0.3, lambda: setattr(here.ring, "settled", time.monotonic()))
    reading.start()
    found = here.sealer.opened(sealed, 60.0)
    assert isinstance(found, Rejection)
    assert found.code == "SealedUnknown"
    reading.join()


async def test_the_key_of_a_result_has_the_guest_that_a_sealed_input_names_inside(here: Installation) -> None:
    found = await sealed_input(here)
    written, _ = found.outputs
    index_key = SlotFile(here.directory / "keys").read(INDEX_EPOCH)
    parsed = parse(written.record.value or b"")
    assert isinstance(parsed, WrappedKey)
    assert RAW.guest_ref is not None
    assert parsed.guest_tag == tag_of(index_key, RAW.hotel_id, RAW.guest_ref)


async def test_of_an_input_that_is_erased_meanwhile_nothing_is_written(here: Installation) -> None:
    assert (await sealed_input(here, erased=True)).outputs == ()


async def sealed_input(here: Installation, *, erased: bool = False) -> Outcome[RecordingCompression]:
    """What becomes of an input that its sender has sealed, and whose key may be erased when it is committed."""
    here.demand_sealing()
    key = DataKey.new()
    written = key_record(SlotFile(here.directory / "keys"), key)
    here.ring.known.apply(written.key, erased_mark(1) if erased else written.value)
    record = InputRecord(RECORD.position, seal_record(RECORD.content, key))
    outcome = replace(here.stored_in_clear(), sealing=None)
    assert await here.sealer.ready([(record, outcome)], lambda: True)
    return here.sealer.sealed(record, outcome)


async def test_a_policy_that_changes_while_keys_are_awaited_counts(here: Installation) -> None:
    outcome = here.stored_in_clear()
    here.policies.apply(PolicyEvent("other", Policy(1, sealed=True)).to_record())
    other = InputRecord(Position("audio.raw", 3, 8), replace(RAW, hotel_id="other").to_record())
    here.ring.missing = Missing.STALE

    def look() -> None:
        here.demand_sealing()
        here.ring.missing = None

    here.ring.on_look = look
    pairs = [(RECORD, outcome), (other, Outcome(outcome.outputs, outcome.report))]
    assert await here.sealer.ready(pairs, lambda: True)
    assert here.is_sealed_file(here.opened(here.sealer.sealed(RECORD, outcome)))


async def test_what_was_sealed_for_one_transaction_is_not_used_for_another(here: Installation) -> None:
    outcome = here.stored_in_clear()
    here.demand_sealing()
    first = await committed(here, outcome)
    second = await committed(here, outcome)
    assert here.opened(first).data_ref != here.opened(second).data_ref


async def test_while_the_store_fails_nothing_is_written_and_the_next_owner_gets_the_input(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = here.stored_in_clear()
    here.demand_sealing()
    attempts = []

    def put(*_: object) -> None:
        attempts.append(threading.current_thread())
        raise StoreUnavailableError("it is down")

    with monkeypatch.context() as patch:
        patch.setattr(Stores, "put", put)
        assert not await here.sealer.ready([(RECORD, outcome)], lambda: len(attempts) < 2)
    assert len(attempts) == 2
    assert threading.main_thread() not in attempts, "an event loop does not wait for a store"
    assert here.is_sealed_file(here.opened(await committed(here, outcome)))


async def test_an_object_that_vanished_ends_the_worker(here: Installation) -> None:
    outcome = here.stored_in_clear()
    here.demand_sealing()
    result = outcome.report
    assert isinstance(result, RecordingCompression)
    assert result.result.data_ref is not None
    Path(result.result.data_ref.removeprefix("file://")).unlink()
    with pytest.raises(RuntimeError, match="cannot be read"):
        await committed(here, outcome)
