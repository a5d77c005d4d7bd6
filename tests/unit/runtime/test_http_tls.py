"""Health and metrics by TLS."""

import asyncio
import ssl
import urllib.request
from pathlib import Path

import pytest

from infra.docker import health
from infra.kafka.certificates import Authority
from streams.kafka.connection_security import server_context
from streams.runtime.http_access import HttpAccess
from streams.runtime.http_server import WebServer
from streams.runtime.readiness import Readiness
from streams.runtime.setting_declaration import SettingsError
from streams.runtime.settings import Settings
from streams.security.authentication import Authenticator
from streams.telemetry.metrics import Metrics


def serial_of(port: int, authority: Authority) -> str:
    """The serial number of the certificate that a worker shows; it has to be trusted."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with urllib.request.urlopen(f"https://localhost:{port}/health/live", context=context) as answer:
        assert answer.read() == b'{"live": true}'
    pem = ssl.get_server_certificate(("localhost", port))
    return str(ssl.PEM_cert_to_DER_cert(pem).hex())


async def test_the_certificate_is_replaced_while_it_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority(tmp_path)
    file = authority.issue("worker")
    web = WebServer(
        ("127.0.0.1", 0),
        Metrics(),
        Readiness({}),
        status=dict,
        policy=lambda _: {},
        access=HttpAccess(Authenticator()),
        tls=server_context(file, None),
    )
    port = await web.start()
    try:
        assert web.url == f"https://127.0.0.1:{port}"
        before = await asyncio.to_thread(serial_of, port, authority)
        file.unlink()
        authority.issue("worker")
        assert await asyncio.to_thread(serial_of, port, authority) != before
        assert await asyncio.to_thread(health.main, "127.0.0.1", str(port), str(file)) == 0, capsys.readouterr().out
        assert await asyncio.to_thread(health.main, "127.0.0.1", str(port)) == 1
    finally:
        await web.stop()


def test_files_that_cannot_be_used_are_told_at_once(tmp_path: Path) -> None:
    Authority(tmp_path).issue("worker")
    with pytest.raises(SettingsError, match=r"AUDIO_HTTP_TLS_KEYFILE=\S+: needs AUDIO_HTTP_TLS_CERTFILE"):
        Settings.from_environment({"AUDIO_HTTP_TLS_KEYFILE": str(tmp_path / "worker.pem")})
    with pytest.raises(SettingsError, match=r"AUDIO_HTTP_TLS_CERTFILE=\S+ or \S+ cannot be read"):
        Settings.from_environment({"AUDIO_HTTP_TLS_CERTFILE": str(tmp_path / "nothing.pem")})
    assert Settings.from_environment({"AUDIO_HTTP_TLS_CERTFILE": str(tmp_path / "worker.pem")}).http_tls is not None
