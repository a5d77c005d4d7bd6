"""How a worker finds out whether it is surplus; a server with TLS stands for Kubernetes' API server."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, web

from streams.runtime import replicas
from streams.runtime.replicas import is_surplus, wanted_replicas

SCALE = "/apis/apps/v1/namespaces/hotel-audio/statefulsets/hotel-audio-worker/scale"
TOKEN = "a-token-of-the-pod"  # noqa: S105  only for the server of these tests


def scale(**spec: object) -> str:
    return json.dumps({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": spec, "status": {"replicas": 12}})


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pod's directory with its token and the server's certificate, and beside them the server's key."""
    directory = tmp_path_factory.mktemp("account")
    (directory / "token").write_text(f"{TOKEN}\n")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out ca.crt"
    subprocess.run(
        [*command.split(), "-days", "2", "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    return directory


class ApiServer:
    """Answers one request after the other as it is told, and knows what was asked."""

    def __init__(self) -> None:
        self.answer, self.status, self.pause = scale(replicas=9), 200, 0.0
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def respond(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        await asyncio.sleep(self.pause)
        headers = {"Location": f"{self.url}/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, text=self.answer, headers=headers)


@pytest.fixture
async def server(account: Path) -> AsyncIterator[ApiServer]:
    told = ApiServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", told.respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(account / "ca.crt", account / "server.key")
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    told.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    await runner.cleanup()


async def test_the_scale_is_asked_once_with_the_token_of_the_pod(server: ApiServer, account: Path) -> None:
    assert await wanted_replicas(server.url + SCALE, account) == 9
    assert server.asked == [(SCALE, f"Bearer {TOKEN}")]


async def test_kubernetes_leaves_a_zero_out(server: ApiServer, account: Path) -> None:
    server.answer = scale()
    assert await wanted_replicas(server.url + SCALE, account) == 0


@pytest.mark.parametrize("answer", ["", "[]", "9", '{"kind": "Status"}', '{"kind": "Scale"}', scale(replicas="9")])
async def test_an_answer_that_is_no_scale_is_none(server: ApiServer, account: Path, answer: str) -> None:
    server.answer = answer
    with pytest.raises(ValueError, match=r".*"):
        await wanted_replicas(server.url + SCALE, account)


@pytest.mark.parametrize("status", [302, 403, 503])
async def test_a_refusal_and_a_redirect_are_no_answer(server: ApiServer, account: Path, status: int) -> None:
    server.status = status
    with pytest.raises(ValueError, match=str(status)):
        await wanted_replicas(server.url + SCALE, account)
    assert len(server.asked) == 1


async def test_a_server_that_does_not_answer_in_time_is_given_up(
    server: ApiServer, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "_TIMEOUT", 0.2)
    server.pause = 30.0
    with pytest.raises(TimeoutError):
        await wanted_replicas(server.url + SCALE, account)


async def test_the_token_is_not_sent_to_a_server_with_another_certificate(
    server: ApiServer, account: Path, tmp_path: Path
) -> None:
    with pytest.raises(ClientError, match="certificate"):
        await wanted_replicas(server.url.replace("127.0.0.1", "localhost") + SCALE, account)
    assert server.asked == []


@pytest.mark.parametrize(("ordinal", "surplus"), [(8, False), (9, True), (11, True)])
async def test_ordinals_are_counted_from_zero(tmp_path: Path, ordinal: int, surplus: bool) -> None:
    (tmp_path / "replicas").write_text("9\n")
    assert await is_surplus(ordinal, str(tmp_path / "replicas")) is surplus


@pytest.mark.parametrize("content", [None, "", "nine", "9.5"])
async def test_without_a_number_no_worker_is_surplus(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "replicas").write_text(content)
    assert not await is_surplus(9, str(tmp_path / "replicas"))
    assert not await is_surplus(9, "https://127.0.0.1:1/scale")
    assert not await is_surplus(9, None)
    assert not await is_surplus(None, str(tmp_path / "replicas"))
