"""Deployments to a genuine Kubernetes under traffic: a healthy version, and two that do not work."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infra.kafka.ports import free_ports
from infra.kafka.readiness import wait_until_ready
from tests.support import containers, kubernetes
from tests.support.broken_versions import broken_image
from tests.support.containers import BuiltImage
from tests.support.deploying import Deployed, deploy, deploy_meanwhile, problems_of, refused
from tests.support.kubernetes import Cluster
from tests.support.kubernetes_overlay import GROUP, Overlay, patch_of
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(1800)]

KAFKA_PORT_OF_POD = 29092
PER_SECOND = 10.0


@dataclass
class Deployable:
    """The overlay `local` as a folder of its own, for `deploy kubernetes --overlay`.

    Attributes:
        cluster: Where it goes.
        overlay: What it has.
        directory: Its folder.
        versions: Names for pods of the images, by the kind of version.
        traffic: Sends calls and judges their outcomes.
    """

    cluster: Cluster
    overlay: Overlay
    directory: Path
    versions: Mapping[str, str]
    traffic: Traffic

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.overlay.kafka_port}"

    def write(self, cache_size: str) -> None:
        """Render the folder with a setting of the workers."""
        patch = patch_of("ConfigMap", "hotel-audio-settings", ("replace", "/data/AUDIO_CACHE_SIZE", cache_size))
        text = replace(self.overlay, patches=(patch,)).manifests(self.cluster)
        (self.directory / "all.yaml").write_text(text)
        (self.directory / "kustomization.yaml").write_text("resources: [all.yaml]\n")

    def arguments(self) -> tuple[str, ...]:
        return ("kubernetes", "--overlay", str(self.directory), "--timeout", "300")

    def environment(self, version: str) -> Mapping[str, str]:
        return {**self.cluster.environment, "AUDIO_IMAGE": self.versions[version]}

    def deploy(self, version: str, *more: str) -> Deployed:
        return deploy(*self.arguments(), *more, environment=self.environment(version))

    async def deploy_meanwhile(self, version: str) -> Deployed:
        return await deploy_meanwhile(*self.arguments(), environment=self.environment(version))

    def running(self) -> set[tuple[str, str]]:
        """Image and cache size of all workers."""
        selector = "app.kubernetes.io/component=worker"
        pods = self.cluster.read("--namespace", self.overlay.namespace, "get", "pods", "--selector", selector)["items"]
        return {self._version_of(pod["spec"]["containers"][0]) for pod in pods}

    def _version_of(self, container: Mapping[str, object]) -> tuple[str, str]:
        sources = container["envFrom"]
        assert isinstance(sources, list)
        name = sources[0]["configMapRef"]["name"]
        found = self.cluster.read("--namespace", self.overlay.namespace, "get", "configmap", name)
        return str(container["image"]), found["data"]["AUDIO_CACHE_SIZE"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kubernetes.running_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def image() -> Iterator[BuiltImage]:
    with containers.built_image(containers.require_engine()) as built:
        yield built


@pytest.fixture(scope="module")
def versions(cluster: Cluster, image: BuiltImage) -> Iterator[Mapping[str, str]]:
    """Names for pods of an image that works, and of two that do not."""
    engine = containers.require_engine()
    with ExitStack() as stack:
        broken = {
            kind: stack.enter_context(broken_image(engine, image.name, kind)) for kind in ("crashing", "refusing")
        }
        names = {"good": image.name, **broken}
        yield {kind: cluster.load(name, engine) for kind, name in names.items()}


@pytest.fixture(scope="module")
def deployable(
    cluster: Cluster, versions: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployable]:
    """Two workers and a broker, deployed by the command itself into a namespace that does not exist yet."""
    images = {"hotel-audio": versions["good"], "hotel-audio-kafka": kubernetes.kafka_image(cluster)}
    overlay = Overlay(f"hotel-audio-deploy-{free_ports(1)}", images, free_ports(1), replicas=2)
    traffic = Traffic(f"127.0.0.1:{overlay.kafka_port}", "", GROUP)
    made = Deployable(cluster, overlay, tmp_path_factory.mktemp("overlay"), versions, traffic)
    made.write("64MB")
    try:
        deployed = made.deploy("good")
        assert deployed.code == 0, deployed.told
        assert deployed.report["before"] is None
        with cluster.forwarded(overlay.namespace, "statefulset/kafka", overlay.kafka_port, KAFKA_PORT_OF_POD):
            asyncio.run(wait_until_ready({"bootstrap_servers": made.servers}, 1, 120))
            yield made
    finally:
        cluster.remove_namespace(overlay.namespace)


def test_the_same_version_again_is_nothing_to_do(deployable: Deployable) -> None:
    deployed = deployable.deploy("good")
    assert (deployed.code, "steps" in deployed.report) == (0, False), deployed.told
    assert deployed.report["outcome"].startswith("nothing to do")


def test_a_dry_run_changes_nothing(deployable: Deployable) -> None:
    deployed = deployable.deploy("refusing", "--dry-run")
    assert deployed.code == 0, deployed.told
    assert deployed.report["after"]["image"] == deployable.versions["refusing"]
    assert {image for image, _ in deployable.running()} == {deployable.versions["good"]}


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
    await asyncio.to_thread(deployable.write, "65MB")
    try:
        async with deployable.traffic.during("a version that refuses calls", per_second=PER_SECOND) as step:
            deployed = await deployable.deploy_meanwhile("refusing")
    finally:
        await asyncio.to_thread(deployable.write, "64MB")
    assert deployed.code == 1, deployed.told
    assert deployed.failed_step["step"] == "validation"
    assert any("dead_letters" in line and "--replay" in line for line in deployed.report["advice"])
    assert await asyncio.to_thread(deployable.running) == before
    letters, damaged = await refused(deployable.servers)
    assert letters, "it has refused some calls"
    assert damaged == []
    others = [
        one for one in await problems_of(step, deployable.servers) if "a dead letter of a good input" not in one.detail
    ]
    assert others == []


async def test_changed_settings_are_a_deployment_and_nothing_is_lost(deployable: Deployable) -> None:
    await asyncio.to_thread(deployable.write, "66MB")
    async with deployable.traffic.during("changed settings", per_second=PER_SECOND) as step:
        deployed = await deployable.deploy_meanwhile("good")
    assert deployed.code == 0, deployed.told
    assert await asyncio.to_thread(deployable.running) == {(deployable.versions["good"], "66MB")}
    assert await problems_of(step, deployable.servers) == []
