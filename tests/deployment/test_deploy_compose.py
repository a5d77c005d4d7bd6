"""Deployments with Compose under traffic: a healthy version, and two that do not work."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from testcontainers.core.docker_client import DockerClient

from tests.support import containers
from tests.support.broken_versions import broken_image
from tests.support.composed import Composed, composed
from tests.support.containers import BuiltImage, until
from tests.support.deploying import Deployed, deploy, deploy_meanwhile, problems_of, refused, start
from tests.support.service_images import service_images
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("image"), pytest.mark.timeout(1800)]

GROUP = "hotel-audio"
PER_SECOND = 10.0
#: Another version whose settings differ.
CACHE_SIZE = {"AUDIO_CACHE_SIZE": "65MB"}


@dataclass
class Deployable:
    """A composed system, to which versions are deployed.

    Attributes:
        system: The system.
        versions: Names of images, by the kind of version.
        run_dir: Where the records are kept.
        traffic: Sends calls and judges their outcomes.
    """

    system: Composed
    versions: Mapping[str, str]
    run_dir: Path
    traffic: Traffic

    @property
    def servers(self) -> str:
        return self.system.bootstrap_servers

    def environment(self, version: str, settings: Mapping[str, str]) -> Mapping[str, str]:
        return {
            **os.environ,
            **self.system.environment,
            **settings,
            "AUDIO_IMAGE": self.versions[version],
            "AUDIO_RUN_DIR": str(self.run_dir),
            "COMPOSE_PROJECT_NAME": self.system.project,
            "COMPOSE_HTTP_TIMEOUT": "480",
        }

    def deploy(self, version: str, *more: str, **settings: str) -> Deployed:
        return deploy("compose", "--timeout", "480", *more, environment=self.environment(version, settings))

    async def deploy_meanwhile(self, version: str, **settings: str) -> Deployed:
        return await deploy_meanwhile("compose", "--timeout", "480", environment=self.environment(version, settings))

    def running(self) -> list[tuple[str, str]]:
        """Image and cache size of each worker that runs."""
        found = [one for one in self.system.containers("worker") if one.status == "running"]
        return [(str(one.attrs["Image"]), variable(one.attrs["Config"]["Env"], "AUDIO_CACHE_SIZE")) for one in found]


def variable(variables: list[str], name: str) -> str:
    return dict(one.partition("=")[::2] for one in variables)[name]


@pytest.fixture(scope="module")
def image() -> Iterator[BuiltImage]:
    with containers.built_image(containers.require_engine()) as built:
        yield built


@pytest.fixture(scope="module")
def deployable(image: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployable]:
    """Two workers, deployed by the command itself, and images of versions that do not work."""
    engine = containers.require_engine()
    with ExitStack() as stack:
        broken = {
            kind: stack.enter_context(broken_image(engine, image.name, kind)) for kind in ("crashing", "refusing")
        }
        settings = {"AUDIO_IMAGE": image.name, "AUDIO_WORKERS": "2", "AUDIO_GROUP": GROUP, **service_images(engine)}
        system = stack.enter_context(composed(tmp_path_factory.mktemp("composed"), settings, "compose.local.yaml"))
        traffic = Traffic(system.bootstrap_servers, "", GROUP)
        versions = {"good": image.name, **broken}
        made = Deployable(system, versions, tmp_path_factory.mktemp("run"), traffic)
        deployed = made.deploy("good")
        assert deployed.code == 0, deployed.told
        assert deployed.report["before"] is None
        yield made


def test_the_same_version_again_is_nothing_to_do(deployable: Deployable) -> None:
    deployed = deployable.deploy("good")
    assert (deployed.code, "steps" in deployed.report) == (0, False), deployed.told
    assert deployed.report["outcome"].startswith("nothing to do")


def test_a_dry_run_changes_nothing(deployable: Deployable) -> None:
    before = deployable.running()
    deployed = deployable.deploy("refusing", "--dry-run")
    assert deployed.code == 0, deployed.told
    assert deployed.report["after"]["image"] == deployable.versions["refusing"]
    assert deployable.running() == before


async def test_a_version_that_crashes_is_rolled_back_and_nothing_is_lost(deployable: Deployable) -> None:
    before = await asyncio.to_thread(deployable.running)
    async with deployable.traffic.during("a version that crashes", per_second=PER_SECOND) as step:
        deployed = await deployable.deploy_meanwhile("crashing")
    assert deployed.code == 1, deployed.told
    assert deployed.failed_step["step"] == "workers"
    assert "exit code 3" in deployed.failed_step["told"]
    assert "this version cannot start" in "".join(deployed.report["log"])
    assert await asyncio.to_thread(deployable.running) == before
    assert await problems_of(step, deployable.servers) == []


async def test_a_version_that_refuses_calls_is_rolled_back_with_its_settings(deployable: Deployable) -> None:
    before = await asyncio.to_thread(deployable.running)
    async with deployable.traffic.during("a version that refuses calls", per_second=PER_SECOND) as step:
        deployed = await deployable.deploy_meanwhile("refusing", **CACHE_SIZE)
    assert deployed.code == 1, deployed.told
    assert deployed.failed_step["step"] == "validation"
    assert any("dead_letters" in line and "--replay" in line for line in deployed.report["advice"])
    assert await asyncio.to_thread(deployable.running) == before
    letters, damaged = await refused(deployable.servers)
    assert letters, "it has refused some calls"
    assert damaged == []
    problems = await problems_of(step, deployable.servers)
    assert [one for one in problems if "a dead letter of a good input" not in one.detail] == []


async def test_killed_in_the_midst_it_goes_on_and_nothing_is_lost(deployable: Deployable) -> None:
    async with deployable.traffic.during("changed settings, killed and resumed", per_second=PER_SECOND) as step:
        await asyncio.to_thread(kill_while_workers_are_replaced, deployable)
        deployed = await deployable.deploy_meanwhile("good", **CACHE_SIZE)
    assert deployed.code == 0, deployed.told
    assert deployed.report["resumed"]
    good = DockerClient().client.images.get(deployable.versions["good"]).id
    assert await asyncio.to_thread(deployable.running) == [(good, CACHE_SIZE["AUDIO_CACHE_SIZE"])] * 2
    assert await problems_of(step, deployable.servers) == []


def kill_while_workers_are_replaced(deployable: Deployable) -> None:
    """Kill a deployment of changed settings as soon as there is a worker more."""
    process = start("compose", "--timeout", "480", environment=deployable.environment("good", CACHE_SIZE))
    until(lambda: len(deployable.running()) == 3, 480)
    process.send_signal(signal.SIGKILL)
    process.communicate()
