"""The connections to the endpoints of one store: failover, retries, a bounded queue, checks in the background."""

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from streams.stores.balancer import Balancer
from streams.stores.breaker import Snapshot
from streams.stores.connecting import REQUEST_TIMEOUT, Client
from streams.stores.endpoint import Endpoint
from streams.stores.errors import StoreUnavailableError
from streams.stores.failures import FORBIDDEN, OBSTORE_ERRORS, ObjectFault, StoreFault, StoreFaultError, fault_of
from streams.stores.observer import PoolObserver

T = TypeVar("T")
Operation = Callable[[Client], T]

#: Seconds that an operation takes at most; one with several parts has as many for each part, but waits no longer for a
#: connection.
DEADLINE = 30.0
_CHECK = "check"
_READ = "get"  # its refusal may be for the object; that of a write or a list never is
_WAITING_PER_CONNECTION = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds before an operation is tried once more where it has failed already


class Pool:
    """The connections to the endpoints of one store, which are addresses of the same objects.

    An operation takes a connection of the next healthy endpoint; if the store fails there, it goes on at another one,
    and then again after pauses with jitter, until its deadline. So operations have to be idempotent.

    Args:
        store: The store's URI.
        endpoints: Its endpoints.
        connections: Connections to one endpoint, at most.
        interval: Seconds between two checks of an endpoint.
        observer: Receives what happens.
    """

    def __init__(
        self, store: str, endpoints: list[Endpoint], *, connections: int, interval: float, observer: PoolObserver
    ) -> None:
        self.store = store
        self.endpoints = endpoints
        self._balancer = Balancer(len(endpoints), connections, interval, time.monotonic())
        self._observer = observer
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)  # a connection, or an endpoint is healthy again
        self._due = threading.Condition(self._lock)  # a check, or the end
        self._waiting = 0
        self._most_waiting = _WAITING_PER_CONNECTION * connections * len(endpoints)
        self._checkers: list[threading.Thread] = []
        self._closed = False

    @property
    def healthy(self) -> int:
        """The number of endpoints that are healthy."""
        with self._lock:
            return self._balancer.healthy

    @property
    def waiting(self) -> int:
        """The number of operations that wait for a connection."""
        return self._waiting

    @property
    def in_use(self) -> int:
        """The number of connections that are used."""
        with self._lock:
            return sum(self._balancer.in_use)

    @property
    def idle(self) -> int:
        """The number of connections to healthy endpoints that are free."""
        with self._lock:
            return self._balancer.idle

    @property
    def states(self) -> dict[str, Snapshot]:
        """The states of the endpoints, by their addresses."""
        with self._lock:
            states = [breaker.snapshot for breaker in self._balancer.breakers]
        return {endpoint.address: state for endpoint, state in zip(self.endpoints, states, strict=True)}

    def start(self) -> None:
        """Begin to check the endpoints, unless that is so already."""
        if self._checkers:
            return
        with self._lock:
            if self._checkers or self._closed:
                return
            self._checkers = [
                threading.Thread(target=self._check_forever, args=(index,), name=f"store-check-{index}", daemon=True)
                for index in range(len(self.endpoints))
            ]
            for checker in self._checkers:
                checker.start()

    def close(self) -> None:
        """Stop the checks. Operations that run are not interrupted, and no other may begin."""
        with self._lock:
            self._closed = True
            self._freed.notify_all()
            self._due.notify_all()

    def run(self, name: str, operation: Operation[T], *, parts: int = 1) -> T | ObjectFault:
        """Run an idempotent operation.

        Args:
            name: Its name for metrics.
            operation: Gets obstore's client of an endpoint.
            parts: The number of requests one after the other, each with a deadline of its own.

        Returns:
            The operation's value, or what is wrong with the object.

        Raises:
            StoreUnavailableError: If the store failed until the deadline, or refuses the account.
        """
        self.start()
        deadline = time.monotonic() + DEADLINE * parts
        failed: list[int] = []
        while True:
            index = self._acquire(failed, deadline)
            result = self._attempt(index, name, operation)
            if not isinstance(result, StoreFault):
                return result
            failed.append(index)
            if result.credentials and all(endpoint.refuses_account for endpoint in self.endpoints):
                raise StoreUnavailableError(self._about(index, result.reason))
            self._pause(failed, deadline, result)

    def _attempt(self, index: int, name: str, operation: Operation[T]) -> T | ObjectFault | StoreFault:
        endpoint = self.endpoints[index]
        begun = time.monotonic()
        result: T | ObjectFault | StoreFault = StoreFault("was interrupted")
        try:
            client = endpoint.client()
            result = _result_of(operation, client)
            if name == _READ and isinstance(result, StoreFault) and result.refused and endpoint.gives_others(client):
                result = FORBIDDEN
        except StoreFaultError as error:  # of a directory that cannot be used
            result = error.fault
        finally:
            endpoint.refused = isinstance(result, StoreFault) and result.credentials
            self._settle(index, name, begun, result.reason if isinstance(result, StoreFault) else None)
        return result

    def _settle(self, index: int, name: str, begun: float, reason: str | None) -> None:
        now = time.monotonic()
        settle = self._balancer.checked if name == _CHECK else self._balancer.settle
        breaker = self._balancer.breakers[index]
        with self._lock:
            before = breaker.state
            settle(index, reason, now)
            after = breaker.snapshot
            if reason is not None:
                self._due.notify_all()
            if self._waiting:
                self._freed.notify_all()
        address = self.endpoints[index].address
        self._observer.attempt(self.store, address, name, now - begun, reason)
        if after.state != before:
            self._observer.changed(self.store, address, after)

    def _acquire(self, avoid: Collection[int], deadline: float) -> int:
        with self._lock:
            index = None if self._closed else self._balancer.acquire(avoid)
            if index is not None:
                return index
            if self._waiting >= self._most_waiting:
                raise StoreUnavailableError(f"{self.store} is busy: {self._waiting} operations wait for it already")
            self._waiting += 1
            try:
                return self._wait_for_connection(avoid, min(deadline, time.monotonic() + DEADLINE))
            finally:
                self._waiting -= 1

    def _wait_for_connection(self, avoid: Collection[int], deadline: float) -> int:
        while True:
            left = deadline - REQUEST_TIMEOUT - time.monotonic()
            hopeless = all(endpoint.refuses_account for endpoint in self.endpoints)
            if self._closed or hopeless or left <= 0:
                raise StoreUnavailableError(self._why_none())
            self._freed.wait(left)
            index = self._balancer.acquire(avoid)
            if index is not None:
                return index

    def _why_none(self) -> str:
        if self._closed:
            return f"{self.store} is closed"
        for index, breaker in enumerate(self._balancer.breakers):
            if not breaker.lets_pass:
                return self._about(index, breaker.snapshot.reason)
        return f"{self.store} is busy: all of its {self._balancer.connections} connections were in use for too long"

    def _all_tried(self, failed: Sequence[int]) -> bool:
        return len(set(failed)) == len(self.endpoints)

    def _pause(self, failed: Sequence[int], deadline: float, fault: StoreFault) -> None:
        """Wait before the next attempt, unless there is an endpoint that the operation has not tried yet."""
        times = len(failed) // len(self.endpoints)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**times) if self._all_tried(failed) else 0.0
        pause = random.uniform(longest / 2, longest)  # noqa: S311  jitter, no secret
        if time.monotonic() + pause + REQUEST_TIMEOUT > deadline:
            raise StoreUnavailableError(self._about(failed[-1], fault.reason))
        if len(self.endpoints) > 1:
            self._observer.failover(self.store, self.endpoints[failed[-1]].address)
        time.sleep(pause)

    def _about(self, index: int, reason: str) -> str:
        address = self.endpoints[index].address
        place = self.store if address == self.store else f"{self.store} at {address}"
        return f"{place} {reason}"

    def _check_forever(self, index: int) -> None:
        breaker = self._balancer.breakers[index]
        while True:
            with self._lock:
                while not self._closed and (left := breaker.check_due - time.monotonic()) > 0:
                    self._due.wait(left)
                if self._closed:
                    return
            begun = time.monotonic()
            problem = self.endpoints[index].problem()
            self.endpoints[index].refused = problem is not None and problem.credentials
            self._settle(index, _CHECK, begun, None if problem is None else problem.reason)


def _result_of(operation: Operation[T], client: Client) -> T | ObjectFault | StoreFault:
    try:
        return operation(client)
    except (*OBSTORE_ERRORS, StoreFaultError) as error:
        return fault_of(error)
