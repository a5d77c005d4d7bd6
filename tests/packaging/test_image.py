"""The image, built by its command and run as an orchestrator runs it: no rights, a read-only root, a state volume."""

import asyncio
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from infra.docker.image import version as project_version
from infra.packaging.relocation import relocate
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import ROOT
from tests.chaos.workload import calls
from tests.support import containers, misbehaving
from tests.support.bill_of_materials import structural_problems
from tests.support.brokers import Broker, Namespace
from tests.support.containers import BuiltImage, IdleContainer, WorkerContainer

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "tcc", "as", "ld", "make")
GRACE_S = 30
SANDBOXED = """
import sys
from hotel_audio.sandbox import DecoderSandbox
from hotel_audio.schemas import MediaType
with DecoderSandbox(2, decoder="misbehaving:decode") as sandbox:
    for action in sys.argv[1:]:
        answer = sandbox.decode(action.encode(), MediaType("audio/flac"))
        print(action, getattr(answer, "reason", "decoded"), sep=": ")
    print("in force: " + " ".join(kind for kind, holds in sandbox.in_force.by_kind.items() if holds))
"""


@pytest.fixture(scope="session")
def idle(image: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdleContainer]:
    """A container for all commands that change nothing, with the misbehaving decoder of other tests."""
    probe = tmp_path_factory.mktemp("probe")
    containers.write_module(probe, "misbehaving", relocate(Path(misbehaving.__file__).read_text(), lambda _: False))
    with image.idle(probe) as container:
        yield container


@pytest.fixture
def settings(broker: Broker, namespace: Namespace) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "AUDIO_TOPIC_PREFIX": namespace.prefix,
        "AUDIO_GROUP": namespace.group,
    }


@pytest.fixture
def worker(image: BuiltImage, idle: IdleContainer, settings: dict[str, str]) -> Iterator[WorkerContainer]:
    """A container with a worker, not yet started, and its topics."""
    code, output = idle.run("hotel-audio", "topics", "apply", environment=settings)
    assert code == 0, output
    with image.worker(settings) as made:
        yield made


@pytest.fixture
def oracle(broker: Broker, namespace: Namespace) -> DeliveryOracle:
    return DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)


def test_the_command_prints_name_digest_and_size(image: BuiltImage) -> None:
    name, digest, size = image.told.splitlines()
    assert name.split() == ["image", image.name]
    assert re.fullmatch(r"digest +sha256:[0-9a-f]{64}", digest)
    assert re.fullmatch(r"size +\d+ MB, -?\d+ MB over python:3\.11-slim-bookworm", size)


def test_what_it_adds_to_its_base_is_small(idle: IdleContainer) -> None:
    megabytes = int(idle.shell("du -sm /opt/hotel-audio").split()[0])
    print(f"/opt/hotel-audio: {megabytes} MB")
    assert megabytes < 300


def test_labels_say_what_it_is(image: BuiltImage) -> None:
    labels = {key.removeprefix("org.opencontainers.image."): text for key, text in labels_of(image).items()}
    assert labels["title"] == "hotel-audio"
    assert labels["version"] == project_version()
    assert labels["licenses"] == "Apache-2.0"
    assert labels["base.name"] == "python:3.11-slim-bookworm"
    assert re.fullmatch(r"[0-9a-f]{40}|", labels["revision"])


def labels_of(image: BuiltImage) -> dict[str, str]:
    labels: dict[str, str] = image.attributes["Config"]["Labels"]
    return labels


def test_nothing_in_it_says_where_its_packages_came_from(image: BuiltImage, idle: IdleContainer) -> None:
    assert "PIP_INDEX" not in json.dumps(image.attributes)
    assert idle.shell("ls /etc/pip.conf /run/secrets 2>/dev/null | wc -l") == "0"


def test_its_user_has_a_number_and_no_rights(image: BuiltImage, idle: IdleContainer) -> None:
    assert image.attributes["Config"]["User"] == "10001:10001"  # Kubernetes' runAsNonRoot needs a number
    assert idle.shell("id -u; id -g").split() == ["10001", "10001"]


def test_it_has_no_compiler(idle: IdleContainer) -> None:
    assert idle.shell(f"for one in {' '.join(COMPILERS)}; do command -v $one; done; true") == ""
    assert idle.shell("find / -xdev '(' -name cc1 -o -name Python.h ')' 2>/dev/null; true") == ""


