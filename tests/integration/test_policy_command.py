"""`policy` on a genuine Kafka: what it sends, what it says when somebody else does the same, and what workers say."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from infra.kafka.ports import free_ports
from schemas import Policy, PolicyEvent, Position
from schemas.topics import POLICY
from scripts.cli import Cluster, CommandError
from scripts.commands import policy
from scripts.policies.topic import PolicyWriter, exclusively, read_policies
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.runtime.http_access import HttpAccess
from streams.runtime.http_server import WebServer
from streams.runtime.policies import PoliciesInForce, PolicyReader
from streams.runtime.readiness import Readiness
from streams.security.authentication import Authenticator
from streams.telemetry.metrics import Metrics
from tests.support.brokers import Broker, Namespace
from tests.support.signals import encode_as, speech

Command = Callable[..., Awaitable[int]]


@pytest.fixture
async def cluster(broker: Broker, namespace: Namespace) -> Cluster:
    connection = KafkaConnection(broker.bootstrap_servers)
    await apply_topics(connection, namespace.prefix, namespace.group)
    return Cluster(connection, namespace.prefix, namespace.group)


@pytest.fixture
def command(cluster: Cluster) -> Command:
    """Runs the command; returns its exit code."""
    where = ["--bootstrap-servers", cluster.bootstrap_servers, "--topic-prefix", cluster.prefix]

    async def run(action: str, *arguments: object) -> int:
        given = [action, *map(str, arguments), *where, "--group", cluster.group]
        return await asyncio.to_thread(policy.main, given)

    return run


@pytest.fixture
async def worker(cluster: Cluster) -> AsyncIterator[str]:
    """The part of a worker that follows policies, and its address."""
    metrics = Metrics()
    reader = PolicyReader(cluster.connection, cluster.topic(POLICY), PoliciesInForce(), metrics)
    access = HttpAccess(Authenticator())
    web = WebServer(("127.0.0.1", 0), metrics, Readiness({}), status=dict, policy=reader.report, access=access)
    await web.start()
    task = asyncio.create_task(reader.run())
    yield web.url
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await web.stop()


async def in_force(cluster: Cluster, hotel: str = "seaside") -> Policy | None:
    return (await read_policies(cluster)).policy(hotel)


async def test_a_policy_is_set_changed_shown_and_removed(
    cluster: Cluster, command: Command, worker: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"version": 77, "hotel": "seaside", "ceilingLevel": 4, "accept": ["audio/flac"]}))

    assert await command("set", "--hotel", "seaside", file, "--worker", worker) == 0
    assert await in_force(cluster) == Policy(1, ceiling_level=4, accept=("audio/flac",))
    said = [line for line in capsys.readouterr().out.splitlines() if "[info " not in line]  # the worker's log
    assert said == [
        "seaside: the default policy becomes version 1",
        "  ceiling level: 5 -> 4",
        "  accept: all -> audio/flac",
        f"seaside: version 1 is in force in 1 worker, all of the group {cluster.group}",
    ]

    assert await command("set", "--hotel", "seaside", "--legal-hold", "--worker", worker) == 0
    assert await in_force(cluster) == Policy(2, ceiling_level=4, accept=("audio/flac",), legal_hold=True)
    assert await command("set", "--hotel", "seaside", "--legal-hold", "--worker", worker) == 0
    assert "version 2 says so already; nothing was sent" in capsys.readouterr().out

    assert await command("show") == 0
    assert "ceiling level 4, accept audio/flac, legal hold yes" in " ".join(capsys.readouterr().out.split())
    assert await command("show", "--hotel", "seaside", "--json", "-") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["hotel"], shown["version"], shown["legalHold"]) == ("seaside", 2, True)

    assert await command("remove", "--hotel", "seaside") == 1
    assert "--yes" in capsys.readouterr().err
    assert await command("remove", "--hotel", "seaside", "--yes", "--worker", worker) == 0
    assert "the removal is in force in 1 worker" in capsys.readouterr().out
    assert await in_force(cluster) is None
    assert await command("remove", "--hotel", "seaside", "--yes") == 0
    assert "seaside has no policy\n" in capsys.readouterr().out
    assert await command("remove", "--hotel", "lisbon", "--yes", "--force", "--worker", worker) == 0
    assert [change.policy for change in (await read_policies(cluster)).changes("lisbon")] == [None]


async def test_mistakes_and_dry_runs_send_nothing(
    cluster: Cluster, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("set", "--hotel", "seaside", "--ceiling-level", "nine", "--min-quality", "9") == 1
    assert capsys.readouterr().err.splitlines() == [
        'policy: --ceiling-level: is "nine" and must be a level from 1 to 5',
        "policy: --min-quality: is 9 and must be a number from 1.0 to 4.5",
    ]
    assert await command("set", "--hotel", "seaside", "--ceiling-level", "4", "--dry-run") == 0
    assert "ceiling level: 5 -> 4" in capsys.readouterr().out
    assert (await read_policies(cluster)).changes("seaside") == []


async def test_who_cannot_be_asked_is_told_with_a_code_of_its_own(
    cluster: Cluster, command: Command, worker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)}"
    asked = ["--worker", worker, "--worker", nobody, "--timeout", 1]
    assert await command("set", "--hotel", "seaside", "--ceiling-level", "4", *asked) == 3
    shown = capsys.readouterr()
    assert f"policy: {nobody} does not answer (Connection refused)" in shown.err
    assert "version 1 was sent; 1 worker said that it is in force" in shown.out

    assert await command("set", "--hotel", "seaside", "--ceiling-level", "3") == 0
    assert f"no worker of the group {cluster.group} runs; the next one starts with version 2" in capsys.readouterr().out


async def test_who_began_later_may_write_and_who_began_earlier_hears_of_it(cluster: Cluster, command: Command) -> None:
    async with exclusively(cluster, "seaside") as earlier:
        assert await command("set", "--hotel", "seaside", "--ceiling-level", "4") == 0
        with pytest.raises(CommandError, match="somebody else is changing the policy of seaside"):
            await earlier.write(PolicyEvent("seaside", Policy(1, legal_hold=True)))
    assert await in_force(cluster) == Policy(1, ceiling_level=4)


@pytest.mark.parametrize("race", [(1, "before", "has won: version 1"), (2, "after", "replaced this change already")])
async def test_a_change_by_another_program_at_the_same_moment_is_told(
    race: tuple[int, str, str],
    cluster: Cluster,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    version, moment, says = race
    genuine = PolicyWriter.write
    foreign = PolicyEvent("seaside", Policy(version, floor_level=2)).to_record()

    async def publish() -> None:
        async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers) as producer:
            await producer.send_and_wait(cluster.topic(POLICY), foreign.value, key=foreign.key)

    async def write(writer: PolicyWriter, event: PolicyEvent) -> Position:
        if moment == "before":
            await publish()
        position = await genuine(writer, event)
        if moment == "after":
            await publish()
        return position

    monkeypatch.setattr(PolicyWriter, "write", write)
    assert await command("set", "--hotel", "seaside", "--ceiling-level", "4") == 1
    assert says in capsys.readouterr().err
    assert await in_force(cluster) == Policy(version, floor_level=2)


async def test_a_policy_is_tried_on_recordings_beside_the_one_in_force(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.wav").write_bytes(encode_as(speech(2), "audio/wav"))
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    await command("set", "--hotel", "seaside", "--floor-level", "5")
    capsys.readouterr()

    code = await command("check", "--hotel", "seaside", "--legal-hold", "--recordings", tmp_path, "--json", "-")

    assert code == 1
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    (file,) = told["files"]
    assert (file["present"]["level"], file["new"]["level"]) == (5, 2)
    assert (file["new"]["codec"], file["new"]["quality"], file["new"]["reason"]) == ("flac", 5.0, "legal hold")
    assert "broken.wav" in shown.err
    assert await command("check", "--hotel", "seaside", "--recordings", tmp_path / "one.wav") == 0
    shown = capsys.readouterr()
    assert "3 -> 5" in shown.out
    assert "default policy: " in shown.out
    assert "reasons with the present policy: " in shown.out
    assert "policy floor 5 (1)" in shown.out
