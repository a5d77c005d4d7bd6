import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.stores import Credentials, StoreUnavailableError
from streams.stores.breaker import Snapshot
from streams.stores.configuration import DirectoryLocation
from streams.stores.endpoint import Endpoint
from streams.stores.failures import StoreFault, StoreFaultError
from streams.stores.pool import Pool

WAIT = 30.0  # seconds, for conditions of other threads
REFUSED = StoreFault("refuses the account (403)", credentials=True)
DOWN = StoreFault("refuses connections")


class FakeEndpoint(Endpoint):
    """An endpoint that does as it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(DirectoryLocation(Path("/nowhere")), None, Credentials(), 1)
        self.address = name
        self.fault: StoreFault | None = None
        self.new_keys = False

    def client(self) -> Any:
        if self.fault is not None:
            raise StoreFaultError(self.fault)
        return self.address

    @property
    def refuses_account(self) -> bool:
        return self.refused and not self.new_keys

    def problem(self) -> StoreFault | None:
        return self.fault


class Seen:
    """Notes what a pool tells."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str, bool]] = []
        self.failovers: list[str] = []
        self.opened, self.closed = threading.Event(), threading.Event()

    def attempt(self, store: str, endpoint: str, operation: str, seconds: float, reason: str | None) -> None:
        self.attempts.append((endpoint, operation, reason is None))

    def failover(self, store: str, endpoint: str) -> None:
        self.failovers.append(endpoint)

    def changed(self, store: str, endpoint: str, state: Snapshot) -> None:
        {"open": self.opened, "closed": self.closed}.get(state.state, threading.Event()).set()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def endpoints() -> list[FakeEndpoint]:
    return [FakeEndpoint("a"), FakeEndpoint("b")]


@pytest.fixture
def pool(endpoints: list[FakeEndpoint], seen: Seen) -> Iterator[Pool]:
    made = Pool("s3://calls", list(endpoints), connections=1, interval=0.01, observer=seen)
    yield made
    made.close()


def where(client: Any) -> str:
    return str(client)


def test_an_operation_goes_on_where_the_store_works(pool: Pool, endpoints: list[FakeEndpoint], seen: Seen) -> None:
    endpoints[0].fault = DOWN
    assert [pool.run("get", where) for _ in range(5)] == ["b"] * 5
    assert seen.failovers == ["a"] * len(seen.failovers)


def test_an_endpoint_that_works_again_gets_operations_again(
    pool: Pool, endpoints: list[FakeEndpoint], seen: Seen
) -> None:
    endpoints[0].fault = DOWN
    pool.run("get", where)
    assert seen.opened.wait(WAIT)  # the next check finds it
    endpoints[0].fault = None
    pool.run("get", where)
    assert seen.closed.wait(WAIT)
    assert {pool.run("get", where) for _ in range(2)} == {"a", "b"}


def test_while_everything_is_down_operations_wait(pool: Pool, endpoints: list[FakeEndpoint]) -> None:
    for endpoint in endpoints:
        endpoint.fault = DOWN
    waiting: list[Any] = []
    thread = threading.Thread(target=lambda: waiting.append(pool.run("get", where)))
    thread.start()
    for endpoint in endpoints:
        endpoint.fault = None
    thread.join(WAIT)
    assert waiting[0] in {"a", "b"}


def test_at_the_deadline_it_says_where_and_why(
    pool: Pool, endpoints: list[FakeEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stores.pool.DEADLINE", 8.2)  # a little more than one request takes
    for endpoint in endpoints:
        endpoint.fault = DOWN
    with pytest.raises(StoreUnavailableError, match=r"^s3://calls at [ab] refuses connections$"):
        pool.run("get", where)


def test_no_operation_waits_longer_because_it_is_large(
    pool: Pool, endpoints: list[FakeEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stores.pool.DEADLINE", 8.2)  # a little more than one request takes
    for endpoint in endpoints:
        endpoint.fault = DOWN
    ended = threading.Event()

    def put() -> None:
        with pytest.raises(StoreUnavailableError, match="refuses connections"):
            pool.run("put", where, parts=1000)
        ended.set()

    threading.Thread(target=put, daemon=True).start()
    assert ended.wait(WAIT)


def test_an_account_that_all_endpoints_refuse_is_said_at_once(pool: Pool, endpoints: list[FakeEndpoint]) -> None:
    for endpoint in endpoints:
        endpoint.fault = REFUSED
    with pytest.raises(StoreUnavailableError, match="refuses the account"):
        pool.run("get", where)


def test_with_new_keys_a_refused_operation_goes_on(pool: Pool, endpoints: list[FakeEndpoint]) -> None:
    for endpoint in endpoints:
        endpoint.fault, endpoint.new_keys = REFUSED, True
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(pool.run("get", where)))
    thread.start()
    for endpoint in endpoints:
        endpoint.fault = None
    thread.join(WAIT)
    assert results[0] in {"a", "b"}


def test_a_bug_gives_its_connection_back(pool: Pool) -> None:
    def broken(client: Any) -> None:
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            pool.run("get", broken)
    assert pool.in_use == 0


def test_a_closed_pool_begins_nothing(pool: Pool) -> None:
    pool.close()
    with pytest.raises(StoreUnavailableError, match="is closed"):
        pool.run("get", where)


def test_operations_wait_for_a_connection_and_no_more_than_the_queue_holds(pool: Pool) -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def hold(client: Any) -> None:
        entered.release()
        leave.wait(WAIT)

    threads = [threading.Thread(target=pool.run, args=("get", hold)) for _ in range(10)]
    try:
        for thread in threads:
            thread.start()
        assert entered.acquire(timeout=WAIT)
        assert entered.acquire(timeout=WAIT)
        until(lambda: pool.waiting == 8)
        assert (pool.in_use, pool.idle) == (2, 0)
        with pytest.raises(StoreUnavailableError, match="busy: 8 operations wait"):
            pool.run("get", where)
    finally:
        leave.set()
        for thread in threads:
            thread.join(WAIT)
    assert (pool.in_use, pool.waiting) == (0, 0)


def until(holds: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(3000):
        if holds():
            return
        tick.wait(0.01)
    raise AssertionError("the condition did not come true")
