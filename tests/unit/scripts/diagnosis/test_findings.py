"""What the doctor makes of what it has found."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from schemas.access import load_roles
from scripts.diagnosis.certificates import check_certificates, judged_days
from scripts.diagnosis.checking import PROCESSES, Check, Installation, any_will_do, diagnose
from scripts.diagnosis.cluster import in_sync_problem, judged_clock
from scripts.diagnosis.machine import check_endpoint, cpu_quota, file_system
from scripts.diagnosis.rendering import lines
from scripts.diagnosis.settings import check_api_keys, check_settings
from scripts.diagnosis.stores import check_stores
from scripts.validation.finding import Finding, Status, failed, passed, warned
from streams.security.api_keys import ApiKeys, new_key
from streams.security.roles import Role

WORKER = Installation({}, load_roles()["worker"], None)
MOUNTS = """\
22 28 0:21 / /proc rw,nosuid shared:14 - proc proc rw
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 28 0:44 / /data rw,relatime shared:2 - nfs4 server:/data rw
31 30 8:2 / /data/local rw,relatime - xfs /dev/sdb rw
"""


async def test_what_needs_a_failed_check_is_not_checked() -> None:
    made: list[str] = []

    async def good(_: Installation) -> list[Finding]:
        made.append("good")
        return [passed("good", "", "as it should be")]

    async def bad(_: Installation) -> list[Finding]:
        return [failed("bad", "one", "broken", "mend it"), warned("bad", "two", "odd", "look at it")]

    checks = [
        Check("good", good),
        Check("bad", bad),
        Check("second", good, ("bad",)),
        Check("third", good, ("second",)),
        Check("last", good, ("good",)),
    ]
    report = await diagnose(checks, WORKER)
    assert made == ["good", "good"]
    assert list(lines(report))[:-1] == [
        "ok           good: as it should be",
        "FAILED       bad one: broken",
        "             -> mend it",
        "warning      bad two: odd",
        "             -> look at it",
        "not checked  second: because the check of bad failed",
        "not checked  third: because the check of bad failed",
        "ok           good: as it should be",
    ]
    assert not report.succeeded
    assert list(lines(report))[-1].startswith("1 check failed, 1 warning, 2 not checked, in ")


async def test_checks_of_a_machine_are_for_processes_alone() -> None:
    async def check(_: Installation) -> list[Finding]:
        return [passed("machine", "", "")]

    monitor = Installation({}, load_roles()["monitor"], None)
    checks = [Check("machine", check, roles=PROCESSES)]
    assert [len((await diagnose(checks, one)).findings) for one in (WORKER, monitor)] == [1, 0]


def test_one_of_several_is_enough() -> None:
    good, bad = [passed("port", "a", "")], [failed("port", "b", "", "")]
    assert [one.status for one in any_will_do([good, bad])] == [Status.PASSED, Status.WARNING]
    assert [one.status for one in any_will_do([bad, bad])] == [Status.FAILED] * 2


@pytest.mark.parametrize(("days", "status"), [(-3.0, "FAILED"), (0.5, "warning"), (29.9, "warning"), (31.0, "passed")])
def test_days_of_a_certificate(days: float, status: str) -> None:
    assert judged_days("broker", days, "renew it").status == status


@pytest.mark.parametrize(
    ("theirs", "said"),
    [(100.5, "within 2 s"), (93.0, "7.0 s ahead of the brokers'"), (3701.0, "3600.0 s behind the brokers'")],
)
def test_two_clocks(theirs: float, said: str) -> None:
    assert said in judged_clock(100.0, theirs, 101.0).detail


@pytest.mark.parametrize(
    ("replicas", "least", "said"), [(1, 1, None), (3, 2, None), (3, 1, "may be lost"), (3, 3, "nothing can be written")]
)
def test_replicas_that_have_to_be_in_sync(replicas: int, least: int, said: str | None) -> None:
    problem = in_sync_problem(replicas, least)
    assert problem is None if said is None else problem is not None and said in problem


def test_the_file_system_of_a_path() -> None:
    found = {path: file_system(Path(path), MOUNTS) for path in ("/", "/data/x", "/data/local/x", "/datastore")}
    assert found == {"/": "ext4", "/data/x": "nfs4", "/data/local/x": "xfs", "/datastore": "ext4"}


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("50000 100000", 0.5), ("nonsense", None)])
def test_the_cores_of_a_control_group(text: str, cores: float | None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cpu.max") == cores
    assert cpu_quota(tmp_path / "missing") is None


def installation(**environ: str) -> Installation:
    return Installation.of(environ, load_roles()["worker"])


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n<html>", b""])
async def test_a_port_of_another_program_is_told(said: bytes) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await check_endpoint(installation(AUDIO_HTTP_PORT=str(port)))
    assert found.status is Status.FAILED
    assert f"AUDIO_HTTP_PORT={port}" in found.detail


async def test_a_directory_for_objects_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    made = {tmp_path / "nowhere": Status.FAILED, Path("/proc/a"): Status.FAILED, tmp_path / "a" / "b": Status.PASSED}
    found = {path: (await check_stores(installation(AUDIO_STORES=f"file://{path}")))[0].status for path in made}
    assert found == made
    assert not (tmp_path / "a").exists()


async def test_a_certificate_of_an_unusual_kind_is_not_judged(tmp_path: Path) -> None:
    issued = trustme.CA().cert_pem.bytes()
    marked = tmp_path / "trusted.pem"
    marked.write_bytes(issued.replace(b" CERTIFICATE-----", b" TRUSTED CERTIFICATE-----"))
    (found,) = await check_certificates(installation(KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE=str(marked)))
    assert found.status is Status.NOT_CHECKED
    assert str(marked) in found.detail


def keys_of(*lifetimes: int) -> bytes:
    made = [
        new_key("person-1", Role.VIEWER, None, now=datetime.now(UTC), lifetime=timedelta(days=one)) for one in lifetimes
    ]
    return ApiKeys([key for _, key in made]).to_json()


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (keys_of(1, -1), Status.PASSED, "1 of 2 keys"),
        (keys_of(-1), Status.WARNING, "none of the 1 key"),
        (b"{", Status.FAILED, "is no JSON"),
        (None, Status.FAILED, "No such file"),
    ],
)
async def test_the_file_with_api_keys_is_read(content: bytes | None, status: Status, said: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    (found,) = await check_api_keys(installation(AUDIO_API_KEYS_FILE=str(file)))
    assert found.status is status
    assert said in found.detail


async def test_a_named_pipe_is_no_secret_file_and_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (keys,) = await check_api_keys(installation(AUDIO_API_KEYS_FILE=str(pipe)))
    secret = await check_settings(installation(AUDIO_ADMIN_TOKEN_FILE=str(pipe)))
    for found in (keys, secret[0]):
        assert found.status is Status.FAILED
        assert "is a named pipe" in found.detail
