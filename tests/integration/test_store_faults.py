"""Stores that freeze, break connections, answer 500, are full or lie: failover, and the right error without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stores.local import LocalStores
from schemas import Rejection
from streams.stores import Credentials, FixedSecret, SecretFile, Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.configuration import parse_locations
from tests.support.faulty_store import Behaviour, FaultyStore
from tests.support.object_stores import configuration, port_of, unique_prefix, uri

CLIP = bytes(range(256)) * 40

#: Everything that a store must not do, and what is said of one that does it until the deadline.
FAULTS: dict[Behaviour, str] = {
    "frozen": "does not answer in time",
    "refusing": "closed the connection|cannot be reached|not understood",
    "error": "answers with the error 500",
    "full": "is full",
    "cut": "closed the connection|not understood",
    "short": "sends another number of bytes than it says",
}


@pytest.fixture
def faulty(object_stores: LocalStores) -> Iterator[FaultyStore]:
    made = FaultyStore(port_of(object_stores.endpoints[0]))
    yield made
    made.close()


def limit_requests(monkeypatch: pytest.MonkeyPatch, *, request: float, deadline: float) -> None:
    for module in ("connecting", "pool"):
        monkeypatch.setattr(f"streams.stores.{module}.REQUEST_TIMEOUT", request)
    monkeypatch.setattr("streams.stores.pool.DEADLINE", deadline)


@pytest.mark.parametrize("behaviour", [*FAULTS, "slow"])
def test_an_operation_goes_on_at_the_other_endpoint(
    object_stores: LocalStores, faulty: FaultyStore, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_requests(monkeypatch, request=3.0, deadline=60.0)
    stores = Stores.of(configuration(object_stores, [faulty.endpoint, object_stores.endpoints[1]]))
    prefix = unique_prefix()
    try:
        first = stores.put(f"{prefix}/first", CLIP)
        faulty.behave(behaviour)
        references = [first, *(stores.put(f"{prefix}/{number}", CLIP) for number in range(4))]
        assert [stores.read(reference, limit=len(CLIP)) for reference in references] == [CLIP] * 5
    finally:
        stores.close()


@pytest.mark.parametrize("behaviour", FAULTS)
def test_without_another_endpoint_the_store_is_named_and_what_it_does(
    object_stores: LocalStores, faulty: FaultyStore, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = Stores.of(configuration(object_stores, [faulty.endpoint]))
    try:
        reference = stores.put(f"{unique_prefix()}/clip", CLIP)
    finally:
        stores.close()
    limit_requests(monkeypatch, request=1.0, deadline=2.0)
    faulty.behave(behaviour)
    stores = Stores.of(configuration(object_stores, [faulty.endpoint]))
    try:
        with pytest.raises(StoreUnavailableError, match=FAULTS[behaviour]) as raised:
            stores.read(reference, limit=len(CLIP))
        assert faulty.endpoint in str(raised.value)
        assert object_stores.access_key not in str(raised.value)
    finally:
        stores.close()


def test_a_store_that_answers_again_is_used_again(object_stores: LocalStores, faulty: FaultyStore) -> None:
    faulty.behave("error")
    stores = Stores.of(configuration(object_stores, [faulty.endpoint], interval=0.1))
    try:
        faulty.behave("sound")
        assert stores.read(stores.put(f"{unique_prefix()}/clip", CLIP), limit=len(CLIP)) == CLIP
        assert stores.can_write
    finally:
        stores.close()


def test_a_missing_object_is_not_looked_for_elsewhere(object_stores: LocalStores, faulty: FaultyStore) -> None:
    stores = Stores.of(configuration(object_stores, [faulty.endpoint, object_stores.endpoints[1]]))
    try:
        reference = stores.reference(f"{stores.pools[0].store}/{unique_prefix()}/nothing")
        assert not isinstance(reference, Rejection)
        for _ in range(4):
            result = stores.read(reference, limit=1)
            assert isinstance(result, Rejection)
            assert result.code == "ObjectMissing"
        assert stores.can_write
    finally:
        stores.close()


def test_wrong_keys_are_the_stores_fault_and_shown_nowhere(object_stores: LocalStores) -> None:
    account = Credentials(FixedSecret(object_stores.access_key), FixedSecret("not-the-secret"))
    stores = Stores.of(StoresConfiguration(parse_locations(uri(object_stores.endpoints)), account))
    try:
        with pytest.raises(StoreUnavailableError, match="refuses the account") as raised:
            stores.put(f"{unique_prefix()}/clip", CLIP)
        assert object_stores.access_key not in str(raised.value)
        assert "not-the-secret" not in str(raised.value)
    finally:
        stores.close()


def test_keys_in_files_are_changed_without_a_restart(object_stores: LocalStores, tmp_path: Path) -> None:
    (tmp_path / "access").write_text(f"{object_stores.access_key}\n")
    (tmp_path / "secret").write_text("expired\n")
    account = Credentials(SecretFile(tmp_path / "access"), SecretFile(tmp_path / "secret"))
    locations = parse_locations(uri(object_stores.endpoints))
    stores = Stores.of(StoresConfiguration(locations, account, health_check_interval=0.1))
    try:
        with pytest.raises(StoreUnavailableError, match="refuses the account"):
            stores.put(f"{unique_prefix()}/clip", CLIP)
        (tmp_path / "new").write_text(f"{object_stores.secret_key}\n")
        (tmp_path / "new").replace(tmp_path / "secret")
        assert stores.read(stores.put(f"{unique_prefix()}/clip", CLIP), limit=len(CLIP)) == CLIP
    finally:
        stores.close()


def test_no_such_bucket_is_the_stores_fault(object_stores: LocalStores, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_requests(monkeypatch, request=2.0, deadline=4.0)
    account = Credentials(FixedSecret(object_stores.access_key), FixedSecret(object_stores.secret_key))
    other = uri(object_stores.endpoints).replace("s3://hotel-audio", "s3://no-such-bucket")
    stores = Stores.of(StoresConfiguration(parse_locations(other), account))
    try:
        reference = stores.reference("s3://no-such-bucket/clip")
        assert not isinstance(reference, Rejection)
        with pytest.raises(StoreUnavailableError, match="has no such bucket"):
            stores.read(reference, limit=10)
    finally:
        stores.close()
