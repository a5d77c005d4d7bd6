"""A store that refuses one object, and a store that refuses all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas import Rejection
from streams.stores import Credentials, FixedSecret, Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.configuration import parse_locations

ACCOUNT = Credentials(FixedSecret("account"), FixedSecret("secret"))


class Store(ThreadingHTTPServer):
    """Answers every read with an error, and requests for other objects with another."""

    daemon_threads = True

    def __init__(self, status: int, *, of_others: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.of_others = status, of_others


class Answer(BaseHTTPRequestHandler):
    """Answers of such a store."""

    server: Store

    def do_GET(self) -> None:
        """Answer a read."""
        self._answer(self.server.status)

    def do_HEAD(self) -> None:
        """Answer a question for an object."""
        self._answer(self.server.of_others)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Say nothing."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Store], bytes | Rejection]]:
    """Reads an object from such a store."""
    monkeypatch.setattr("streams.stores.pool.DEADLINE", 1.0)
    monkeypatch.setattr("streams.stores.pool.REQUEST_TIMEOUT", 0.5)
    with ExitStack() as ends:

        def read_from(store: Store) -> bytes | Rejection:
            ends.enter_context(store)
            threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            ends.callback(store.shutdown)
            locations = parse_locations(f"s3://calls?endpoint=http://127.0.0.1:{store.server_port}")
            stores = Stores.of(StoresConfiguration(locations, ACCOUNT))
            ends.callback(stores.close)
            reference = stores.reference("s3://calls/key")
            assert not isinstance(reference, Rejection)
            return stores.read(reference, limit=1000)

        yield read_from


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("of_others", [200, 404])
def test_an_object_that_alone_is_refused_is_a_refusal(
    status: int, of_others: int, read: Callable[[Store], bytes | Rejection]
) -> None:
    found = read(Store(status, of_others=of_others))
    assert isinstance(found, Rejection)
    assert (found.stage, found.code) == ("fetch", "ForbiddenObject")


@pytest.mark.parametrize(("status", "of_others"), [(403, 403), (400, 400), (403, 500), (401, 404), (500, 404)])
def test_a_store_that_refuses_others_too_is_unavailable(
    status: int, of_others: int, read: Callable[[Store], bytes | Rejection]
) -> None:
    with pytest.raises(StoreUnavailableError, match=str(status)):
        read(Store(status, of_others=of_others))
