"""The API server validates every manifest: overlays, components and the file that works alone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.operator_types import operator_types
from tests.support.kubernetes import Cluster, KubectlError
from tests.support.kubernetes_overlay import K8S

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(3600)]

OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (K8S / "components").iterdir())
#: Components that change what another one has.
ON_TOP_OF = {"burst": ["hpa"]}


@pytest.fixture(scope="module")
def validating(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, with the operators' types."""
    with operator_types(cluster):
        yield cluster


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    with cluster.namespace("hotel-audio-validated", labels=restricted) as name:
        yield name


def dry_run(cluster: Cluster, manifests: str) -> list[str]:
    """What the server would make of manifests; it says nothing of a field that it does not know, but fails."""
    return cluster.apply(manifests, "--dry-run=server").splitlines()


def kustomized(cluster: Cluster, scratch: Path, namespace: str, resource: Path, *components: Path) -> str:
    """Manifests in another namespace than their own, which exists."""

    def relative(path: Path) -> str:
        return os.path.relpath(path, scratch.resolve())

    kustomization = {
        "namespace": namespace,
        "resources": [relative(resource)],
        "components": [relative(path) for path in components],
    }
    (scratch / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return cluster.run("kustomize", str(scratch))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays(validating: Cluster, namespace: str, overlay: str, tmp_path: Path) -> None:
    manifests = kustomized(validating, tmp_path, namespace, K8S / "overlays" / overlay)
    accepted = dry_run(validating, manifests)
    assert len(accepted) == len(list(yaml.safe_load_all(manifests)))
    assert any("statefulset.apps/hotel-audio-worker" in line for line in accepted)


@pytest.mark.parametrize("component", COMPONENTS)
def test_components(validating: Cluster, namespace: str, component: str, tmp_path: Path) -> None:
    added = [K8S / "components" / name for name in [*ON_TOP_OF.get(component, []), component]]
    assert dry_run(validating, kustomized(validating, tmp_path, namespace, K8S / "base", *added))


def test_topics_and_users_of_strimzi(validating: Cluster, namespace: str, tmp_path: Path) -> None:
    accepted = dry_run(validating, kustomized(validating, tmp_path, namespace, K8S / "strimzi"))
    assert any("kafkatopic" in line for line in accepted)
    assert any("kafkauser" in line for line in accepted)


def test_the_autoscaler_works_alone(validating: Cluster, namespace: str) -> None:
    manifest = (K8S / "audio-scaling-config.yaml").read_text()
    moved = re.sub(r"(?m)^(\s+namespace:) hotel-audio$", rf"\1 {namespace}", manifest)
    assert moved.count(namespace) > 5
    assert any("agente-audio-hpa" in line for line in dry_run(validating, moved))


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (("serviceName:", "serviceNames:"), "field not declared in schema"),
        (("containerPort: 8080", "containerPort: 80800"), "must be between 1 and 65535"),
    ],
)
def test_mistakes_are_refused(
    validating: Cluster, namespace: str, tmp_path: Path, mistake: tuple[str, str], reason: str
) -> None:
    manifests = kustomized(validating, tmp_path, namespace, K8S / "overlays" / "local")
    assert mistake[0] in manifests
    with pytest.raises(KubectlError, match=reason):
        dry_run(validating, manifests.replace(*mistake))
