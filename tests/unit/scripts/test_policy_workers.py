"""What workers answer about a policy, and what follows from it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from infra.kafka.ports import free_ports
from schemas import Position
from scripts.policies.workers import Answer, await_in_force

SENT = Position("audio.policy", 0, 7)


class Worker(HTTPServer):
    """Answers with the next of its answers, and with the last one from then on."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Worker)
        self.server.asked.append(self.path)
        status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature of the base class
        pass


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    with Worker(list(request.param)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def told(version: int | None, offset: int, *, loaded: bool = True) -> tuple[int, bytes]:
    content = {"hotel": "seaside", "version": version, "loaded": loaded, "next_offsets": {"0": offset}}
    return 200, json.dumps(content).encode()


async def asked(url: str, version: int | None = 3) -> Answer:
    (answer,) = await await_in_force([url], "seaside", SENT, version, 0.6)
    return answer


@pytest.mark.parametrize("worker", [[told(2, 5), told(2, 7), told(3, 8)]], indirect=True)
async def test_it_waits_until_the_change_was_read(worker: Worker) -> None:
    assert await asked(worker.url) == Answer(worker.url, 3, None)
    assert worker.asked == ["/policies?hotel=seaside"] * 3


@pytest.mark.parametrize("worker", [[told(None, 8)]], indirect=True)
async def test_a_removal_is_in_force_when_there_is_no_policy(worker: Worker) -> None:
    assert (await asked(worker.url, None)).problem is None


@pytest.mark.parametrize(
    ("worker", "problem"),
    [
        ([told(3, 7)], "has not read the change yet"),  # the same version of an earlier topic
        ([told(3, 9, loaded=False)], "has not read the change yet"),
        ([told(2, 9)], "has version 2 in force"),
        ([told(None, 9)], "has no policy in force"),
        ([(404, b"")], "answers 404"),
        ([(200, b"hello")], "answers something else"),
        ([(200, b"[]")], "answers something else"),
        ([(200, b'{"version": 3}')], "answers something else"),
    ],
    indirect=["worker"],
)
async def test_what_is_not_in_force_is_told(worker: Worker, problem: str) -> None:
    answer = await asked(worker.url)
    assert answer.problem is not None
    assert answer.problem.startswith(problem)


async def test_who_does_not_answer_is_told() -> None:
    answer = await asked(f"http://127.0.0.1:{free_ports(1)}")
    assert answer.problem == "does not answer (Connection refused)"