def test_its_software_cannot_be_changed_by_its_user(idle: IdleContainer) -> None:
    assert (
        idle.shell(
            "find /opt /usr /etc -xdev ! -type l '(' -user 10001 -o -group 10001 -o -perm -o+w ')' 2>/dev/null; true"
        )
        == ""
    )
    assert idle.shell("touch /opt/hotel-audio/x /x 2>&1 | grep -c 'Read-only'") == "2"


def test_the_bill_of_materials_lists_what_is_installed(idle: IdleContainer) -> None:
    code = "from importlib.metadata import distributions; print(*(f'{d.name}=={d.version}' for d in distributions()))"
    exit_code, output = idle.run("/opt/hotel-audio/bin/python", "-c", code)
    assert exit_code == 0, output
    installed = {normal(one) for one in output.split()}
    bom = json.loads(idle.shell("cat /opt/hotel-audio/sbom.cdx.json"))
    assert structural_problems(bom) == []
    assert (bom["metadata"]["component"]["name"], bom["metadata"]["component"]["version"]) == (
        "hotel-audio-streams",
        project_version(),
    )
    listed = {normal(f"{one['name']}=={one['version']}") for one in bom["components"]}
    assert listed | {f"hotel-audio-streams=={project_version()}"} == installed
    assert {f"pyflac=={version('pyflac')}", f"numpy=={version('numpy')}"} <= listed
    assert all(one["purl"].startswith("pkg:pypi/") for one in bom["components"])


def normal(requirement: str) -> str:
    name, _, number = requirement.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={number}"


def test_every_pinned_requirement_of_a_worker_is_installed_as_pinned(idle: IdleContainer) -> None:
    pinned = re.findall(r"^([\w.-]+==[\w.]+)(?: ;.*)? \\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    bom = json.loads(idle.shell("cat /opt/hotel-audio/sbom.cdx.json"))
    listed = {normal(f"{one['name']}=={one['version']}") for one in bom["components"]}
    assert listed - {f"hotel-audio-streams=={project_version()}"} <= {normal(one) for one in pinned}


def test_every_command_is_its_argument(image: BuiltImage, idle: IdleContainer) -> None:
    config = image.attributes["Config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["/usr/bin/tini", "--", "hotel-audio"], ["worker"])
    entrypoint = ("/usr/bin/tini", "-s", *config["Entrypoint"][1:])  # here it is not the first process
    assert idle.run(*entrypoint, "--version") == (0, f"hotel-audio {project_version()}\n")
    code, output = idle.run(*entrypoint, "lag", "--bootstrap-servers", "127.0.0.1:1")
    assert code == 1
    assert output.startswith("lag: no Kafka broker answers at 127.0.0.1:1")


def test_decoders_are_confined_without_further_rights(idle: IdleContainer) -> None:
    actions = ("be good", "read", "write", "list", "connect", "fork", "user")
    python = ("/opt/hotel-audio/bin/python", "-c", SANDBOXED)
    code, output = idle.run(*python, *actions, environment={"PYTHONPATH": "/probe"})
    assert code == 0, output
    told = dict(line.split(": ", 1) for line in output.splitlines())
    assert told["be good"] == "decoded"
    assert {told[action].split(":")[0] for action in ("read", "write", "list")} == {"denied"}
    assert all(told[action].startswith("the decoder crashed") for action in ("connect", "fork"))
    assert {"files", "system_calls"} <= set(told["in force"].split())
    assert told["user"] == "10001"


async def test_calls_flow_and_a_stop_under_load_loses_nothing(worker: WorkerContainer, oracle: DeliveryOracle) -> None:
    worker.start()
    assert worker.health() == 1
    await asyncio.to_thread(worker.wait_healthy)
    assert worker.run("cat", "/proc/1/comm").strip() == "tini"
    assert worker.run("ls", containers.STATE).split() == ["state"]
    plan = calls(600, seed=20)
    sending = asyncio.create_task(oracle.send(plan, per_second=150))
    await asyncio.sleep(2)
    code, seconds = await asyncio.to_thread(worker.stop, GRACE_S)
    assert (code, worker.status()) == (0, "exited"), worker.logs()[-3000:]
    assert seconds < GRACE_S
    print(f"stopped in {seconds:.1f} s")
    await sending
    worker.start()
    await oracle.collect(within=90)
    assert oracle.problems() == []
    assert len(oracle.results) > 300
    assert (await asyncio.to_thread(worker.stop, GRACE_S))[0] == 0


def test_a_worker_that_cannot_start_ends_with_its_code_and_reason(idle: IdleContainer) -> None:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "AUDIO_HTTP_PORT": "0"}
    code, output = idle.run("hotel-audio", "worker", environment=settings)
    assert code == 1
    assert "no Kafka broker answers" in output
