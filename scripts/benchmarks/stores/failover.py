"""Stores many clips while one of two endpoints is killed and brought back; then reads all of them again."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.stores.local import LocalStores
from streams.stores import (
    Credentials,
    FixedSecret,
    ObjectReference,
    Stores,
    StoresConfiguration,
    StoreUnavailableError,
    content_key,
)
from streams.stores.breaker import Snapshot
from streams.stores.configuration import parse_locations
from streams.stores.pool import DEADLINE

_THREADS = 16
_SMALLEST, _LARGEST = 2_000, 60_000  # bytes of a clip
_KILLED_AT, _BACK_AT = 0.25, 0.5  # shares of the clips
_WAIT_FOR_TRAFFIC_S = 120.0


@dataclass(frozen=True, slots=True)
class Failover:
    """What came of it.

    Attributes:
        clips: How many were to be stored.
        lost: Clips that could not be stored, or not be read afterwards.
        corrupt: Clips whose bytes were others afterwards.
        late: Operations that took longer than their deadline.
        slowest: Seconds of the slowest operation.
        failovers: Operations that went on at the other endpoint.
        back_within: Seconds from the endpoint's return to the first operation that succeeded there; None if there was
            none.
        interval: Seconds between two health checks.
    """

    clips: int
    lost: int
    corrupt: int
    late: int
    slowest: float
    failovers: int
    back_within: float | None
    interval: float


class _Watch:
    """Notes what the pool tells."""

    def __init__(self) -> None:
        self.failovers = 0
        self.watched: str | None = None
        self.seen = threading.Event()
        self.seen_at = 0.0

    def attempt(self, store: str, endpoint: str, operation: str, seconds: float, reason: str | None) -> None:  # noqa: ARG002  as the pool calls it
        if endpoint == self.watched and operation != "check" and reason is None and not self.seen.is_set():
            self.seen_at = time.monotonic()
            self.seen.set()

    def failover(self, store: str, endpoint: str) -> None:  # noqa: ARG002  as the pool calls it
        self.failovers += 1

    def changed(self, store: str, endpoint: str, state: Snapshot) -> None:
        """Ignore it: traffic counts."""


def run(servers: LocalStores, clips: int, interval: float, advance: Callable[[], None]) -> Failover:
    """Store clips from several threads, kill the second instance meanwhile, start it again, and read all clips.

    Args:
        servers: Two instances, of which the second is killed.
        clips: How many.
        interval: Seconds between two health checks.
        advance: Called after each clip that was stored or read.
    """
    watch = _Watch()
    account = Credentials(FixedSecret(servers.access_key), FixedSecret(servers.secret_key))
    configuration = StoresConfiguration(parse_locations(servers.uri), account, health_check_interval=interval)
    stores = Stores.of(configuration, watch)
    try:
        return _Run(stores, watch, servers, interval, advance).run(clips)
    finally:
        stores.close()


class _Run:
    def __init__(
        self, stores: Stores, watch: _Watch, servers: LocalStores, interval: float, advance: Callable[[], None]
    ) -> None:
        self._stores = stores
        self._watch = watch
        self._servers = servers
        self._interval = interval
        self._advance = advance
        self._times: list[float] = []

    def run(self, clips: int) -> Failover:
        with ThreadPoolExecutor(_THREADS) as threads:
            work = [threads.submit(self._store, number) for number in range(clips)]
            self._wait_until_stored(int(clips * _KILLED_AT))
            self._servers.kill(1)
            self._wait_until_stored(int(clips * _BACK_AT))
            back_at = self._restart()
            stored = [one.result() for one in work]
            self._await_traffic(stored)
            verdicts = Counter(threads.map(self._verdict, range(clips), stored))
        late = sum(seconds > DEADLINE for seconds in self._times)
        back_within = self._watch.seen_at - back_at if self._watch.seen.is_set() else None
        return Failover(
            clips=clips,
            lost=verdicts["lost"],
            corrupt=verdicts["corrupt"],
            late=late,
            slowest=max(self._times),
            failovers=self._watch.failovers,
            back_within=back_within,
            interval=self._interval,
        )

    def _store(self, number: int) -> ObjectReference | None:
        content = _clip(number)
        begun = time.monotonic()
        try:
            return self._stores.put(content_key(hashlib.sha256(content).hexdigest()), content)
        except StoreUnavailableError:
            return None
        finally:
            self._times.append(time.monotonic() - begun)
            self._advance()

    def _verdict(self, number: int, reference: ObjectReference | None) -> str:
        if reference is None:
            return "lost"
        content = _clip(number)
        begun = time.monotonic()
        try:
            found = self._stores.read(reference, limit=len(content))
        except StoreUnavailableError:
            return "lost"
        finally:
            self._times.append(time.monotonic() - begun)
            self._advance()
        if isinstance(found, bytes):
            return "kept" if found == content else "corrupt"
        return "lost"

    def _wait_until_stored(self, count: int) -> None:
        while len(self._times) < count:
            time.sleep(0.005)

    def _restart(self) -> float:
        """Start the instance again; return the time from which it accepted connections."""
        self._watch.watched = self._servers.endpoints[1]
        self._servers.restart(1)
        return time.monotonic()

    def _await_traffic(self, stored: list[ObjectReference | None]) -> None:
        """Go on reading until an operation succeeds at the endpoint that is back."""
        known = [reference for reference in stored if reference is not None]
        deadline = time.monotonic() + _WAIT_FOR_TRAFFIC_S
        while known and not self._watch.seen.is_set() and time.monotonic() < deadline:
            self._stores.size(random.choice(known))  # noqa: S311  any will do
            time.sleep(0.01)


def _clip(number: int) -> bytes:
    source = random.Random(number)  # noqa: S311  the same clip each time
    return source.randbytes(source.randint(_SMALLEST, _LARGEST))
