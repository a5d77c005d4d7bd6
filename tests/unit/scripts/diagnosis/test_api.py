"""What the doctor says of an API process, and of files that are none."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from schemas.access import load_roles
from scripts.diagnosis.checking import Installation
from scripts.diagnosis.machine import check_endpoint, check_state
from scripts.diagnosis.settings import check_settings, check_token_keys
from scripts.validation.finding import Finding, Status
from streams.runtime.api_settings import ApiSettings
from streams.runtime.http_access import access_of
from streams.runtime.setting_declaration import SettingsError

pytestmark = pytest.mark.timeout(60)  # a named pipe that is opened is waited for
TOKENS = {"AUDIO_JWT_ISSUER": "https://hotel.example", "AUDIO_JWT_AUDIENCE": "audio"}
PLAIN: dict[str, str] = {}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}


def api(environ: Mapping[str, str]) -> Installation:
    return Installation.of(environ, load_roles()["api"])


def certificate(directory: Path) -> str:
    file = directory / "certificate.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))
    return str(file)


@pytest.mark.parametrize("kind", ["a named pipe", "a directory"])
@pytest.mark.parametrize(
    ("variable", "others"),
    [
        ("AUDIO_JWT_KEYS_FILE", TOKENS),
        ("AUDIO_API_KEYS_FILE", PLAIN),
        ("AUDIO_HTTP_TLS_CERTFILE", PLAIN),
        ("AUDIO_HTTP_TLS_KEYFILE", {"AUDIO_HTTP_TLS_CERTFILE": ""}),
        ("KAFKA_SSL_CAFILE", TLS),
        ("KAFKA_SSL_CERTFILE", TLS),
        ("KAFKA_SSL_KEYFILE", {**TLS, "KAFKA_SSL_CERTFILE": ""}),
    ],
)
def test_what_is_no_file_is_told_and_not_waited_for(
    variable: str, others: Mapping[str, str], kind: str, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    os.mkfifo(place) if kind == "a named pipe" else place.mkdir()
    known = {name: value or certificate(tmp_path) for name, value in others.items()}
    with pytest.raises(SettingsError, match=r"is a named pipe|Is a directory") as told:
        access_of(ApiSettings.from_environment({**known, variable: str(place)}))
    assert str(place) in str(told.value)


@pytest.mark.parametrize("kind", ["a named pipe", "a directory"])
async def test_the_doctor_tells_what_is_no_file(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    os.mkfifo(place) if kind == "a named pipe" else place.mkdir()
    (tokens,) = await check_token_keys(api({**TOKENS, "AUDIO_JWT_KEYS_FILE": str(place)}))
    (settings,) = await check_settings(api({"AUDIO_HTTP_TLS_CERTFILE": str(place)}))
    for found in (tokens, settings):
        assert found.status is Status.FAILED
        assert str(place) in found.detail


async def test_an_open_api_for_other_machines_is_a_wrong_setting() -> None:
    (found,) = await check_settings(api({"AUDIO_HTTP_HOST": "0.0.0.0"}))  # noqa: S104  it is refused
    assert (found.status, found.subject) == (Status.FAILED, "AUDIO_HTTP_HOST")
    assert "serves this machine alone" in found.detail


async def test_the_port_and_the_directory_of_the_index_are_looked_at(tmp_path: Path) -> None:
    def of(found: list[Finding]) -> Status:
        (one,) = found
        return one.status

    assert of(await check_endpoint(api({"AUDIO_API_PORT": "0"}))) is Status.PASSED
    assert of(await check_state(api({"AUDIO_STATE_DIR": str(tmp_path)}))) is Status.PASSED
    (tmp_path / "file").touch()
    assert of(await check_state(api({"AUDIO_STATE_DIR": str(tmp_path / "file")}))) is Status.FAILED
