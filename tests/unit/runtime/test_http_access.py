"""The status page over real sockets: who is let in, and what the others are told."""

import json
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from streams.runtime.http_access import HttpAccess, access_of
from streams.runtime.http_server import WebServer
from streams.runtime.readiness import Readiness
from streams.runtime.setting_declaration import SettingsError
from streams.runtime.settings import Settings
from streams.security.api_keys import ApiKeys, new_key
from streams.security.rate_limit import SlidingWindow
from streams.security.roles import Role
from streams.telemetry.metrics import Metrics

ADMIN = "a-token-for-operators"
NOW = datetime.now(UTC)


class Client:
    """Asks for the page."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/admin/audio/status"

    async def get(self, credential: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential}"
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310  the server's own port
        try:
            with await to_thread(urllib.request.urlopen, request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()


async def serving(access: HttpAccess) -> AsyncIterator[Client]:
    status = {"ok": 1}
    web = WebServer(
        ("127.0.0.1", 0), Metrics(), Readiness({}), status=lambda: status, policy=lambda _: {}, access=access
    )
    await web.start()
    yield Client(web.url)
    await web.stop()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """API keys by role, and one for one hotel; they are in the file ``keys``."""
    day = timedelta(days=1)
    made = {role.value: new_key(f"person-{role.value}", role, None, now=NOW, lifetime=day) for role in Role}
    made["one-hotel"] = new_key("person-7", Role.ADMIN, frozenset({"lisbon"}), now=NOW, lifetime=day)
    (tmp_path / "keys").write_bytes(ApiKeys(key for _, key in made.values()).to_json())
    return {name: text for name, (text, _) in made.items()}


@pytest.fixture
async def client(tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[Client]:
    assert keys
    access = access_of(Settings(admin_token=ADMIN, api_keys_file=tmp_path / "keys"))
    async for one in serving(HttpAccess(access.authenticator, limit=SlidingWindow(limit=1000))):
        yield one


def check_problem(answer: tuple[int, dict[str, str], bytes], status: int, title: str) -> None:
    code, headers, body = answer
    assert code == status
    assert headers["Content-Type"] == "application/problem+json"
    document = json.loads(body)
    assert document.pop("detail")
    assert document == {"type": "about:blank", "title": title, "status": status}


async def test_the_admin_token_and_every_role_are_let_in(client: Client, keys: dict[str, str]) -> None:
    for credential in (ADMIN, *(keys[role.value] for role in Role)):
        assert (await client.get(credential))[::2] == (200, b'{"ok": 1}')


async def test_who_is_not_known_is_told_how_to_log_in_and_the_log_says_why(
    client: Client, keys: dict[str, str]
) -> None:
    wrong = keys["viewer"][:-1] + ("A" if keys["viewer"][-1] != "A" else "B")
    with structlog.testing.capture_logs() as lines:
        answers = [await client.get(), await client.get(wrong), await client.get("x" * 30)]
    for answer in answers:
        check_problem(answer, 401, "Unauthorized")
        assert answer[1]["WWW-Authenticate"] == "Bearer"
        assert answer[2] == answers[0][2]
    assert [(line["event"], line["code"], line["client"]) for line in lines] == [
        ("login_refused", "no_credential", "127.0.0.1"),
        ("login_refused", "unknown_key", "127.0.0.1"),
        ("login_refused", "unknown_token", "127.0.0.1"),
    ]
    assert wrong[5:] not in str(lines)


async def test_who_may_not_see_all_hotels_does_not_see_the_status(client: Client, keys: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as lines:
        check_problem(await client.get(keys["one-hotel"]), 403, "Forbidden")
    (line,) = lines
    assert (line["event"], line["permission"], line["role"]) == ("access_refused", "status", "admin")


async def test_keys_that_cannot_be_read_are_the_installations_fault(
    client: Client, keys: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "keys").unlink()
    with structlog.testing.capture_logs() as lines:
        check_problem(await client.get(keys["viewer"]), 503, "Service Unavailable")
    assert [line["event"] for line in lines] == ["credentials_unreadable"]


async def test_an_address_that_asks_too_often_waits_and_others_do_not(keys: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"AUDIO_API_KEYS_FILE": str(tmp_path / "keys"), "AUDIO_TRUSTED_PROXIES": "127.0.0.0/8"}
    )
    # A window so long that the test never leaves it.
    access = HttpAccess(access_of(settings).authenticator, settings.trusted_proxies, SlidingWindow(window=3600))
    async for client in serving(access):
        for _ in range(9):
            assert (await client.get("x" * 30, **{"X-Forwarded-For": "2001:db8::1"}))[0] == 401
        assert (await client.get(keys["viewer"], **{"X-Forwarded-For": "2001:db8::2"}))[0] == 200
        answer = await client.get(keys["viewer"], **{"X-Forwarded-For": "2001:db8::3"})
        check_problem(answer, 429, "Too Many Requests")
        assert 3000 < int(answer[1]["Retry-After"]) <= 3600
        assert (await client.get(keys["viewer"], **{"X-Forwarded-For": "2001:db8:0:1::1"}))[0] == 200
        assert (await client.get(keys["viewer"]))[0] == 200


async def test_without_any_credential_there_is_no_page() -> None:
    async for client in serving(access_of(Settings())):
        assert (await client.get(ADMIN))[0] == 404


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AUDIO_API_KEYS_FILE": "/missing/keys"}, r"^AUDIO_API_KEYS_FILE=/missing/keys: No such file or directory$"),
        ({"AUDIO_API_KEYS_FILE": __file__}, r"^AUDIO_API_KEYS_FILE=\S+: is no JSON"),
        (
            {"AUDIO_JWT_ISSUER": "i", "AUDIO_JWT_AUDIENCE": "a", "AUDIO_JWT_KEYS_FILE": __file__},
            r"^AUDIO_JWT_KEYS_FILE=\S+: is no JSON Web Key Set",
        ),
        ({"AUDIO_JWT_ISSUER": "i"}, r"^AUDIO_JWT_ISSUER, AUDIO_JWT_AUDIENCE and AUDIO_JWT_KEYS_FILE need each other$"),
        ({"AUDIO_TRUSTED_PROXIES": "nginx"}, r"^AUDIO_TRUSTED_PROXIES=nginx: not addresses or networks"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as told:
        access_of(Settings.from_environment(environ))
    assert "\n" not in str(told.value)
